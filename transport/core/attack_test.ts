/**
 * Attacks on an endpoint: by strangers, and by peers that hold the keys. None
 * may make it throw, spin, or remember more than was agreed.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  HOSTILE_ADDRESS,
  HostilePeer,
} from "../../tests/support/hostile_peer.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { MAX_DATAGRAM_EVENTS } from "./config.ts";
import { Endpoint } from "./endpoint.ts";
import {
  encodeInitiatorHello,
  HandshakePatternCode,
  helloMacKey,
} from "./handshake_packet.ts";
import {
  encodeTransportParameters,
  localTransportParameters,
} from "./transport_parameters.ts";

// RFC 7748 §6.1: the points of small order give the same secret to everyone.
for (const [name, first] of [["zero", 0], ["one", 1]] as const) {
  Deno.test(`A hello with the ephemeral key ${name} is dropped, never thrown (RFC 7748 §6.1)`, () => {
    const random = new SeededRandom(1);
    const keyPair = generateKeyPair(random);
    const endpoint = new Endpoint({ keyPair }, random);
    const parameters = encodeTransportParameters(
      localTransportParameters(endpoint.config, 1_200),
    );
    const noise = new Uint8Array(32 + parameters.length);
    noise[0] = first;
    noise.set(parameters, 32);
    for (
      const [pattern, macKey] of [
        [HandshakePatternCode.XX, helloMacKey()],
        [HandshakePatternCode.IK, helloMacKey(keyPair.publicKey)],
      ] as const
    ) {
      const hello = encodeInitiatorHello({
        version: 1,
        connectionId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0),
        pattern,
        suites: Uint8Array.of(1),
        cookie: new Uint8Array(0),
        noise,
      }, macKey);
      endpoint.handleDatagram(1_000, HOSTILE_ADDRESS, hello);
    }
    assert.deepEqual(endpoint.stats.drops, { "handshake-failed": 2 });
    assert.equal(endpoint.stats.connectionCount, 0);
    assert.equal(endpoint.stats.halfOpenCount, 0);
  });
}

Deno.test("A flood of datagram frames is dropped past a bound, in linear time", () => {
  const peer = new HostilePeer();
  const flood = new Uint8Array(60_000);
  // Empty datagram frames: type and length.
  for (let i = 0; i < flood.length; i += 2) flood[i] = 0x20;
  for (let i = 0; i < 8; i++) peer.send(flood);
  const received = (): number =>
    peer.events().filter((each) =>
      each.type === "connection" && each.event.type === "datagram-received"
    ).length;
  assert.equal(received(), MAX_DATAGRAM_EVENTS);
  peer.send(flood.subarray(0, 20));
  assert.equal(received(), 10);
});

Deno.test("A peer that acknowledges late does not stretch the end of a connection", () => {
  for (const isOursToClose of [true, false]) {
    const peer = new HostilePeer({
      parameters: { maxAckDelayMs: 16_383, idleTimeoutMs: 10 },
    });
    if (isOursToClose) peer.connection.close(peer.now);
    const from = peer.now;
    while (peer.endpoint.stats.connectionCount > 0) {
      peer.received();
      peer.events();
      const next = peer.endpoint.pollTimeout();
      if (next === undefined) break;
      assert.ok(next > peer.now, "a timer in the past");
      peer.now = next;
      peer.endpoint.handleTimeout(next);
    }
    assert.equal(peer.endpoint.stats.connectionCount, 0);
    // Twelve seconds of silence, after a first keep-alive.
    assert.ok(peer.now - from < 16_000, `${peer.now - from} ms`);
  }
});
