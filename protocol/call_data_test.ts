import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyExtensions,
  anyText,
  assertRefused,
  record,
  testCodec,
} from "../tests/support/codec_properties.ts";
import { type CallData, decodeCallData, encodeCallData } from "./call_data.ts";

testCodec<CallData>({
  name: "Call data",
  encode: encodeCallData,
  decode: decodeCallData,
  values: record<CallData>({
    contentType: fc.nat(255),
    method: anyText,
    extensions: anyExtensions,
    body: fc.uint8Array(),
  }),
});

Deno.test("encodeCallData() lays the fields out as documented", () => {
  const data = encodeCallData({
    contentType: 2,
    method: "add",
    extensions: [{ type: 1, value: Uint8Array.fromHex("e8030000") }],
    body: Uint8Array.fromHex("7b7d"),
  });
  assert.equal(
    data.toHex(),
    "01" + "02" + "0300616464" + "0800" + "01000400e8030000" + "7b7d",
  );
});

Deno.test("decodeCallData() refuses every other version", () => {
  const data = encodeCallData({
    contentType: 0,
    method: "m",
    body: new Uint8Array(0),
  });
  for (let version = 0; version < 256; version++) {
    data[0] = version;
    if (version !== 1) {
      assertRefused(() => decodeCallData(data), "PAYLOAD_INVALID");
    }
  }
});

Deno.test("decodeCallData() refuses every length below its fields", () => {
  const data = encodeCallData({
    contentType: 0,
    method: "method",
    extensions: [{ type: 1, value: new Uint8Array(4) }],
    body: new Uint8Array(0),
  });
  for (let length = 0; length < data.length; length++) {
    assertRefused(
      () => decodeCallData(data.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("encodeCallData() refuses a method that is too long", () => {
  const body = new Uint8Array(0);
  for (const method of ["m".repeat(65536), "é".repeat(32768), "\ud800"]) {
    assertRefused(
      () => encodeCallData({ contentType: 0, method, body }),
      "INVALID_VALUE",
      "caller",
    );
  }
  const longest = "m".repeat(65535);
  const data = encodeCallData({ contentType: 0, method: longest, body });
  assert.equal(decodeCallData(data).method, longest);
});
