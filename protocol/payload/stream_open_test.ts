import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyBytes,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import {
  decodeStreamOpen,
  encodeStreamOpen,
  STREAM_OPEN_HEAD_LENGTH,
  StreamKind,
  type StreamOpenPayload,
} from "./stream_open.ts";

const anyHead = {
  streamId: anyBytes(16),
  target: anyBytes(16),
  kind: fc.constantFrom(...Object.values(StreamKind)),
};

testCodec<StreamOpenPayload>({
  name: "StreamOpen",
  encode(open) {
    const bytes = encodeStreamOpen(open);
    assert.equal(
      bytes.length,
      open.data === undefined
        ? STREAM_OPEN_HEAD_LENGTH
        : STREAM_OPEN_HEAD_LENGTH + 4 + open.data.length,
    );
    return bytes;
  },
  decode: decodeStreamOpen,
  values: fc.oneof(
    record<StreamOpenPayload>(
      anyHead as Parameters<typeof record<StreamOpenPayload>>[0],
    ),
    record<StreamOpenPayload>({
      ...anyHead,
      timeoutSeconds: fc.nat(0xffff_ffff),
      data: fc.uint8Array(),
    }),
  ),
});

const HEAD = "aa".repeat(16) + "000102030405060708090a0b0c0d0e0f" + "02";
const open: StreamOpenPayload = {
  streamId: new Uint8Array(16).fill(0xaa),
  target: Uint8Array.from({ length: 16 }, (_, index) => index),
  kind: StreamKind.BOTH_WAYS,
};

Deno.test("StreamOpen is laid out as the first implementation has it", () => {
  assert.equal(encodeStreamOpen(open).toHex(), HEAD);
  assert.deepEqual(decodeStreamOpen(Uint8Array.fromHex(HEAD)), open);
});

Deno.test("StreamOpen appends timeout and data together", () => {
  const full = { ...open, timeoutSeconds: 5, data: new Uint8Array([1]) };
  const hex = HEAD + "05000000" + "01";
  assert.equal(encodeStreamOpen(full).toHex(), hex);
  assert.deepEqual(decodeStreamOpen(Uint8Array.fromHex(hex)), full);
  assert.equal(
    encodeStreamOpen({ ...open, data: new Uint8Array(0) }).toHex(),
    HEAD + "00000000",
  );
  assert.equal(
    encodeStreamOpen({ ...open, timeoutSeconds: 1 }).toHex(),
    HEAD + "01000000",
  );
});

Deno.test("StreamOpen refuses every length below 33 and from 34 to 36", () => {
  const bytes = Uint8Array.fromHex(HEAD + "00000000");
  for (let length = 0; length < 37; length++) {
    if (length === 33) continue;
    assertRefused(
      () => decodeStreamOpen(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("StreamOpen refuses every kind that is not defined", () => {
  const bytes = Uint8Array.fromHex(HEAD);
  for (let kind = 0; kind < 256; kind++) {
    bytes[32] = kind;
    if (kind !== 1 && kind !== 2) {
      assertRefused(() => decodeStreamOpen(bytes), "PAYLOAD_INVALID");
    }
  }
});

Deno.test("encodeStreamOpen() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeStreamOpen, open, [
    { streamId: new Uint8Array(15) },
    { target: new Uint8Array(17) },
    { kind: 0 },
    { kind: 3 },
    { timeoutSeconds: 2 ** 32 },
  ]);
});
