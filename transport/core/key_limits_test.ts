/**
 * What becomes of a connection whose keys reach the limits of their use
 * (RFC 9001 §6.6), between two endpoints on virtual time.
 */
import assert from "node:assert/strict";
import { Pair, readAll } from "../../tests/support/pair.ts";
import { CloseCode } from "./error.ts";
import type { Connection } from "./connection.ts";
import type { Suite } from "./suite.ts";

const SUITES: readonly Suite[] = ["chacha20-poly1305", "aes-256-gcm"];

/** Sends bytes and runs until they have arrived or the connection has ended. */
function send(
  pair: Pair,
  client: Connection,
  server: Connection,
  byteCount: number,
): number {
  let rest = new Uint8Array(byteCount).fill(5);
  let received = 0;
  const id = client.openStream({ priority: 2 })!;
  const pump = (): void => {
    if (client.state !== "established") return;
    rest = rest.subarray(client.writeStream(id, rest));
  };
  pair.client.onEvent = (_, event) => {
    if (event.type === "stream-writable") pump();
  };
  pair.server.onEvent = (connection, event) => {
    if (event.type === "stream-readable") {
      received += readAll(connection, event.id).length;
    }
  };
  pump();
  pair.runUntil(
    () => received === byteCount || server.state !== "established",
    300_000,
  );
  return received;
}

for (const suite of SUITES) {
  Deno.test(`${suite}: keys are replaced before their limit, whatever the configured interval, and nothing is lost`, () => {
    const options = {
      suites: [suite],
      keyUpdatePackets: 2 ** 32,
      maxPacketsPerKey: 256,
      // Fewer packets under way than a key has left when it is to be replaced.
      maxDataBytes: 60_000,
    };
    const pair = new Pair({
      client: options,
      server: options,
      link: { latencyMs: 5 },
    });
    const { client, server } = pair.connect();
    assert.equal(send(pair, client, server, 2_000_000), 2_000_000);
    assert.equal(client.state, "established");
    // 2 MB in datagrams of 1,472 bytes at most: ten times half of 256 and more.
    assert.ok(server.stats.keyUpdates >= 10, `${server.stats.keyUpdates}`);
  });

  Deno.test(`${suite}: a key that cannot be replaced ends the connection at its limit with LIMIT_ERROR`, () => {
    const pair = new Pair({
      client: { suites: [suite], maxPacketsPerKey: 128 },
      server: { suites: [suite] },
      link: { latencyMs: 5 },
    });
    const { client, server } = pair.connect();
    // Nothing from the responder arrives: no acknowledgement, no key update.
    pair.network.filter = (_, from) => from.port !== 9_000;
    const before = client.stats.packetsSent;
    for (let i = 0; i < 200 && client.state === "established"; i++) {
      client.ping();
      pair.runFor(10);
    }
    const { code, message } = pair.client.closeError(client);
    assert.equal(code, "LIMIT");
    assert.match(message, /limit of use/);
    assert.ok(client.stats.packetsSent - before < 128);
    const { closeCode } = pair.server.closeError(server) as unknown as {
      closeCode: number;
    };
    assert.equal(closeCode, CloseCode.LIMIT_ERROR);
  });

  Deno.test(`${suite}: forged packets end the connection at the limit of integrity, at once`, () => {
    const limit = 20;
    const pair = new Pair({
      client: { suites: [suite] },
      server: { suites: [suite], maxForgedPackets: limit },
      link: { latencyMs: 5 },
    });
    const { client, server } = pair.connect();
    // Until the finish is known to have arrived, it goes before every packet.
    pair.runFor(100);
    let genuine: Uint8Array | undefined;
    pair.network.filter = (datagram, from) => {
      if (from.port !== 9_000) genuine = datagram.slice();
      return true;
    };
    client.ping();
    pair.runFor(100);
    const { endpoint } = pair.server;
    for (let i = 0; i < limit; i++) {
      assert.equal(server.state, "established", `after ${i}`);
      const forged = genuine!.slice();
      // Another packet number each: a replay would not even be opened.
      forged[10 + (i >> 3)]! ^= 1 << (i % 8);
      forged[forged.length - 1]! ^= 1;
      endpoint.handleDatagram(pair.now, pair.client.address, forged);
    }
    assert.equal(server.state, "closing");
    assert.equal(pair.server.endpoint.stats.drops.undecryptable, limit);
    pair.runFor(100);
    assert.equal(pair.client.closeError(client).code, "CLOSED_BY_PEER");
    assert.equal(pair.server.closeError(server).code, "LIMIT");
  });
}

Deno.test("Endpoint configuration keeps room for the closes of an exhausted key", () => {
  for (
    const options of [
      { maxPacketsPerKey: 127 },
      { maxPacketsPerKey: 2 ** 32 + 1 },
      { maxForgedPackets: 0 },
    ]
  ) {
    assert.throws(() => new Pair({ client: options }), {
      code: "INVALID_CONFIG",
    });
  }
});
