import assert from "node:assert/strict";
import fc from "fast-check";
import {
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import {
  decodeStreamChunk,
  encodeStreamChunk,
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
  const changes: object[] = [
    { offset: -1 },
    { offset: 2 ** 53 },
    { offset: 0.5 },
    { contentType: 256 },
  ];
  for (const change of changes) {
    assertRefused(
      () => encodeStreamChunk({ ...chunk, ...change }),
      "INVALID_VALUE",
      "caller",
    );
  }
});
