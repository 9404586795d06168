/**
 * Attacks on an endpoint: by strangers, and by peers that hold the keys. None
 * may make it throw, spin, or remember more than was agreed.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import {
  HOSTILE_ADDRESS,
  HostilePeer,
} from "../../tests/support/hostile_peer.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { DEFAULT_MAX_DATAGRAM_EVENTS } from "./config.ts";
import { Endpoint } from "./endpoint.ts";
import { CloseCode } from "./error.ts";
import {
  encodeInitiatorHello,
  HandshakePatternCode,
  helloMacKey,
} from "./handshake_packet.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import {
  encodeTransportParameters,
  localTransportParameters,
} from "./transport_parameters.ts";

/** Where a hello has its version: behind the header and the kind. */
const VERSION_OFFSET = PACKET_HEADER_LENGTH + 1;

// RFC 7748 §6.1: the points of small order give the same secret to everyone.
// p is the prime 2^255 - 19; a number above it is another way to write the same.
const SMALL_ORDER_KEYS = {
  "0": "00".repeat(32),
  "1": `01${"00".repeat(31)}`,
  "of order 8":
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "of order 8, the other":
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "p - 1": `ec${"ff".repeat(30)}7f`,
  "p": `ed${"ff".repeat(30)}7f`,
  "p + 1": `ee${"ff".repeat(30)}7f`,
  "1 with the highest bit set": `01${"00".repeat(30)}80`,
} as const;

