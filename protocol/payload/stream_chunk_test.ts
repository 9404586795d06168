import assert from "node:assert/strict";
import fc from "fast-check";
import {
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import {
  decodeStreamChunk,
  encodeStreamChunk,
  encodeStreamChunkInto,
  STREAM_CHUNK_HEAD_LENGTH,
  type StreamChunkPayload,
} from "./stream_chunk.ts";

testCodec<StreamChunkPayload>({
  name: "StreamChunk",
  encode(chunk) {
    const bytes = encodeStreamChunk(chunk);
    assert.equal(bytes.length, STREAM_CHUNK_HEAD_LENGTH + chunk.body.length);
    return bytes;
  },
  decode: decodeStreamChunk,
  values: record<StreamChunkPayload>({
    offset: fc.maxSafeNat(),
    contentType: fc.nat(255),
    body: fc.uint8Array(),
  }),
});

const HEX = "0807060504030200" + "01" + "6869";
const chunk = {
  offset: 0x02030405060708,
  contentType: 1,
  body: Uint8Array.fromHex("6869"),
};

Deno.test("StreamChunk is laid out as documented", () => {
  assert.equal(encodeStreamChunk(chunk).toHex(), HEX);
  assert.deepEqual(decodeStreamChunk(Uint8Array.fromHex(HEX)), chunk);
});

Deno.test("StreamChunk refuses every length below its head", () => {
  for (let length = 0; length < STREAM_CHUNK_HEAD_LENGTH; length++) {
    assertRefused(
      () => decodeStreamChunk(new Uint8Array(length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("StreamChunk refuses an offset above 2^53 - 1, bit by bit", () => {
  for (let bit = 53; bit < 64; bit++) {
    const bytes = Uint8Array.fromHex(HEX);
    bytes[bit >>> 3]! |= 1 << (bit & 7);
    assertRefused(() => decodeStreamChunk(bytes), "PAYLOAD_INVALID");
  }
});

Deno.test("encodeStreamChunk() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeStreamChunk, chunk, [
    { offset: -1 },
    { offset: 2 ** 53 },
    { offset: 0.5 },
    { contentType: 256 },
  ]);
});

Deno.test("encodeStreamChunkInto() writes at an offset what encodeStreamChunk() gives", () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.nat(255),
      fc.uint8Array(),
      fc.nat(20),
      (offset, contentType, body, at) => {
        const value = { offset, contentType, body };
        const expected = encodeStreamChunk(value);
        const into = new Uint8Array(at + expected.length + 3).fill(0xaa);
        assert.equal(encodeStreamChunkInto(value, into, at), expected.length);
        assert.deepEqual(into.subarray(at, at + expected.length), expected);
        assert.ok(into.subarray(0, at).every((byte) => byte === 0xaa));
        assert.deepEqual(into.subarray(-3), new Uint8Array(3).fill(0xaa));
      },
    ),
  );
});

Deno.test("encodeStreamChunkInto() refuses a buffer that is one byte short, and what no field carries", () => {
  const into = new Uint8Array(64);
  const cases = [
    { value: chunk, at: 54, code: "BUFFER_TOO_SMALL" },
    { value: chunk, at: -1, code: "BUFFER_TOO_SMALL" },
    { value: { ...chunk, offset: -1 }, at: 0, code: "INVALID_VALUE" },
    { value: { ...chunk, offset: 2 ** 53 }, at: 0, code: "INVALID_VALUE" },
    { value: { ...chunk, offset: 0.5 }, at: 0, code: "INVALID_VALUE" },
    { value: { ...chunk, contentType: 256 }, at: 0, code: "INVALID_VALUE" },
  ];
  for (const { value, at, code } of cases) {
    assert.throws(() => encodeStreamChunkInto(value, into, at), { code });
  }
  assert.equal(encodeStreamChunkInto(chunk, into, 53), 11);
});
