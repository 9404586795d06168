import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyExtensions,
  anyText,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import { decodeEvent, encodeEvent, type EventPayload } from "./event.ts";

testCodec<EventPayload>({
  name: "Event",
  encode: encodeEvent,
  decode: decodeEvent,
  values: record<EventPayload>({
    contentType: fc.nat(255),
    topic: anyText,
    sequence: fc.maxSafeNat(),
    extensions: anyExtensions,
    body: fc.uint8Array(),
  }),
});

const HEX = "01" + "00" + "0200" + "742f" + "0807060504030200" + "0500" +
  "0900010007";
const event = {
  contentType: 1,
  topic: "t/",
  sequence: 0x02030405060708,
  extensions: [{ type: 9, value: new Uint8Array([7]) }],
  body: Uint8Array.fromHex("6869"),
};

Deno.test("Event is laid out as documented", () => {
  assert.equal(encodeEvent(event).toHex(), HEX + "6869");
  assert.deepEqual(decodeEvent(Uint8Array.fromHex(HEX + "6869")), event);
});

Deno.test("Event refuses every length below its body", () => {
  const bytes = Uint8Array.fromHex(HEX);
  for (let length = 0; length < bytes.length; length++) {
    assertRefused(
      () => decodeEvent(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("Event refuses every bit of the reserved byte", () => {
  for (let bit = 0; bit < 8; bit++) {
    const bytes = Uint8Array.fromHex(HEX);
    bytes[1] = 1 << bit;
    assertRefused(() => decodeEvent(bytes), "PAYLOAD_INVALID");
  }
});

Deno.test("Event refuses a sequence above 2^53 - 1, bit by bit", () => {
  for (let bit = 53; bit < 64; bit++) {
    const bytes = Uint8Array.fromHex(HEX);
    bytes[6 + (bit >>> 3)]! |= 1 << (bit & 7);
    assertRefused(() => decodeEvent(bytes), "PAYLOAD_INVALID");
  }
});

Deno.test("encodeEvent() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeEvent, event, [
    { contentType: -1 },
    { topic: "t".repeat(65536) },
    { topic: "\ud800" },
    { sequence: 2 ** 53 },
    { sequence: -1 },
  ]);
});
