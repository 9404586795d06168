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
import {
  decodeStreamClose,
  encodeStreamClose,
  type StreamClosePayload,
  StreamEnding,
} from "./stream_close.ts";

testCodec<StreamClosePayload>({
  name: "StreamClose",
  encode: encodeStreamClose,
  decode: decodeStreamClose,
  values: record<StreamClosePayload>({
    ending: fc.constantFrom(...Object.values(StreamEnding)),
    status: fc.nat(65535),
    chunkCount: fc.maxSafeNat(),
    message: anyText,
    extensions: anyExtensions,
  }),
});

const HEX = "03" + "0d00" + "0200000001000000" + "02006e6f" + "0500" +
  "0900010007";
const close: StreamClosePayload = {
  ending: StreamEnding.FAILED,
  status: 13,
  chunkCount: 0x1_0000_0002,
  message: "no",
  extensions: [{ type: 9, value: new Uint8Array([7]) }],
};

Deno.test("StreamClose is laid out as documented", () => {
  assert.equal(encodeStreamClose(close).toHex(), HEX);
  assert.deepEqual(decodeStreamClose(Uint8Array.fromHex(HEX)), close);
});

Deno.test("StreamClose refuses every shorter length and any longer one", () => {
  assertExactLength(decodeStreamClose, Uint8Array.fromHex(HEX));
});

Deno.test("StreamClose refuses every ending that is not defined", () => {
  const bytes = Uint8Array.fromHex(HEX);
  for (let ending = 0; ending < 256; ending++) {
    bytes[0] = ending;
    if (ending < 1 || ending > 3) {
      assertRefused(() => decodeStreamClose(bytes), "PAYLOAD_INVALID");
    }
  }
});

Deno.test("encodeStreamClose() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeStreamClose, close, [
    { ending: 0 },
    { ending: 4 },
    { ending: 1.5 },
    { status: 65536 },
    { chunkCount: 2 ** 53 },
    { message: "m".repeat(65536) },
  ]);
});
