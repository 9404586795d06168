import assert from "node:assert/strict";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { decodeFrames } from "../../tests/support/stream_pair.ts";
import {
  decodeEarlyPayload,
  EarlyData,
  earlyPayloadLength,
  encodeEarlyPayload,
} from "./early_data.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import {
  decodeInitiatorHello,
  encodeInitiatorHello,
  HandshakePatternCode,
  handshakePrologue,
  helloMacKey,
  helloPayloadRoom,
  MAX_COOKIE_LENGTH,
  MAX_TICKET_LENGTH,
} from "./handshake_packet.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import type { StoredTicket } from "./ticket_store.ts";
import { localTransportParameters } from "./transport_parameters.ts";

const LIMITS = {
  maxDataBytes: 100_000,
  maxStreamDataBytes: 50_000,
  maxBidiStreams: 10,
  maxUniStreams: 10,
};

function early(
  limits: Partial<typeof LIMITS> = {},
): { made: EarlyData; unused: StoredTicket[]; settled: boolean[] } {
  const unused: StoredTicket[] = [];
  const settled: boolean[] = [];
  const made = new EarlyData({
    ticket: {
      ticket: new Uint8Array(121),
      psk: new Uint8Array(32).fill(5),
      suite: "chacha20-poly1305",
      limits: { ...LIMITS, ...limits },
      expiresAt: 1_000,
    },
    local: LIMITS,
    sendBufferBytes: 10_000,
    maxBufferedBytes: 100_000,
    maxStretches: 16,
    onUnused: (ticket) => unused.push(ticket),
    onSettled: (isAccepted) => settled.push(isAccepted),
  });
  return { made, unused, settled };
}

function write(made: EarlyData, byteCount: number): number {
  const id = made.streams.open({ priority: 1 })!;
  made.streams.write(id, new Uint8Array(byteCount).fill(7));
  return id;
}

Deno.test("decodeEarlyPayload() is the inverse of encodeEarlyPayload(), and never throws", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(fc.property(bytes, bytes, (parameters, frames) => {
    const payload = encodeEarlyPayload(parameters, frames);
    assert.equal(
      payload.length,
      earlyPayloadLength(parameters, frames.length),
    );
    assert.deepEqual(decodeEarlyPayload(payload), { parameters, frames });
    const cut = payload.subarray(0, 1 + parameters.length);
    assert.equal(decodeEarlyPayload(cut), undefined);
  }));
  fc.assert(fc.property(bytes, (payload) => {
    decodeEarlyPayload(payload);
  }));
});

Deno.test("EarlyData.take() writes what fits and no more than a hello's worth of credit", () => {
  const { made, unused } = early();
  const id = write(made, 5_000);
  const frames = decodeFrames(made.take(700)!);
  assert.equal(frames.length, 1);
  const [frame] = frames;
  assert.ok(frame?.type === "stream" && frame.streamId === id);
  assert.ok(frame.data.length > 690 && frame.data.length <= 700);
  assert.deepEqual(unused, []);
  const large = early().made;
  write(large, 5_000);
  const [capped] = decodeFrames(large.take(4_000)!);
  assert.ok(capped?.type === "stream");
  assert.equal(capped.data.length, 1_200);
});

Deno.test("EarlyData.take() keeps to lower limits of before", () => {
  const { made } = early({ maxStreamDataBytes: 10, maxDataBytes: 15 });
  write(made, 100);
  write(made, 100);
  const lengths = decodeFrames(made.take(700)!).map((frame) =>
    frame.type === "stream" ? frame.data.length : -1
  );
  assert.deepEqual(lengths, [10, 5]);
});

Deno.test("EarlyData.take() gives the ticket back where there is nothing to say, or no room", () => {
  for (const [byteCount, room] of [[0, 700], [10, 0], [10, -5], [10, 2]]) {
    const { made, unused, settled } = early();
    if (byteCount! > 0) write(made, byteCount!);
    assert.equal(made.take(room!), undefined);
    assert.deepEqual(unused, [made.ticket]);
    made.settle(false, LIMITS);
    assert.deepEqual(settled, [], "it was no early data");
    assert.deepEqual(made.ticket.psk, new Uint8Array(32).fill(5));
  }
});

