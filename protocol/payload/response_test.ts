import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyExtensions,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import {
  decodeResponse,
  encodeResponse,
  type ResponsePayload,
} from "./response.ts";

testCodec<ResponsePayload>({
  name: "Response",
  encode: encodeResponse,
  decode: decodeResponse,
  values: record<ResponsePayload>({
    status: fc.nat(65535),
    contentType: fc.nat(255),
    extensions: anyExtensions,
    body: fc.uint8Array(),
  }),
});

const HEX = "0201" + "02" + "00" + "0500" + "0900010007";
const response = {
  status: 0x0102,
  contentType: 2,
  extensions: [{ type: 9, value: new Uint8Array([7]) }],
  body: Uint8Array.fromHex("7b7d"),
};

Deno.test("Response is laid out as documented", () => {
  assert.equal(encodeResponse(response).toHex(), HEX + "7b7d");
  assert.deepEqual(decodeResponse(Uint8Array.fromHex(HEX + "7b7d")), response);
});

Deno.test("Response refuses every length below its body", () => {
  const bytes = Uint8Array.fromHex(HEX);
  for (let length = 0; length < bytes.length; length++) {
    assertRefused(
      () => decodeResponse(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("Response refuses every bit of the reserved byte", () => {
  for (let bit = 0; bit < 8; bit++) {
    const bytes = Uint8Array.fromHex(HEX);
    bytes[3] = 1 << bit;
    assertRefused(() => decodeResponse(bytes), "PAYLOAD_INVALID");
  }
});

Deno.test("encodeResponse() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeResponse, response, [
    { status: 65536 },
    { status: -1 },
    { contentType: 256 },
    { extensions: [{ type: 65536, value: new Uint8Array(0) }] },
  ]);
});
