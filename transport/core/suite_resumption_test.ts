/**
 * Tickets where the suites of the responder have changed since they were given.
 */
import assert from "node:assert/strict";
import { ResumptionPair } from "../../tests/support/resumption.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { Endpoint } from "./endpoint.ts";
import {
  decodeInitiatorHello,
  encodeInitiatorHello,
  HandshakeKind,
  helloMacKey,
} from "./handshake_packet.ts";
import type { Suite } from "./suite.ts";

const CHACHA: Suite = "chacha20-poly1305";
const AES: Suite = "aes-256-gcm";
const HYBRID: Suite = "x25519-mlkem768-chacha20-poly1305";

/** Starts the server again, with the same key and other suites. */
function restartWith(made: ResumptionPair, suites: readonly Suite[]): void {
  const { server } = made.pair;
  server.endpoint = new Endpoint(
    { keyPair: server.keyPair, suites },
    new SeededRandom(77),
  );
}

for (
  const [client, before, after, suite] of [
    [[CHACHA, AES], [CHACHA], [AES], AES],
    [[HYBRID, CHACHA], [CHACHA], [HYBRID, CHACHA], HYBRID],
    [[CHACHA, HYBRID], [CHACHA], [HYBRID, CHACHA], HYBRID],
  ] as const
) {
  Deno.test(`${client}: a ticket of ${before} at a responder that takes ${after} by now: the early call is sent again with ${suite}, and runs once`, () => {
    const made = new ResumptionPair({
      client: { suites: client },
      server: { suites: before },
    });
    made.record();
    restartWith(made, after);
    const connection = made.dial();
    const id = made.call(connection, "once");
    made.runUntilAnswered(connection, id);
    assert.equal(made.hellos()[0]!.isResumed, true);
    assert.equal(connection.suite, suite);
    assert.equal(made.answer(connection, id), "echo once");
    assert.deepEqual(made.handled, ["once"]);
    assert.equal(made.pair.client.endpoint.stats.tickets.earlyRejected, 1);
  });
}

Deno.test("A hello of the hybrid suite with a ticket is refused, without a cookie, a KEM or anything remembered", () => {
  const made = new ResumptionPair({
    client: { suites: [CHACHA] },
    server: { suites: [CHACHA] },
  });
  restartWith(made, [HYBRID, CHACHA]);
  made.record();
  const { pair } = made;
  const connection = made.dial();
  made.call(connection, "early");
  pair.flush();
  const fields = decodeInitiatorHello(made.hellos()[0]!.bytes)!;
  const hello = encodeInitiatorHello(
    { ...fields, suites: Uint8Array.of(3, 1) },
    helloMacKey(pair.server.keyPair.publicKey),
  );
  const { endpoint } = pair.server;
  endpoint.handleDatagram(pair.now, { hostname: "10.9.9.9", port: 9 }, hello);
  const buffer = new Uint8Array(65_535);
  const answer = endpoint.pollTransmit(pair.now, buffer);
  assert.equal(buffer[32], HandshakeKind.REFUSAL);
  assert.ok(answer!.length < 100);
  assert.equal(endpoint.stats.drops["ticket-refused"], 1);
  assert.equal(endpoint.stats.connectionCount, 0);
  assert.equal(endpoint.stats.halfOpenCount, 0);
});
