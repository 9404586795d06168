/**
 * The end of a connection, on virtual time: what is said of it, how often, and when
 * nothing more (RFC 9000 §10.2).
 */
import assert from "node:assert/strict";
import { HostilePeer } from "../../tests/support/hostile_peer.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  SERVER_ADDRESS,
} from "../../tests/support/pair.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import { TransportError } from "./error.ts";

const PING = Uint8Array.of(0x50, 1);
const CLOSE = Uint8Array.of(0x50, 8, 0, 0);
const UNKNOWN = Uint8Array.of(0x7f);

/** A pair whose ends have nothing more to say to each other. */
function quietPair(
  seed = 1,
): { pair: Pair; client: Connection; server: Connection } {
  const pair = new Pair({ seed, link: { latencyMs: 10, jitterMs: 3 } });
  const ends = pair.connect();
  pair.runFor(500);
  return { pair, ...ends };
}

/** When datagrams leave an address from now on; those that are dropped as well. */
function watch(
  pair: Pair,
  { hostname }: Address,
  isDropped: (index: number) => boolean = () => false,
): number[] {
  const times: number[] = [];
  pair.network.filter = (_datagram, from) => {
    if (from.hostname !== hostname) return true;
    times.push(pair.now);
    return !isDropped(times.length - 1);
  };
  return times;
}

/** Lets time pass up to the next deadline of the endpoint under attack. */
function passTime(peer: HostilePeer): void {
  const { endpoint } = peer;
  peer.now = Math.max(peer.now, endpoint.pollTimeout() ?? peer.now);
  endpoint.handleTimeout(peer.now);
}

Deno.test("A close that nobody answers is sent three times, a probe timeout apart, and forgotten after three (RFC 9000 §10.2)", () => {
  const { pair, client } = quietPair();
  const times = watch(pair, CLIENT_ADDRESS, () => true);
  const closedAt = pair.now;
  client.close(pair.now, 0x101);
  pair.flush();
  const ptoMs = pair.client.endpoint.pollTimeout()! - closedAt;
  assert.ok(ptoMs > 20, `${ptoMs} ms`);
  pair.runUntil(() => client.state === "closed");
  const steps = times.map((at) => Math.round((at - closedAt) / ptoMs));
  assert.deepEqual(steps, [0, 1, 2]);
  assert.ok(Math.abs(pair.now - closedAt - 3 * ptoMs) < 1e-6);
  assert.equal(pair.client.endpoint.stats.connectionCount, 0);
});

for (const lostCount of [1, 2]) {
  Deno.test(`A peer with nothing to say hears of the end though the first ${lostCount} of its datagrams are lost`, () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { pair, client, server } = quietPair(seed);
      watch(pair, CLIENT_ADDRESS, (index) => index < lostCount);
      const from = pair.now;
      client.close(pair.now, 0x101, "enough");
      pair.runUntil(() => server.state === "draining");
      const error = pair.server.closeError(server);
      assert.ok(error instanceof TransportError);
      assert.equal(error.code, "CLOSED_BY_PEER");
      assert.equal(error.closeCode, 0x101);
      assert.ok(pair.now - from < 1_000, `${pair.now - from} ms`);
    }
  });
}

Deno.test("Who has closed says nothing more once it is answered, and the application hears of one end (RFC 9000 §10.2.2)", () => {
  const { pair, client, server } = quietPair();
  const { endpoint } = pair.client;
  const times = watch(pair, CLIENT_ADDRESS);
  client.close(pair.now, 0x101);
  pair.flush();
  assert.equal(endpoint.isPeerUnaware, true);
  const from = pair.now;
  pair.runUntil(() => client.state === "draining");
  assert.ok(pair.now - from < 30, "a round trip");
  assert.equal(endpoint.isPeerUnaware, false);
  pair.runUntil(() => server.state === "closed" && client.state === "closed");
  assert.equal(times.length, 1);
  assert.deepEqual(pair.client.eventTypes(client).slice(-1), ["closed"]);
  assert.equal(
    pair.client.eventTypes(client).filter((type) => type === "closed").length,
    1,
  );
  assert.equal(pair.client.closeError(client).code, "CLOSED");
});

Deno.test("An answer that is lost is not repeated: the end is over after three probe timeouts", () => {
  const { pair, client } = quietPair();
  const answers = watch(pair, SERVER_ADDRESS, () => true);
  client.close(pair.now, 0x101);
  pair.runUntil(() => client.state === "closed");
  assert.equal(answers.length, 1);
  pair.runFor(10_000);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
});

Deno.test("Two ends that close at the same time say so once each", () => {
  const { pair, client, server } = quietPair();
  const before = pair.network.stats.sent;
  client.close(pair.now, 0x101);
  server.close(pair.now, 0x102);
  pair.runUntil(() =>
    client.state === "draining" && server.state === "draining"
  );
  pair.runUntil(() => client.state === "closed" && server.state === "closed");
  assert.equal(pair.network.stats.sent - before, 2);
  assert.equal(pair.client.closeError(client).code, "CLOSED");
  assert.equal(pair.server.closeError(server).code, "CLOSED");
});

