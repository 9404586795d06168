/**
 * A peer that changes its address, and others who pretend to be it, between two
 * endpoints on virtual time (RFC 9000 §9).
 */
import assert from "node:assert/strict";
import { CLIENT_ADDRESS, Pair, readAll } from "../../tests/support/pair.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";

const TRANSFER_BYTES = 1_000_000;
const OTHER_PORT: Address = { ...CLIENT_ADDRESS, port: 50_000 };
const OTHER_HOST: Address = { hostname: "10.0.9.9", port: 50_001 };
const ATTACKER: Address = { hostname: "10.6.6.6", port: 666 };

/** The server sends a lot to the client, which answers with acknowledgements only. */
function download(pair: Pair, server: Connection): { receivedBytes: number } {
  const progress = { receivedBytes: 0 };
  const id = server.openStream({ priority: 2 })!;
  let rest = new Uint8Array(TRANSFER_BYTES).fill(3);
  const pump = (): void => {
    rest = rest.subarray(server.writeStream(id, rest));
  };
  pump();
  pair.server.onEvent = (_connection, event) => {
    if (event.type === "stream-writable") pump();
  };
  pair.client.onEvent = (connection, event) => {
    if (event.type === "stream-readable") {
      progress.receivedBytes += readAll(connection, event.id).length;
    }
  };
  return progress;
}

for (
  const [name, address] of [["port", OTHER_PORT], ["host", OTHER_HOST]] as const
) {
  Deno.test(`A transfer goes on when the client's ${name} changes in the middle of it`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const { client, server } = pair.connect();
    const progress = download(pair, server);
    pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
    pair.network.rebind(CLIENT_ADDRESS, address);
    client.ping();
    pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
    assert.deepEqual(server.remoteAddress, address);
    assert.equal(client.state, "established");
    assert.equal(server.state, "established");
  });
}

Deno.test("An idle client whose address changed is found again by its keep-alive", () => {
  const pair = new Pair();
  const { server } = pair.connect();
  pair.runFor(1_000);
  pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
  pair.runFor(20_000);
  assert.equal(server.state, "established");
  assert.deepEqual(server.remoteAddress, OTHER_HOST);
});

Deno.test("Ten changes of address under loss lose nothing", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const pair = new Pair({
      seed,
      link: { latencyMs: 5, lossRate: 0.03, jitterMs: 5 },
    });
    const { client, server } = pair.connect();
    const progress = download(pair, server);
    for (let i = 1; i <= 10; i++) {
      pair.runUntil(
        () => progress.receivedBytes >= TRANSFER_BYTES * i / 11,
        120_000,
      );
      pair.network.rebind(CLIENT_ADDRESS, {
        hostname: `10.0.8.${i}`,
        port: 1_000 + i,
      });
      client.ping();
    }
    pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES, 120_000);
  }
});

/** Lets an attacker who sees the client's datagrams send them from elsewhere, first. */
function steal(pair: Pair): { toAttacker: number; fromAttacker: number } {
  const bytes = { toAttacker: 0, fromAttacker: 0 };
  pair.network.filter = (datagram, from, to) => {
    if (to.hostname === ATTACKER.hostname) {
      bytes.toAttacker += datagram.length;
      return false;
    }
    if (from.port !== CLIENT_ADDRESS.port) return true;
    bytes.fromAttacker += datagram.length;
    pair.server.endpoint.handleDatagram(pair.now, ATTACKER, datagram.slice());
    return false;
  };
  return bytes;
}

Deno.test("Whoever sends the client's packets from elsewhere gets three times their size at most", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  const stolen = steal(pair);
  client.ping();
  pair.runFor(300);
  assert.ok(stolen.fromAttacker > 0 && stolen.toAttacker > 0);
  assert.ok(
    stolen.toAttacker <= 3 * stolen.fromAttacker,
    `${stolen.toAttacker} bytes for ${stolen.fromAttacker}`,
  );
  // The theft ends: the proven address is in use again, and nothing is lost.
  pair.network.filter = undefined;
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
});

Deno.test("An address that never answers a challenge is given up for the proven one", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  pair.runFor(100);
  const stolen = steal(pair);
  client.ping();
  pair.runFor(20);
  assert.deepEqual(server.remoteAddress, ATTACKER);
  pair.network.filter = (_datagram, from) => from.port !== CLIENT_ADDRESS.port;
  pair.runFor(5_000);
  assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
  assert.ok(stolen.toAttacker <= 3 * stolen.fromAttacker);
});

Deno.test("An old or forged packet from elsewhere moves nobody", () => {
  const pair = new Pair();
  const { client, server } = pair.connect();
  const recorded: Uint8Array[] = [];
  pair.network.filter = (datagram, from) => {
    if (from.port === CLIENT_ADDRESS.port) recorded.push(datagram.slice());
    // The first one is held back: it arrives late, from elsewhere.
    return from.port !== CLIENT_ADDRESS.port || recorded.length > 1;
  };
  client.sendDatagram(Uint8Array.of(1));
  pair.flush();
  client.sendDatagram(Uint8Array.of(2));
  pair.runFor(100);
  assert.ok(recorded.length >= 2);
  for (const datagram of recorded) {
    pair.server.endpoint.handleDatagram(pair.now, ATTACKER, datagram);
    const forged = datagram.slice();
    forged[40]! ^= 1;
    pair.server.endpoint.handleDatagram(pair.now, ATTACKER, forged);
  }
  assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
});
