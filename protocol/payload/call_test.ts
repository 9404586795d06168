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
  CALL_HEAD_LENGTH,
  type CallPayload,
  decodeCall,
  encodeCall,
} from "./call.ts";

testCodec<CallPayload>({
  name: "Call",
  encode(call) {
    const bytes = encodeCall(call);
    assert.equal(bytes.length, CALL_HEAD_LENGTH + call.data.length);
    return bytes;
  },
  decode: decodeCall,
  values: record<CallPayload>({
    target: anyBytes(16),
    timeoutSeconds: fc.nat(0xffff_ffff),
    data: fc.uint8Array(),
  }),
});

const HEX = "000102030405060708090a0b0c0d0e0f" + "1e000000" + "aabb";
const call = {
  target: Uint8Array.from({ length: 16 }, (_, index) => index),
  timeoutSeconds: 30,
  data: Uint8Array.fromHex("aabb"),
};

Deno.test("Call is laid out as the first implementation has it", () => {
  assert.equal(encodeCall(call).toHex(), HEX);
  assert.deepEqual(decodeCall(Uint8Array.fromHex(HEX)), call);
});

Deno.test("Call refuses every length below its head", () => {
  for (let length = 0; length < CALL_HEAD_LENGTH; length++) {
    assertRefused(
      () => decodeCall(new Uint8Array(length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("decodeCall() gives views", () => {
  const bytes = Uint8Array.fromHex(HEX);
  const { target, data } = decodeCall(bytes);
  bytes.fill(0);
  assert.deepEqual([target[15], data[0]], [0, 0]);
});

Deno.test("encodeCall() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeCall, call, [
    { target: new Uint8Array(15) },
    { timeoutSeconds: 0.5 },
    { timeoutSeconds: -1 },
    { timeoutSeconds: 2 ** 32 },
  ]);
});
