/**
 * What a message costs beside JSON: 256 bytes of payload, there and back.
 *
 * Both sides carry the same facts: type, flags, two ids and the payload. JSON
 * is measured twice, each time with the fastest way that the runtime has: with
 * bytes, which it must write as base64, and with 256 characters of text, where
 * it is at its best. Only the message is verified by a checksum.
 *
 * Run: `deno bench bench/message_bench.ts`
 *
 * @module
 */
import {
  decodeCall,
  decodeCallData,
  decodeMessage,
  encodeCall,
  encodeCallData,
  encodeMessage,
  encodeMessageInto,
  messageLength,
  MessageType,
} from "../protocol/mod.ts";

const PAYLOAD_LENGTH = 256;

const payload = Uint8Array.from(
  { length: PAYLOAD_LENGTH },
  (_, index) => index * 31 & 0xff,
);
const message = {
  type: MessageType.CALL,
  flags: 0,
  messageId: 0x0123_4567_89ab_cdefn,
  traceId: 0xfedc_ba98_7654_3210n,
  payload,
};
const encoded = encodeMessage(message);
const reused = new Uint8Array(messageLength(PAYLOAD_LENGTH));

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

// JSON's text for the two ids, which are beyond its numbers.
const idsAsText = {
  messageId: message.messageId.toString(),
  traceId: message.traceId.toString(),
};
const text = "abcdefgh".repeat(PAYLOAD_LENGTH / 8);

function encodeJson(payloadText: string): Uint8Array {
  return textEncoder.encode(JSON.stringify({
    type: message.type,
    flags: message.flags,
    ...idsAsText,
    payload: payloadText,
  }));
}

const jsonOfBytes = encodeJson(payload.toBase64());
const jsonOfText = encodeJson(text);

const callData = {
  contentType: 1,
  method: "summarize",
  body: payload,
};
const call = {
  target: new Uint8Array(16),
  timeoutSeconds: 30,
  data: encodeCallData(callData),
};
const encodedCall = encodeCall(call);

const encode = { group: "encode 256 B" };
Deno.bench("encodeMessageInto() 256 B, caller's buffer", encode, () => {
  encodeMessageInto(message, reused);
});
Deno.bench(
  "encodeMessage() 256 B, new bytes",
  { ...encode, baseline: true },
  () => {
    encodeMessage(message);
  },
);
Deno.bench("JSON 256 B of text, encode", encode, () => {
  encodeJson(text);
});
Deno.bench("JSON 256 B of bytes, encode", encode, () => {
  encodeJson(payload.toBase64());
});

const decode = { group: "decode 256 B" };
Deno.bench(
  "decodeMessage() 256 B, verified",
  { ...decode, baseline: true },
  () => {
    decodeMessage(encoded);
  },
);
Deno.bench("JSON 256 B of text, decode", decode, () => {
  JSON.parse(textDecoder.decode(jsonOfText));
});
Deno.bench("JSON 256 B of bytes, decode", decode, () => {
  const value = JSON.parse(textDecoder.decode(jsonOfBytes));
  value.payload = Uint8Array.fromBase64(value.payload);
});

const callGroup = { group: "call payload, 256 B argument" };
Deno.bench("encodeCallData() and encodeCall() 256 B", callGroup, () => {
  encodeCall({ ...call, data: encodeCallData(callData) });
});
Deno.bench("decodeCall() and decodeCallData() 256 B", callGroup, () => {
  decodeCallData(decodeCall(encodedCall).data);
});
