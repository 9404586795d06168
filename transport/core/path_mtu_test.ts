/**
 * The packet size of a path: alone, and between two endpoints on virtual time
 * (RFC 8899).
 */
import assert from "node:assert/strict";
import { Pair, readAll } from "../../tests/support/pair.ts";
import type { Connection } from "./connection.ts";
import {
  MTU_PROBE_AFTER_FULL_PACKETS,
  PathMtu,
  type PathMtuLimits,
} from "./path_mtu.ts";

const TRANSFER_BYTES = 8_000_000;

/** Sends bytes from the client; resolves what the server has by then. */
function transfer(pair: Pair, client: Connection): { receivedBytes: number } {
  const progress = { receivedBytes: 0 };
  const id = client.openStream({ priority: 2 })!;
  let rest = new Uint8Array(TRANSFER_BYTES).fill(7);
  const pump = (): void => {
    rest = rest.subarray(client.writeStream(id, rest));
  };
  pump();
  pair.client.onEvent = (_connection, event) => {
    if (event.type === "stream-writable") pump();
  };
  pair.server.onEvent = (connection, event) => {
    if (event.type === "stream-readable") {
      progress.receivedBytes += readAll(connection, event.id).length;
    }
  };
  return progress;
}

function largestSent(pair: Pair): number {
  return Math.max(...pair.client.sentSizes);
}

const FAR = { hostname: "192.0.2.1", port: 9 };
const LOOPBACK = { hostname: "127.0.0.1", port: 9 };

/** One on which enough was sent to be asked for more. */
function createBusy(
  address: typeof FAR,
  limits: Partial<PathMtuLimits> = {},
): PathMtu {
  const mtu = new PathMtu(address, {
    maxDatagramBytes: undefined,
    peerMaxDatagramBytes: 65_507,
    receiveBufferBytes: undefined,
    ...limits,
  });
  for (let i = 0; i < MTU_PROBE_AFTER_FULL_PACKETS; i++) mtu.onFullPacketSent();
  return mtu;
}

Deno.test("PathMtu starts at 1,200 bytes and tries what the path, this end and the peer allow", () => {
  const sizes = [
    createBusy(FAR),
    createBusy(LOOPBACK),
    createBusy(LOOPBACK, { receiveBufferBytes: 4_194_304 }),
    createBusy(FAR, { maxDatagramBytes: 8_972 }),
    createBusy(FAR, { peerMaxDatagramBytes: 1_300 }),
    createBusy(FAR, { maxDatagramBytes: 1_200 }),
  ].map(({ currentBytes, discovery }) => [currentBytes, discovery.probeBytes]);
  assert.deepEqual(sizes, [
    [1_200, 1_472],
    [1_200, 28_900],
    [1_200, 65_507],
    [1_200, 8_972],
    [1_200, 1_300],
    [1_200, undefined],
  ]);
});

Deno.test("PathMtu.isProbeDue() waits for packets that were full, and for room", () => {
  const mtu = new PathMtu(FAR, {
    maxDatagramBytes: undefined,
    peerMaxDatagramBytes: 65_507,
    receiveBufferBytes: undefined,
  });
  for (let i = 0; i < MTU_PROBE_AFTER_FULL_PACKETS; i++) {
    assert.equal(mtu.isProbeDue(1_472), false);
    mtu.onFullPacketSent();
  }
  assert.equal(mtu.isProbeDue(1_472), true);
  assert.equal(mtu.isProbeDue(1_471), false);
  mtu.discovery.onProbeSent();
  assert.equal(mtu.isProbeDue(1_472), false, "one probe at a time");
  mtu.discovery.onProbeAcked(1_472);
  assert.equal(mtu.isProbeDue(1_472), false, "nothing larger is tried");
  assert.equal(mtu.currentBytes, 1_472);
});

Deno.test("PathMtu.handlePathChange() begins anew with what the new path may carry", () => {
  const mtu = createBusy(LOOPBACK);
  mtu.discovery.onProbeSent();
  mtu.discovery.onProbeAcked(28_900);
  assert.equal(mtu.currentBytes, 28_900);
  mtu.handlePathChange(FAR);
  assert.equal(mtu.currentBytes, 1_200);
  assert.equal(mtu.discovery.probeBytes, 1_472);
  assert.equal(mtu.isProbeDue(1_472), true);
});