Deno.test("EarlyData.settle() repeats what was refused, and nothing that was taken", () => {
  for (const isAccepted of [true, false]) {
    const { made, settled } = early();
    write(made, 100);
    made.take(700);
    assert.equal(made.streams.hasPendingFrames, false);
    made.settle(isAccepted, LIMITS);
    assert.equal(made.streams.hasPendingFrames, !isAccepted);
    assert.deepEqual(settled, [isAccepted]);
  }
});

Deno.test("A hello carries a ticket of up to 512 bytes, in the pattern NNpsk0 alone", () => {
  const fields = {
    version: 1,
    connectionId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0),
    pattern: HandshakePatternCode.NNPSK0,
    suites: Uint8Array.of(1, 2),
    cookie: Uint8Array.of(9),
    noise: new Uint8Array(150).fill(8),
  };
  for (const length of [0, 1, 121, MAX_TICKET_LENGTH]) {
    const ticket = new Uint8Array(length).fill(3);
    const packet = encodeInitiatorHello({ ...fields, ticket }, helloMacKey());
    assert.equal(packet.length, 1_200);
    assert.deepEqual(decodeInitiatorHello(packet), { ...fields, ticket });
  }
  const ticket = new Uint8Array(MAX_TICKET_LENGTH + 1);
  const tooLong = encodeInitiatorHello({ ...fields, ticket }, helloMacKey());
  assert.equal(decodeInitiatorHello(tooLong), undefined);
  const plain = { ...fields, pattern: HandshakePatternCode.IK };
  const packet = encodeInitiatorHello(plain, helloMacKey());
  assert.deepEqual(decodeInitiatorHello(packet), plain);
});

Deno.test("The prologue ends with the ticket", () => {
  const head = {
    version: 1,
    connectionId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0),
    pattern: HandshakePatternCode.NNPSK0,
    suites: Uint8Array.of(1),
  };
  const ticket = Uint8Array.of(0xaa, 0xbb);
  const prologue = handshakePrologue({ ...head, ticket });
  assert.deepEqual(prologue.subarray(-5), Uint8Array.of(1, 2, 0, 0xaa, 0xbb));
  assert.deepEqual(handshakePrologue(head), prologue.subarray(0, -4));
});

Deno.test("helloPayloadRoom() leaves a hello within its datagram, with any cookie", () => {
  for (const length of [0, 121, MAX_TICKET_LENGTH]) {
    const head = {
      version: 1,
      connectionId: new Uint8Array(8),
      pattern: HandshakePatternCode.NNPSK0,
      suites: Uint8Array.of(1, 2, 3),
      ticket: new Uint8Array(length),
    };
    const room = helloPayloadRoom(head, 96);
    const cookie = new Uint8Array(MAX_COOKIE_LENGTH);
    for (const [more, expected] of [[0, 1_200], [1, 1_201]]) {
      const noise = new Uint8Array(96 + room + more!);
      const hello = encodeInitiatorHello(
        { ...head, cookie, noise },
        helloMacKey(),
      );
      assert.equal(hello.length, expected);
    }
  }
});

Deno.test("The pre-shared key of a ticket is wiped as soon as its hello is made, answered or not", () => {
  const { made } = early();
  write(made, 100);
  const random = new SeededRandom(3);
  const keyPair = generateKeyPair(random);
  const handshake = new InitiatorHandshake(
    {
      keyPair,
      suites: ["chacha20-poly1305"],
      parameters: localTransportParameters(
        createEndpointConfig({ keyPair }),
        1_200,
      ),
      random,
      provider: undefined,
    },
    Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    generateKeyPair(random).publicKey,
    made,
  );
  assert.deepEqual(made.ticket.psk, new Uint8Array(32).fill(5));
  assert.deepEqual(
    decodeInitiatorHello(handshake.hello)!.ticket,
    made.ticket.ticket,
  );
  assert.deepEqual(made.ticket.psk, new Uint8Array(32));
});
