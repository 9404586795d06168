import assert from "node:assert/strict";
import { assertRefused } from "../tests/support/codec_properties.ts";
import {
  decodeMessageHeader,
  encodeMessageHeaderInto,
  type MessageHeader,
} from "./message_header.ts";

const HEX = "3150584d" + "12" + "0d" + "0000" +
  "0807060504030201" + "1817161514131211" + "0201000000000000";
const header: MessageHeader = {
  type: 0x12,
  flags: 0x0d,
  messageId: 0x0102030405060708n,
  traceId: 0x1112131415161718n,
  payloadLength: 0x102,
};

Deno.test("encodeMessageHeaderInto() lays the fields out as documented", () => {
  const into = new Uint8Array(40).fill(0xff);
  encodeMessageHeaderInto(header, into, 4);
  assert.equal(into.toHex(), "ffffffff" + HEX + "ffffffff");
});

Deno.test("decodeMessageHeader() reads the fields as documented", () => {
  assert.deepEqual(decodeMessageHeader(Uint8Array.fromHex(HEX)), header);
});

Deno.test("decodeMessageHeader() refuses every shorter length", () => {
  const bytes = Uint8Array.fromHex(HEX);
  for (let length = 0; length < 32; length++) {
    assertRefused(
      () => decodeMessageHeader(bytes.subarray(0, length)),
      "BUFFER_TOO_SMALL",
    );
  }
});

Deno.test("encodeMessageHeaderInto() refuses lengths and places that are none", () => {
  const refused = (
    payloadLength: number,
    code: "INVALID_VALUE" | "PAYLOAD_TOO_LARGE",
  ) =>
    assertRefused(
      () =>
        encodeMessageHeaderInto(
          { ...header, payloadLength },
          new Uint8Array(32),
        ),
      code,
      "caller",
    );
  for (const length of [-1, 0.5, NaN]) refused(length, "INVALID_VALUE");
  for (const length of [16_777_217, Infinity]) {
    refused(length, "PAYLOAD_TOO_LARGE");
  }
  for (const offset of [-1, 1, 0.5, NaN]) {
    assertRefused(
      () => encodeMessageHeaderInto(header, new Uint8Array(32), offset),
      "BUFFER_TOO_SMALL",
      "caller",
    );
  }
});
