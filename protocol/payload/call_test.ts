import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyBytes,
  anyText,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import { decodeCallData, encodeCallData } from "../call_data.ts";
import { ProtocolError } from "../error.ts";
import { decodeEnvelope, encodeEnvelope } from "../envelope.ts";
import { anyEnvelope } from "../../tests/support/any_envelope.ts";
import {
  CALL_HEAD_LENGTH,
  type CallPayload,
  decodeCall,
  decodeEnvelopedCall,
  encodeCall,
  encodeEnvelopedCallInto,
  type EnvelopedCall,
  maxEnvelopedCallLength,
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

/** The bytes of a call, made in three steps. */
function encodeInSteps(
  { target, timeoutSeconds, data }: EnvelopedCall,
): Uint8Array {
  const { contentType, method, envelope, body } = data;
  return encodeCall({
    target,
    timeoutSeconds,
    data: encodeCallData({
      contentType,
      method,
      extensions: encodeEnvelope(envelope),
      body,
    }),
  });
}

/** What is in the bytes of a call, found in three steps. */
function decodeInSteps(payload: Uint8Array): EnvelopedCall {
  const { target, timeoutSeconds, data } = decodeCall(payload);
  const { contentType, method, extensions, body } = decodeCallData(data);
  const envelope = decodeEnvelope(extensions);
  return {
    target,
    timeoutSeconds,
    data: { contentType, method, envelope, body },
  };
}

const anyEnvelopedCall = record<EnvelopedCall>({
  target: anyBytes(16),
  timeoutSeconds: fc.nat(0xffff_ffff),
  data: record<EnvelopedCall["data"]>({
    contentType: fc.nat(255),
    method: anyText,
    envelope: anyEnvelope,
    body: fc.uint8Array(),
  }),
});

Deno.test("encodeEnvelopedCallInto() writes what three steps give, where it is told to", () => {
  const anyCase = fc.tuple(anyEnvelopedCall, fc.nat(40), fc.boolean());
  fc.assert(fc.property(anyCase, ([whole, at, isApart]) => {
    const { caller, callerId, ...envelope } = whole.data.envelope;
    const self = {
      ...(caller === undefined ? {} : { caller }),
      ...(callerId === undefined ? {} : { callerId }),
    };
    const call = isApart
      ? { ...whole, data: { ...whole.data, envelope } }
      : whole;
    const extensions = isApart ? encodeEnvelope(self) : [];
    const expected = encodeInSteps(whole);
    const bound = maxEnvelopedCallLength(call, extensions);
    assert.ok(expected.length <= bound, `${expected.length} <= ${bound}`);
    const into = new Uint8Array(at + bound + 1).fill(0xa5);
    const length = encodeEnvelopedCallInto(call, extensions, into, at);
    assert.deepEqual(into.slice(at, at + length), expected);
    assert.ok(into.subarray(0, at).every((byte) => byte === 0xa5));
    assert.equal(into.at(-1), 0xa5);
  }));
});

Deno.test("encodeEnvelopedCallInto() refuses a buffer that is too small, and what has no encoding", () => {
  const plain: EnvelopedCall = {
    target: new Uint8Array(16),
    timeoutSeconds: 0,
    data: {
      contentType: 0,
      method: "method",
      envelope: {},
      body: new Uint8Array(3),
    },
  };
  const { length } = encodeInSteps(plain);
  for (let size = 0; size < length; size++) {
    assertRefused(
      () => encodeEnvelopedCallInto(plain, [], new Uint8Array(size)),
      "BUFFER_TOO_SMALL",
      "caller",
    );
  }
  const { data } = plain;
  const pairs = Array.from({ length: 1025 }, (_, index) => [index, ""]);
  for (
    const call of [
      { ...plain, target: new Uint8Array(15) },
      { ...plain, timeoutSeconds: -1 },
      { ...plain, data: { ...data, contentType: 256 } },
      { ...plain, data: { ...data, method: "m".repeat(65536) } },
      { ...plain, data: { ...data, envelope: { caller: "\ud800" } } },
      {
        ...plain,
        data: { ...data, envelope: { metadata: Object.fromEntries(pairs) } },
      },
      {
        ...plain,
        data: {
          ...data,
          envelope: {
            capability: "c".repeat(40000),
            caller: "d".repeat(40000),
          },
        },
      },
    ]
  ) {
    const into = new Uint8Array(maxEnvelopedCallLength(call));
    assertRefused(
      () => encodeEnvelopedCallInto(call, [], into),
      "INVALID_VALUE",
      "caller",
    );
  }
});

Deno.test("decodeEnvelopedCall() finds what three steps find, and refuses what they refuse", () => {
  const outcome = (decode: () => EnvelopedCall): unknown => {
    try {
      return decode();
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
      assert.equal(error.fault, "peer");
      return "refused";
    }
  };
  fc.assert(
    fc.property(
      anyEnvelopedCall,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      fc.nat(3),
      (call, damages, cut) => {
        const bytes = encodeInSteps(call);
        for (const [index, byte] of damages) bytes[index % bytes.length] = byte;
        const payload = bytes.subarray(0, bytes.length - cut);
        assert.deepEqual(
          outcome(() => decodeEnvelopedCall(payload)),
          outcome(() => decodeInSteps(payload)),
        );
      },
    ),
    { numRuns: 500 },
  );
});
