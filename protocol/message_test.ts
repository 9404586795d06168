import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { assertRefused } from "../tests/support/codec_properties.ts";
import { MAX_PAYLOAD_LENGTH } from "./constants.ts";
import { ProtocolError } from "./error.ts";
import {
  completeMessage,
  decodeMessage,
  encodeMessage,
  encodeMessageInto,
  type Message,
  messageLength,
  peekMessageLength,
} from "./message.ts";
import { isValidMessageType, MessageType } from "./message_type.ts";

// From the published vectors: a `Call` with flags 3 and three bytes of payload.
const CALL_HEX = "3150584d1003000000000000010000" +
  "00c1d45597a242fdf10300000000000000f3c3e6dd4e2545e6fe0792";
const call: Message = {
  type: 0x10,
  flags: 3,
  messageId: 4294967296n,
  traceId: 17437166598339548353n,
  payload: Uint8Array.fromHex("f3c3e6"),
};

const VALID_TYPES = Array.from({ length: 256 }, (_, type) => type)
  .filter(isValidMessageType);

const anyMessage: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom(...VALID_TYPES),
  flags: fc.nat(15),
  messageId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  traceId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  payload: fc.uint8Array({ maxLength: 400 }),
}, { noNullPrototype: true });

/** The encoded call with one byte replaced. */
function damaged(offset: number, byte: number): Uint8Array {
  const bytes = Uint8Array.fromHex(CALL_HEX);
  bytes[offset] = byte;
  return bytes;
}

Deno.test("encodeMessage() and decodeMessage() agree with a published vector", () => {
  assert.equal(encodeMessage(call).toHex(), CALL_HEX);
  assert.deepEqual(decodeMessage(Uint8Array.fromHex(CALL_HEX)), call);
});

const VECTORS = new URL(
  "../../shared/vectors/mxp_messages.json",
  import.meta.url,
);
const hasVectors = existsSync(VECTORS);
Deno.test({
  name: hasVectors
    ? "messages agree with all published vectors"
    : "messages agree with all published vectors (skipped: no vectors folder)",
  ignore: !hasVectors,
  fn() {
    const codes: Record<string, string> = {
      "too short": "BUFFER_TOO_SMALL",
      "bad magic": "INVALID_MAGIC",
      "unknown message type": "UNKNOWN_MESSAGE_TYPE",
      "reserved flags": "RESERVED_FLAGS",
      "reserved field not zero": "RESERVED_FIELD",
      "payload too large": "PAYLOAD_TOO_LARGE",
      "checksum mismatch": "CHECKSUM_MISMATCH",
    };
    const vectors = JSON.parse(readFileSync(VECTORS, "utf8"));
    for (const vector of vectors.valid) {
      const message: Message = {
        type: vector.type_byte,
        flags: vector.flags,
        messageId: BigInt(vector.message_id),
        traceId: BigInt(vector.trace_id),
        payload: Uint8Array.fromHex(vector.payload_hex),
      };
      assert.equal(encodeMessage(message).toHex(), vector.encoded_hex);
      assert.deepEqual(
        decodeMessage(Uint8Array.fromHex(vector.encoded_hex)),
        message,
      );
    }
    for (const vector of vectors.invalid) {
      assert.throws(
        () => decodeMessage(Uint8Array.fromHex(vector.encoded_hex)),
        (error) =>
          error instanceof ProtocolError && error.code === codes[vector.error],
        vector.name,
      );
    }
  },
});

Deno.test("decodeMessage() returns what was encoded, at the promised size", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encodeMessage(message);
      assert.equal(bytes.length, messageLength(message.payload.length));
      assert.deepEqual(decodeMessage(bytes), message);
      assert.equal(peekMessageLength(bytes), bytes.length);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeMessage() finds every flipped bit", () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(), (message, where) => {
      const bytes = encodeMessage(message);
      const bit = where % (bytes.length * 8);
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
      assert.throws(() => decodeMessage(bytes), ProtocolError);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeMessage() takes any bytes: a message or a ProtocolError", () => {
  const magic = Uint8Array.fromHex("3150584d");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (
      bytes,
      isAlmost,
    ) => {
      if (isAlmost && bytes.length >= 4) bytes.set(magic);
      assert.throws(() => decodeMessage(bytes), ProtocolError);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeMessage() refuses every shorter length", () => {
  const bytes = Uint8Array.fromHex(CALL_HEX);
  for (let length = 0; length < bytes.length; length++) {
    assertRefused(
      () => decodeMessage(bytes.subarray(0, length)),
      "BUFFER_TOO_SMALL",
    );
  }
});