for (const [name, key] of Object.entries(SMALL_ORDER_KEYS)) {
  Deno.test(`A hello with the ephemeral key ${name} is dropped, never thrown (RFC 7748 §6.1)`, () => {
    const random = new SeededRandom(1);
    const keyPair = generateKeyPair(random);
    const endpoint = new Endpoint({ keyPair }, random);
    const parameters = encodeTransportParameters(
      localTransportParameters(endpoint.config, 1_200),
    );
    const noise = new Uint8Array(32 + parameters.length);
    noise.set(Uint8Array.fromHex(key));
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

Deno.test("A hello of any version whose initiator chose the id of hellos is dropped", () => {
  const random = new SeededRandom(1);
  const keyPair = generateKeyPair(random);
  const endpoint = new Endpoint({ keyPair }, random);
  const hello = new InitiatorHandshake(
    {
      keyPair: generateKeyPair(random),
      suites: ["chacha20-poly1305"],
      parameters: localTransportParameters(endpoint.config, 1_200),
      random,
      provider: undefined,
    },
    new Uint8Array(8),
    keyPair.publicKey,
  ).hello;
  endpoint.handleDatagram(1_000, HOSTILE_ADDRESS, hello);
  const other = hello.slice();
  other[VERSION_OFFSET] = 2;
  endpoint.handleDatagram(1_000, HOSTILE_ADDRESS, other);
  assert.equal(endpoint.pollTransmit(1_000, new Uint8Array(2_048)), undefined);
  assert.deepEqual(endpoint.stats.drops, { malformed: 2 });
});

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
  assert.equal(received(), DEFAULT_MAX_DATAGRAM_EVENTS);
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

Deno.test("A peer that never acknowledges, and is heard all the time, has a bounded number of packets remembered", () => {
  const peer = new HostilePeer();
  const { connection } = peer;
  const id = connection.openStream({ priority: 1 })!;
  connection.writeStream(id, new Uint8Array(1_000));
  const listen = (durationMs: number): void => {
    for (const until = peer.now + durationMs; peer.now < until;) {
      peer.now += 2_000;
      peer.endpoint.handleTimeout(peer.now);
      peer.received();
      peer.send(Uint8Array.of(0)); // padding
      peer.events();
    }
  };
  listen(300_000);
  const { bytesInFlight } = connection.stats;
  listen(3_600_000);
  assert.equal(connection.state, "established");
  assert.ok(connection.stats.probeTimeouts > 900);
  assert.ok(
    connection.stats.bytesInFlight < 1.1 * bytesInFlight,
    `${bytesInFlight} bytes, then ${connection.stats.bytesInFlight}`,
  );
  assert.equal(connection.streamState(id)?.heldBytes, 1_000);
});

Deno.test("A flood of hellos is answered within the limits and forgotten in time (RFC 9000 §8.1)", () => {
  const random = new SeededRandom(2);
  const keyPair = generateKeyPair(random);
  const endpoint = new Endpoint(
    { keyPair, maxHalfOpen: 20, retryThreshold: 20, maxHalfOpenPerAddress: 20 },
    random,
  );
  const stranger = new Endpoint({ keyPair: generateKeyPair(random) }, random);
  const buffer = new Uint8Array(65_535);
  const sentTo = new Map<number, number>();
  for (let port = 1; port <= 60; port++) {
    const key = port % 2 === 0
      ? { remoteStaticPublicKey: keyPair.publicKey }
      : {};
    stranger.connect(1_000, HOSTILE_ADDRESS, key);
    const { length } = stranger.pollTransmit(1_000, buffer)!;
    const hello = buffer.slice(0, length);
    for (let copy = 0; copy < 3; copy++) {
      endpoint.handleDatagram(1_000, { ...HOSTILE_ADDRESS, port }, hello);
    }
    let transmit;
    while ((transmit = endpoint.pollTransmit(1_000, buffer)) !== undefined) {
      const before = sentTo.get(transmit.to.port) ?? 0;
      sentTo.set(transmit.to.port, before + transmit.length);
    }
  }
  assert.equal(endpoint.stats.halfOpenCount, 20);
  assert.equal(endpoint.stats.connectionCount, 20);
  for (const bytes of sentTo.values()) assert.ok(bytes < 1_200, `${bytes}`);
  endpoint.handleTimeout(11_000);
  while (endpoint.pollEvent() !== undefined);
  assert.equal(endpoint.stats.halfOpenCount, 0);
  assert.equal(endpoint.stats.connectionCount, 0);
  assert.equal(endpoint.pollTransmit(11_000, buffer), undefined);
  assert.equal(endpoint.pollTimeout(), undefined);
});

/** The peer's streams, sometimes ours or one in the wrong direction. */
const anyId = fc.constantFrom(0, 0, 4, 4, 8, 1, 1, 5, 2, 2, 6, 3);

/** Frames that decode, with numbers from a small range, where they collide. */
const anyFrame: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.record({
    bits: fc.integer({ min: 1, max: 7 }),
    id: anyId,
    offset: fc.nat(40),
    length: fc.nat(30),
  }).map(({ bits, id, offset, length }) => [
    0x10 + bits,
    id,
    ...((bits & 1) === 0 ? [offset] : [offset % 3]),
    ...((bits & 2) === 0 ? [] : [length, ...new Array<number>(length).fill(7)]),
  ]),
  fc.tuple(anyId, fc.nat(9), fc.nat(60))
    .map(([id, code, size]) => [0x50, 6, id, code, size]),
  fc.tuple(anyId, fc.nat(9)).map(([id, code]) => [0x50, 7, id, code]),
  fc.tuple(anyId, fc.nat(63)).map(([id, max]) => [0x60, id, max]),
  fc.nat(63).map((max) => [0x61, max]),
  fc.tuple(fc.nat(1), fc.nat(63)).map(([kind, max]) => [0x50, 9, kind, max]),
  fc.tuple(fc.nat(1), fc.nat(1)).map(([largest, first]) => [
    0x30,
    largest,
    0,
    0,
    Math.min(first, largest),
  ]),
  fc.constant([0x50, 1]),
  fc.constant([0x20, 1, 9]),
);

const anyAction = fc.oneof(
  { weight: 3, arbitrary: fc.array(anyFrame, { minLength: 1, maxLength: 5 }) },
  fc.record({
    call: fc.constantFrom("open", "write", "finish", "reset", "stop", "read"),
    id: anyId,
  }),
  fc.constantFrom("timeout" as const, "send" as const),
);

Deno.test("No order of valid frames and calls is an internal error, or leaves a timer in the past", () => {
  fc.assert(
    fc.property(fc.array(anyAction, { maxLength: 60 }), (actions) => {
      const peer = new HostilePeer({
        parameters: { maxDataBytes: 50, maxStreamDataBytes: 40 },
        config: {
          maxDataBytes: 1_200,
          maxStreamDataBytes: 1_200,
          maxUniStreams: 2,
        },
      });
      for (const action of actions) {
        if (Array.isArray(action)) {
          const writer = new ByteWriter(new Uint8Array(1_000));
          for (const frame of action) writer.bytes(Uint8Array.from(frame));
          peer.send(writer.written);
        } else if (action === "timeout") {
          peer.now = peer.endpoint.pollTimeout() ?? peer.now;
          peer.endpoint.handleTimeout(peer.now);
        } else if (action === "send") {
          peer.received();
          const next = peer.endpoint.pollTimeout() ?? Infinity;
          assert.ok(next > peer.now, "a timer in the past");
        } else if (peer.connection.state === "established") {
          act(peer, action.call, action.id);
        }
        for (const { type, ...rest } of peer.events()) {
          if (type !== "connection" || !("event" in rest)) continue;
          if (rest.event.type !== "closed") continue;
          assert.notEqual(rest.event.error.fault, "internal");
          assert.notEqual(
            rest.event.error.closeCode,
            CloseCode.INTERNAL_ERROR,
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

function act(peer: HostilePeer, call: string, id: number): void {
  const { connection } = peer;
  try {
    if (call === "open") {
      connection.openStream({ priority: 1, isUnidirectional: id % 2 === 1 });
    } else if (call === "write") {
      connection.writeStream(id, new Uint8Array(30));
    } else if (call === "finish") connection.finishStream(id);
    else if (call === "reset") connection.resetStream(id, 5);
    else if (call === "stop") connection.stopSending(id, 6);
    else connection.readStream(id);
  } catch (error) {
    const { code } = error as { code?: string };
    assert.match(code ?? String(error), /^STREAM_ST/);
  }
}