Deno.test("A close is answered with one close without a code, whatever follows (RFC 9000 §10.2.2)", () => {
  const peer = new HostilePeer();
  peer.received();
  peer.send(CLOSE);
  assert.deepEqual(peer.frames(), [{ type: "close", code: 0, reason: "" }]);
  for (const plaintext of [CLOSE, PING, UNKNOWN, CLOSE]) peer.send(plaintext);
  passTime(peer);
  assert.deepEqual(peer.frames(), []);
  assert.equal(peer.connection.state, "closed");
});

Deno.test("A closing connection finds the peer's close behind other frames, and minds nothing else in a packet", () => {
  const peer = new HostilePeer();
  peer.connection.close(peer.now, 0x101);
  assert.equal(peer.closeCode(), 0x101);
  for (const plaintext of [UNKNOWN, new Uint8Array(), PING]) {
    peer.send(plaintext);
    assert.equal(peer.connection.state, "closing");
  }
  peer.received();
  peer.send(Uint8Array.of(...PING, ...CLOSE));
  assert.equal(peer.connection.state, "draining");
  assert.deepEqual(peer.frames(), []);
});

Deno.test("A responder that closes in the midst of a handshake repeats that, too, within what may be sent", () => {
  for (const lostCount of [1, 2]) {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const client = pair.dial();
    pair.runUntil(() => pair.server.endpoint.stats.halfOpenCount === 1);
    watch(pair, SERVER_ADDRESS, (index) => index < lostCount);
    pair.server.endpoint.close(pair.now, 7, "restarting");
    pair.runUntil(() => pair.client.eventTypes(client).includes("closed"));
    assert.equal(pair.client.closeError(client).code, "CLOSED_BY_PEER");
    const { bytesSent, bytesReceived } = pair.server.endpoint.stats;
    assert.ok(bytesSent <= 3 * bytesReceived);
  }
});

Deno.test("Connections that are over give way to others, the oldest first, where there is no more room", () => {
  const pair = new Pair({
    link: { latencyMs: 10 },
    client: { maxConnections: 3 },
    server: { maxConnections: 3 },
  });
  const ends = [1, 2, 3].map(() => {
    const couple = pair.connect();
    pair.runFor(500);
    return { ...couple, server: pair.server.incoming.at(-1)! };
  });
  assert.throws(() => pair.dial(), { code: "LIMIT" });
  ends[1]!.client.close(pair.now);
  pair.runFor(15);
  ends[0]!.client.close(pair.now);
  pair.runUntil(() => ends[0]!.server.state === "draining");
  const states = (): string[] =>
    ends.flatMap(({ client, server }) => [client.state, server.state]);
  assert.ok(!states().includes("closed"), String(states()));
  pair.connect();
  assert.deepEqual(
    [ends[1]!, ends[0]!].map(({ client, server }) => [
      client.state,
      server.state,
    ]),
    [["closed", "closed"], ["draining", "draining"]],
  );
  for (const end of [pair.client, pair.server]) {
    assert.equal(end.endpoint.stats.connectionCount, 3);
  }
  const { drops } = pair.server.endpoint.stats;
  assert.equal(drops["connection-limit"], undefined);
});

Deno.test("A responder that closes in the midst of a handshake waits for the initiator as long as for a path it does not know", () => {
  const pair = new Pair({ link: { latencyMs: 100 } });
  const client = pair.dial();
  pair.runUntil(() => pair.server.endpoint.stats.halfOpenCount === 1);
  const closedAt = pair.now;
  pair.network.filter = (_datagram, from) =>
    from.hostname !== SERVER_ADDRESS.hostname || pair.now - closedAt > 30;
  pair.server.endpoint.close(pair.now, 7, "restarting");
  pair.runUntil(() => pair.client.eventTypes(client).includes("closed"), 5_000);
  const error = pair.client.closeError(client);
  assert.ok(error instanceof TransportError && error.closeCode === 7);
});

Deno.test("A connection that is over gives way to one that begins, and to nothing else", () => {
  const pair = new Pair({
    client: { maxConnections: 2 },
    server: { maxConnections: 2, retryThreshold: 0 },
  });
  const first = pair.connect();
  const second = pair.connect();
  pair.runFor(500);
  first.client.close(pair.now, 1);
  const connect = (key: Uint8Array): Connection =>
    pair.client.endpoint
      .connect(pair.now, SERVER_ADDRESS, { remoteStaticPublicKey: key });
  assert.throws(() => connect(new Uint8Array(32)), { code: "INVALID_CONFIG" });
  assert.equal(first.client.state, "closing");
  // A hello whose address is not proven yet is asked for a cookie.
  let drops = 0;
  pair.runUntil(() => {
    drops = pair.server.endpoint.stats.drops["retry-required"] ?? 0;
    return first.client.state === "draining";
  });
  assert.equal(drops, 2);
  assert.equal(first.server.state, "draining");
  // What drains goes before what still has to be told.
  second.client.close(pair.now, 2);
  connect(pair.server.keyPair.publicKey);
  assert.equal(first.client.state, "closed");
  assert.equal(second.client.state, "closing");
});