Deno.test("decodeMessage() refuses every wrong byte of the magic", () => {
  for (let offset = 0; offset < 4; offset++) {
    assertRefused(() => decodeMessage(damaged(offset, 0)), "INVALID_MAGIC");
  }
});

Deno.test("decodeMessage() refuses every type that is not defined", () => {
  for (let type = 0; type < 256; type++) {
    assertRefused(
      () => decodeMessage(damaged(4, type === 0x10 ? 0 : type)),
      isValidMessageType(type) && type !== 0x10
        ? "CHECKSUM_MISMATCH"
        : "UNKNOWN_MESSAGE_TYPE",
    );
  }
});

Deno.test("decodeMessage() refuses every reserved flag", () => {
  for (const flag of [0x10, 0x20, 0x40, 0x80]) {
    assertRefused(() => decodeMessage(damaged(5, 3 | flag)), "RESERVED_FLAGS");
  }
});

Deno.test("decodeMessage() refuses every bit of the reserved field", () => {
  for (let bit = 0; bit < 16; bit++) {
    const bytes = damaged(6 + (bit >>> 3), 1 << (bit & 7));
    assertRefused(() => decodeMessage(bytes), "RESERVED_FIELD");
  }
});

Deno.test("decodeMessage() refuses a payload length above 16 MiB, bit by bit", () => {
  for (let bit = 25; bit < 64; bit++) {
    const bytes = damaged(24 + (bit >>> 3), 1 << (bit & 7));
    assertRefused(() => decodeMessage(bytes), "PAYLOAD_TOO_LARGE");
  }
  // 2^24 itself is allowed, so here bytes are missing; one more is too large.
  const most = damaged(27, 1);
  most[24] = 0;
  assertRefused(() => decodeMessage(most), "BUFFER_TOO_SMALL");
  most[24] = 1;
  assertRefused(() => decodeMessage(most), "PAYLOAD_TOO_LARGE");
});

Deno.test("decodeMessage() judges in the documented order", () => {
  const bytes = Uint8Array.fromHex(CALL_HEX);
  bytes[42]! ^= 1;
  assertRefused(() => decodeMessage(bytes), "CHECKSUM_MISMATCH");
  bytes[25] = 1;
  assertRefused(() => decodeMessage(bytes), "BUFFER_TOO_SMALL");
  bytes[31] = 1;
  assertRefused(() => decodeMessage(bytes), "PAYLOAD_TOO_LARGE");
  bytes[7] = 1;
  assertRefused(() => decodeMessage(bytes), "RESERVED_FIELD");
  bytes[5] = 0x80;
  assertRefused(() => decodeMessage(bytes), "RESERVED_FLAGS");
  bytes[4] = 0x7f;
  assertRefused(() => decodeMessage(bytes), "UNKNOWN_MESSAGE_TYPE");
  bytes[0] = 0x4d;
  assertRefused(() => decodeMessage(bytes), "INVALID_MAGIC");
  assertRefused(
    () => decodeMessage(bytes.subarray(0, 39)),
    "BUFFER_TOO_SMALL",
  );
});

Deno.test("decodeMessage() gives the payload as a view", () => {
  const bytes = Uint8Array.fromHex(CALL_HEX);
  const { payload } = decodeMessage(bytes);
  bytes[32] = 0;
  assert.equal(payload[0], 0);
});

Deno.test("decodeMessage() leaves alone what follows the checksum", () => {
  const two = Uint8Array.fromHex(CALL_HEX + CALL_HEX);
  const first = decodeMessage(two);
  assert.deepEqual(first, call);
  const rest = two.subarray(messageLength(first.payload.length));
  assert.deepEqual(decodeMessage(rest), call);
});

Deno.test("encodeMessageInto() writes at any offset and nowhere else", () => {
  fc.assert(fc.property(anyMessage, fc.nat(20), (message, offset) => {
    const expected = encodeMessage(message);
    const into = new Uint8Array(expected.length + offset + 9).fill(0xaa);
    const view = into.subarray(1);
    assert.equal(encodeMessageInto(message, view, offset), expected.length);
    const end = offset + expected.length;
    assert.deepEqual(view.subarray(offset, end), expected);
    assert(into.subarray(0, offset + 1).every((byte) => byte === 0xaa));
    assert(view.subarray(end).every((byte) => byte === 0xaa));
  }));
});