Deno.test("A connection finds out that its path carries jumbo datagrams", () => {
  const pair = new Pair({ client: { maxDatagramBytes: 8_972 } });
  const { client } = pair.connect();
  const progress = transfer(pair, client);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.equal(largestSent(pair), 8_972);
  const large = pair.client.sentSizes.filter((size) => size > 8_000).length;
  assert.ok(large > 30, `${large} large datagrams`);
  assert.equal(client.stats.packetsLost, 0);
});

Deno.test("A path that carries less costs probes, no data and no congestion event", () => {
  const pair = new Pair({
    link: { mtuBytes: 1_400 },
    client: { maxDatagramBytes: 8_972 },
  });
  const { client } = pair.connect();
  const progress = transfer(pair, client);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.equal(client.stats.packetsLost, 0);
  assert.ok(pair.network.stats.droppedByMtu > 0);
  const passed = pair.client.sentSizes.filter((size) => size === 1_360).length;
  assert.ok(passed > 100, `${passed} datagrams of the size that fits`);
});

Deno.test("A path that shrinks in the middle of a transfer is noticed, and nothing is lost", () => {
  const pair = new Pair({ client: { maxDatagramBytes: 8_972 } });
  const { client } = pair.connect();
  const progress = transfer(pair, client);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  pair.network.configure({ mtuBytes: 1_300 });
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.equal(client.state, "established");
});

Deno.test("No question and no answer waits for a probe, also not for one that is lost", () => {
  for (const mtuBytes of [65_507, 1_500]) {
    const pair = new Pair({
      link: { mtuBytes },
      client: { maxDatagramBytes: 28_900 },
      server: { maxDatagramBytes: 28_900 },
    });
    const { client } = pair.connect();
    // Three datagrams each, of which two are full.
    const question = new Uint8Array(3_000);
    let receivedBytes = 0;
    let isAnswered = false;
    pair.server.onEvent = (connection, event) => {
      if (event.type !== "stream-readable") return;
      receivedBytes += readAll(connection, event.id).length;
      if (receivedBytes < question.length) return;
      connection.writeStream(event.id, question);
      connection.finishStream(event.id);
    };
    let answerBytes = 0;
    pair.client.onEvent = (connection, event) => {
      if (event.type !== "stream-readable") return;
      answerBytes += readAll(connection, event.id).length;
      isAnswered = answerBytes === question.length;
    };
    for (let index = 0; index < 30; index++) {
      const askedAt = pair.now;
      receivedBytes = answerBytes = 0;
      isAnswered = false;
      const id = client.openStream({ priority: 1 })!;
      client.writeStream(id, question);
      client.finishStream(id);
      pair.runUntil(() => isAnswered);
      // 10 ms there and 10 ms back.
      assert.equal(pair.now - askedAt, 20, `call ${index}`);
      pair.runFor(10);
    }
    for (const { sentSizes } of [pair.client, pair.server]) {
      assert.ok(sentSizes.includes(28_900), "it was probed");
    }
  }
});

Deno.test("Small calls one by one ask for no larger datagrams", () => {
  const pair = new Pair({ client: { maxDatagramBytes: 8_972 } });
  const { client } = pair.connect();
  for (let index = 0; index < 50; index++) {
    const id = client.openStream({ priority: 1 })!;
    client.writeStream(id, new Uint8Array(300));
    client.finishStream(id);
    pair.runFor(100);
  }
  assert.ok(client.stats.packetsSent > 50);
  assert.equal(largestSent(pair), 1_200);
});

Deno.test("maxDatagramBytes 1,200 sends no probe", () => {
  const pair = new Pair({ client: { maxDatagramBytes: 1_200 } });
  const { client } = pair.connect();
  const progress = transfer(pair, client);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.equal(largestSent(pair), 1_200);
});

Deno.test("Nobody sends a datagram larger than the peer takes", () => {
  const pair = new Pair({ client: { maxDatagramBytes: 65_507 } });
  const { client } = pair.connect();
  const progress = transfer(pair, client);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.ok(largestSent(pair) <= 65_507);
  assert.ok(largestSent(pair) > 28_900);
});

Deno.test("A path that shrinks while more data waits than the window takes is noticed (RFC 8899 §4.3)", () => {
  const pair = new Pair({
    client: { maxDatagramBytes: 8_972, sendBufferBytes: TRANSFER_BYTES },
    server: { maxStreamDataBytes: TRANSFER_BYTES },
  });
  const { client } = pair.connect();
  const progress = transfer(pair, client);
  pair.runUntil(() => largestSent(pair) === 8_972);
  pair.runFor(30);
  // Data fills every datagram, so no small one gets through by chance.
  pair.network.configure({ mtuBytes: 1_200 });
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
});
