import assert from "node:assert/strict";
import { anyEnvelope } from "../tests/support/any_envelope.ts";
import { assertRefused, testCodec } from "../tests/support/codec_properties.ts";
import {
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  maxEnvelopeLength,
} from "./envelope.ts";
import { decodeExtensions, encodeExtensions } from "./extension.ts";

testCodec<Envelope>({
  name: "Envelope",
  encode: (envelope) => encodeExtensions(encodeEnvelope(envelope)),
  decode: (bytes) => decodeEnvelope(decodeExtensions(bytes)),
  values: anyEnvelope,
});

Deno.test("encodeEnvelope() lays every field out as documented", () => {
  const extensions = encodeEnvelope({
    deadlineMs: 1500,
    idleTimeoutMs: 2,
    parentSpanId: 0x0102030405060708n,
    idempotencyKey: "k",
    budget: { calls: 3, tokens: 0x1_0000_0002 },
    capability: "cap",
    caller: "me",
    callerId: Uint8Array.from({ length: 16 }, (_, index) => index),
    metadata: { ab: "c" },
    isIdempotent: true,
    traceContext: { traceIdHigh: 0x0102030405060708n, flags: 3 },
  });
  assert.deepEqual(extensions.map(({ type, value }) => [type, value.toHex()]), [
    [1, "dc050000"],
    [2, "02000000"],
    [3, "0807060504030201"],
    [4, "6b"],
    [5, "03000000" + "0200000001000000" + "ffffffffffffffff"],
    [6, "636170"],
    [7, "6d65"],
    [8, "000102030405060708090a0b0c0d0e0f"],
    [9, "0200" + "6162" + "63"],
    [10, ""],
    [11, "0807060504030201" + "03"],
  ]);
});

Deno.test("encodeEnvelope() writes nothing for an empty envelope", () => {
  assert.deepEqual(encodeEnvelope({ isIdempotent: false }), []);
  assert.deepEqual(decodeEnvelope([]), {});
});

Deno.test("decodeEnvelope() skips types that it does not know", () => {
  const unknown = [0, 12, 33, 65535].map((type) => ({
    type,
    value: new Uint8Array(3),
  }));
  assert.deepEqual(decodeEnvelope([...unknown, ...unknown]), {});
});

Deno.test("decodeEnvelope() refuses every field of another size", () => {
  const sizes: [number, number][] = [
    [1, 4],
    [2, 4],
    [3, 8],
    [5, 20],
    [8, 16],
    [11, 9],
  ];
  for (const [type, size] of sizes) {
    for (let length = 0; length <= size + 1; length++) {
      const value = new Uint8Array(length);
      const run = () => decodeEnvelope([{ type, value }]);
      if (length === size) run();
      else if (length < size) assertRefused(run, "PAYLOAD_TRUNCATED");
      else assertRefused(run, "PAYLOAD_INVALID");
    }
  }
  assertRefused(
    () => decodeEnvelope([{ type: 10, value: new Uint8Array(1) }]),
    "PAYLOAD_INVALID",
  );
});

Deno.test("decodeEnvelope() refuses a field that comes twice", () => {
  const [extension] = encodeEnvelope({ caller: "me" });
  assertRefused(
    () => decodeEnvelope([extension!, extension!]),
    "PAYLOAD_INVALID",
  );
  const [pair] = encodeEnvelope({ metadata: { a: "b" } });
  assertRefused(() => decodeEnvelope([pair!, pair!]), "PAYLOAD_INVALID");
});

Deno.test("decodeEnvelope() refuses a budget that is no safe integer", () => {
  for (
    const amount of [
      "0000000000002000",
      "ffffffffffffff7f",
      "feffffffffffffff",
    ]
  ) {
    const value = Uint8Array.fromHex("00000000" + amount + "0000000000000000");
    assertRefused(
      () => decodeEnvelope([{ type: 5, value }]),
      "PAYLOAD_INVALID",
    );
  }
});

Deno.test("decodeEnvelope() refuses text that is not UTF-8", () => {
  const value = Uint8Array.fromHex("ff");
  for (const type of [4, 6, 7]) {
    assertRefused(() => decodeEnvelope([{ type, value }]), "PAYLOAD_INVALID");
  }
  for (const hex of ["0100ff", "000080"]) {
    assertRefused(
      () => decodeEnvelope([{ type: 9, value: Uint8Array.fromHex(hex) }]),
      "PAYLOAD_INVALID",
    );
  }
});

Deno.test("maxEnvelopeLength() refuses metadata above what a message holds, however it is divided", () => {
  const most = "v".repeat(65_535 - 6 - 1);
  assert.ok(maxEnvelopeLength({ metadata: { k: most } }) >= 65_535);
  const quarter = "v".repeat(16_384);
  const tooMuch: Envelope[] = [
    { metadata: { k: `${most}v` } },
    { metadata: { a: quarter, b: quarter, c: quarter, d: quarter } },
  ];
  for (const envelope of tooMuch) {
    assertRefused(() => maxEnvelopeLength(envelope), "INVALID_VALUE", "caller");
  }
});

Deno.test("encodeEnvelope() refuses numbers and texts without an encoding", () => {
  const envelopes: Envelope[] = [
    { deadlineMs: -1 },
    { deadlineMs: 0.5 },
    { deadlineMs: 2 ** 32 },
    { idleTimeoutMs: NaN },
    { parentSpanId: -1n },
    { parentSpanId: 2n ** 64n },
    { idempotencyKey: "\ud800" },
    { budget: { calls: 0xffff_ffff } },
    { budget: { tokens: 2 ** 53 } },
    { budget: { costMicros: -1 } },
    { callerId: new Uint8Array(15) },
    { metadata: { ["k".repeat(65536)]: "" } },
    { metadata: { k: "\udc00" } },
  ];
  for (const envelope of envelopes) {
    assertRefused(() => encodeEnvelope(envelope), "INVALID_VALUE", "caller");
  }
});