Deno.test("encodeMessageInto() takes a payload that lies in the same buffer", () => {
  for (const start of [0, 20, 32, 40]) {
    const into = new Uint8Array(100);
    into.set(call.payload, start);
    const payload = into.subarray(start, start + call.payload.length);
    const length = encodeMessageInto({ ...call, payload }, into);
    assert.equal(into.subarray(0, length).toHex(), CALL_HEX);
  }
});

Deno.test("encodeMessageInto() refuses a buffer that is too small", () => {
  for (let length = 0; length < 43; length++) {
    assertRefused(
      () => encodeMessageInto(call, new Uint8Array(length)),
      "BUFFER_TOO_SMALL",
      "caller",
    );
  }
  for (const offset of [-1, 0.5, 58, NaN, Infinity]) {
    assertRefused(
      () => encodeMessageInto(call, new Uint8Array(100), offset),
      "BUFFER_TOO_SMALL",
      "caller",
    );
  }
});

Deno.test("encodeMessage() refuses what no message can carry", () => {
  const refused = (change: Partial<Message>, code: ProtocolError["code"]) =>
    assertRefused(() => encodeMessage({ ...call, ...change }), code, "caller");
  for (const type of [0, 0x7f, 0xf2, 256, 0x110, -1, 1.5, NaN]) {
    refused({ type }, "UNKNOWN_MESSAGE_TYPE");
  }
  for (const flags of [0x10, 0x80, 256, -1, 0.5, NaN]) {
    refused({ flags }, "RESERVED_FLAGS");
  }
  for (const id of [-1n, 2n ** 64n]) {
    refused({ messageId: id }, "INVALID_VALUE");
    refused({ traceId: id }, "INVALID_VALUE");
  }
  refused(
    { payload: new Uint8Array(MAX_PAYLOAD_LENGTH + 1) },
    "PAYLOAD_TOO_LARGE",
  );
});

Deno.test("encodeMessage() carries a payload of 16 MiB", () => {
  const payload = new Uint8Array(MAX_PAYLOAD_LENGTH);
  payload[MAX_PAYLOAD_LENGTH - 1] = 7;
  const bytes = encodeMessage({ ...call, payload });
  assert.equal(decodeMessage(bytes).payload[MAX_PAYLOAD_LENGTH - 1], 7);
});

Deno.test("peekMessageLength() waits for 32 bytes and then tells the length", () => {
  const bytes = Uint8Array.fromHex(CALL_HEX);
  for (let length = 0; length <= bytes.length; length++) {
    assert.equal(
      peekMessageLength(bytes.subarray(0, length)),
      length < 32 ? undefined : 43,
    );
  }
});

Deno.test("peekMessageLength() ends a stream that holds no messages", () => {
  assertRefused(() => peekMessageLength(damaged(0, 0)), "INVALID_MAGIC");
  assertRefused(() => peekMessageLength(damaged(4, 0)), "UNKNOWN_MESSAGE_TYPE");
  assertRefused(() => peekMessageLength(damaged(31, 1)), "PAYLOAD_TOO_LARGE");
});

Deno.test("completeMessage() makes of a payload in its place what encodeMessage() makes of it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(9), (payload, at) => {
      const message = {
        type: MessageType.STREAM_CHUNK,
        flags: 0,
        messageId: 0xfedc_ba98_7654_3210n,
        traceId: 3n,
        payload,
      };
      const expected = encodeMessage(message);
      const into = new Uint8Array(at + expected.length);
      into.set(payload, at + 32);
      assert.equal(
        completeMessage(message, payload.length, into, at),
        expected.length,
      );
      assert.deepEqual(into.subarray(at), expected);
      assert.deepEqual(decodeMessage(into, at), decodeMessage(expected));
      assert.equal(peekMessageLength(into, at), expected.length);
    }),
  );
});

Deno.test("completeMessage() refuses a buffer without room for the checksum", () => {
  const head = {
    type: MessageType.EVENT,
    flags: 0,
    messageId: 1n,
    traceId: 1n,
  };
  assert.throws(() => completeMessage(head, 5, new Uint8Array(44)), {
    code: "BUFFER_TOO_SMALL",
  });
});

Deno.test("decodeMessage() refuses an offset that leaves less than a message", () => {
  const bytes = encodeMessage({
    type: MessageType.EVENT,
    flags: 0,
    messageId: 1n,
    traceId: 1n,
    payload: new Uint8Array(3),
  });
  for (const offset of [1, 4, 43, 44, -1, 0.5]) {
    assert.throws(() => decodeMessage(bytes, offset), {
      name: "ProtocolError",
    });
  }
});
