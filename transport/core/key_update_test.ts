/**
 * Key updates between two endpoints on virtual time (RFC 9001 §6).
 */
import assert from "node:assert/strict";
import { Pair, type PairOptions, readAll } from "../../tests/support/pair.ts";
import type { Connection } from "./connection.ts";

const TRANSFER_BYTES = 600_000;

/** Sends bytes both ways at once and returns when they have arrived. */
function exchange(pair: Pair, ends: readonly Connection[]): void {
  const received = [0, 0];
  const rests = ends.map(() => new Uint8Array(TRANSFER_BYTES).fill(5));
  const ids = ends.map((end) => end.openStream({ priority: 2 })!);
  const pump = (index: number): void => {
    const rest = rests[index]!;
    rests[index] = rest.subarray(ends[index]!.writeStream(ids[index]!, rest));
  };
  for (const [index, side] of [pair.client, pair.server].entries()) {
    side.onEvent = (connection, event) => {
      if (event.type === "stream-writable") pump(index);
      if (event.type !== "stream-readable") return;
      received[index]! += readAll(connection, event.id).length;
    };
    pump(index);
  }
  pair.runUntil(
    () => received.every((count) => count === TRANSFER_BYTES),
    300_000,
  );
}

function connected(options: PairOptions): { pair: Pair; ends: Connection[] } {
  const pair = new Pair(options);
  const { client, server } = pair.connect();
  return { pair, ends: [client, server] };
}

Deno.test("A key update every few packets loses nothing on a clean path", () => {
  const often = { keyUpdatePackets: 7 };
  const { pair, ends } = connected({ client: often, server: often });
  exchange(pair, ends);
  for (const end of ends) {
    assert.ok(end.stats.keyUpdates >= 3, `${end.stats.keyUpdates} updates`);
    assert.equal(end.stats.packetsLost, 0);
    assert.equal(end.state, "established");
  }
  assert.equal(pair.server.endpoint.stats.drops.undecryptable, undefined);
});

for (let seed = 1; seed <= 5; seed++) {
  Deno.test(`Key updates survive loss, reordering, duplication and damage (seed ${seed})`, () => {
    const { pair, ends } = connected({
      seed,
      link: {
        latencyMs: 5,
        jitterMs: 10,
        lossRate: 0.05,
        duplicateRate: 0.05,
        corruptRate: 0.02,
      },
      client: { keyUpdatePackets: 11 },
      server: { keyUpdatePackets: 17 },
    });
    exchange(pair, ends);
    for (const end of ends) assert.ok(end.stats.keyUpdates > 5);
  });
}

Deno.test("Keys are updated on request and after a time, and both ends follow", () => {
  const { pair, ends } = connected({});
  const [client, server] = ends as [Connection, Connection];
  pair.runFor(100);
  client.updateKeys();
  client.ping();
  pair.runFor(100);
  client.ping();
  pair.runFor(100);
  assert.equal(server.stats.keyUpdates, 1);
  assert.equal(client.stats.keyUpdates, 1);
  // Keep-alive traffic is enough for the interval of a minute.
  pair.runFor(70_000);
  assert.ok(client.stats.keyUpdates >= 2);
  assert.equal(client.state, "established");
});
