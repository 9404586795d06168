import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyExtensions,
  assertExactLength,
  assertFieldsRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import { type AckPayload, decodeAck, encodeAck } from "./ack.ts";

testCodec<AckPayload>({
  name: "Ack",
  encode: encodeAck,
  decode: decodeAck,
  values: record<AckPayload>({
    messageId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    status: fc.nat(65535),
    extensions: anyExtensions,
  }),
});

const HEX = "08070605040302f1" + "0201" + "0500" + "0900010007";
const ack = {
  messageId: 0xf102030405060708n,
  status: 0x0102,
  extensions: [{ type: 9, value: new Uint8Array([7]) }],
};

Deno.test("Ack is laid out as documented", () => {
  assert.equal(encodeAck(ack).toHex(), HEX);
  assert.deepEqual(decodeAck(Uint8Array.fromHex(HEX)), ack);
});

Deno.test("Ack refuses every shorter length and any longer one", () => {
  assertExactLength(decodeAck, Uint8Array.fromHex(HEX));
});

Deno.test("encodeAck() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeAck, ack, [
    { messageId: -1n },
    { messageId: 2n ** 64n },
    { status: 65536 },
  ]);
});
