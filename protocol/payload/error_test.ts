import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyExtensions,
  anyText,
  assertExactLength,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import { decodeError, encodeError, type ErrorPayload } from "./error.ts";

testCodec<ErrorPayload>({
  name: "Error",
  encode: encodeError,
  decode: decodeError,
  values: record<ErrorPayload>({
    status: fc.nat(65535),
    retryAfterMs: fc.nat(0xffff_ffff),
    messageId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    message: anyText,
    extensions: anyExtensions,
  }),
});

const HEX = "0800" + "f4010000" + "08070605040302f1" + "040062757379" + "0500" +
  "0900010007";
const error = {
  status: 8,
  retryAfterMs: 500,
  messageId: 0xf102030405060708n,
  message: "busy",
  extensions: [{ type: 9, value: new Uint8Array([7]) }],
};

Deno.test("Error is laid out as documented", () => {
  assert.equal(encodeError(error).toHex(), HEX);
  assert.deepEqual(decodeError(Uint8Array.fromHex(HEX)), error);
});

Deno.test("Error refuses every shorter length and any longer one", () => {
  assertExactLength(decodeError, Uint8Array.fromHex(HEX));
});

Deno.test("Error refuses text that is not UTF-8", () => {
  const bytes = Uint8Array.fromHex(HEX);
  bytes[16] = 0xff;
  assertRefused(() => decodeError(bytes), "PAYLOAD_INVALID");
});

Deno.test("encodeError() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeError, error, [
    { status: -1 },
    { retryAfterMs: 2 ** 32 },
    { retryAfterMs: 0.5 },
    { messageId: -1n },
    { message: "m".repeat(65536) },
    { message: "\udc00" },
  ]);
});
