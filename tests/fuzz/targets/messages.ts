/**
 * Messages, their checksum, their content and their compression.
 *
 * @module
 */
import { concat } from "../../../internal/concat.ts";
import { createZstdCompressor } from "../../../mesh/zstd_compressor.ts";
import {
  compressPayload,
  decodeMessage,
  decodeValue,
  decompressPayload,
  encodeMessage,
  encodeValue,
  MAX_PAYLOAD_LENGTH,
  MESSAGE_CHECKSUM_LENGTH,
  MESSAGE_OVERHEAD,
  messageLength,
  MessageType,
  peekMessageLength,
  ProtocolError,
  xxh3_64,
} from "../../../protocol/mod.ts";
import { createScalarXxh3 } from "../../../protocol/xxh3_scalar.ts";
import { signatureOf } from "../signature.ts";
import {
  attempt,
  DEFAULT_BUDGET,
  type FuzzTarget,
  require,
  tryDecoder,
} from "../target.ts";
import { PAYLOAD_TARGETS } from "./payloads.ts";

const text = new TextEncoder();

/** A message of each type, with the first seed of its payload. */
function messageSeeds(): Uint8Array[] {
  return Object.values(MessageType).map((type, index) => {
    const seeds = PAYLOAD_TARGETS[index % PAYLOAD_TARGETS.length]!.seeds();
    return encodeMessage({
      type,
      flags: index % 16,
      messageId: BigInt(index) << 60n,
      traceId: 0xffff_ffff_ffff_ffffn >> BigInt(index),
      payload: seeds[index % seeds.length]!,
    });
  });
}

/** The same bytes with the checksum that belongs to them. */
function repaired(input: Uint8Array): Uint8Array {
  const bytes = input.slice();
  const end = bytes.length - MESSAGE_CHECKSUM_LENGTH;
  new DataView(bytes.buffer).setBigUint64(
    end,
    xxh3_64(bytes.subarray(0, end)),
    true,
  );
  return bytes;
}

const MESSAGE: FuzzTarget = {
  name: "message",
  subject: "decodeMessage and peekMessageLength, with and without the checksum",
  seeds: messageSeeds,
  dictionary: [Uint8Array.of(0x31, 0x50, 0x58, 0x4d)],
  run(input) {
    const trial = {
      errorClass: ProtocolError,
      decode: decodeMessage,
      encode: encodeMessage,
    };
    const raw = tryDecoder(trial, input);
    if (input.length < MESSAGE_OVERHEAD) return raw;
    const bytes = repaired(input);
    const outcome = attempt(ProtocolError, () => decodeMessage(bytes));
    const peeked = attempt(ProtocolError, () => peekMessageLength(bytes));
    if ("value" in outcome) {
      require(
        "value" in peeked &&
          peeked.value === messageLength(outcome.value.payload.length),
        "a message is as long as its first bytes said",
      );
      return `${tryDecoder(trial, bytes)} raw:${raw.split(" ")[0]}`;
    }
    return `${raw} ${outcome.refusal} ${
      "value" in peeked ? "peeked" : peeked.refusal
    }`;
  },
};

const scalar = createScalarXxh3();

const CHECKSUM: FuzzTarget = {
  name: "checksum",
  subject: "XXH3-64: both implementations agree",
  maxLength: 16_384,
  seeds: () =>
    [0, 1, 4, 9, 17, 129, 241, 1025].map((length) => new Uint8Array(length)),
  run(input) {
    const halves = new Uint32Array(2);
    scalar.hashInto(input, 0, input.length, halves);
    const expected = BigInt(halves[1]!) << 32n | BigInt(halves[0]!);
    require(xxh3_64(input) === expected, "both give the same hash");
    return `length:${Math.min(input.length, 260)} log2:${
      Math.floor(Math.log2(input.length + 1))
    }`;
  },
};

const CONTENT: FuzzTarget = {
  name: "content",
  subject: "decodeValue: a content type byte, then the body",
  maxLength: 16_384,
  seeds: () => [
    ...[
      { contentType: 1, body: text.encode("hello, wörld 🌍") },
      encodeValue({ a: [1, -2.5e-3, null, true, { "\u0000": "\\" }] }),
      encodeValue(null),
      { contentType: 0, body: new Uint8Array(9) },
      { contentType: 2, body: text.encode("[".repeat(4000)) },
      {
        contentType: 2,
        body: text.encode(`${"[".repeat(4000)}${"]".repeat(4000)}`),
      },
      { contentType: 2, body: text.encode('{"__proto__":{"a":1},"a":1e999}') },
      { contentType: 3, body: new Uint8Array(1) },
    ].map(({ contentType, body }) => concat(Uint8Array.of(contentType), body)),
  ],
  dictionary: [
    ...["\\ud800", "\\u0000", "1e308", "-0", '"__proto__":', "\u2028", "\ufeff"]
      .map((word) => text.encode(word)),
    Uint8Array.of(0xed, 0xa0, 0x80),
    Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
    Uint8Array.of(0xc0, 0x80),
  ],
  run(input) {
    const outcome = attempt(
      ProtocolError,
      () => decodeValue(input[0] ?? 0, input.subarray(1)),
    );
    if ("refusal" in outcome) return outcome.refusal;
    const { value } = outcome;
    // What JSON cannot keep: half a surrogate pair in an escape, or depth.
    const encoded = attempt(ProtocolError, () => encodeValue(value));
    if ("value" in encoded) {
      const { contentType, body } = encoded.value;
      const again = decodeValue(contentType, body);
      require(
        value instanceof Uint8Array || sayJson(again) === sayJson(value),
        "a value survives the way there and back",
      );
    }
    // The names are a peer's: they say nothing of the way that was taken.
    const shape = signatureOf(value).replaceAll(/\.\w+/g, ".?");
    return `ok ${shape} again:${"value" in encoded}`;
  },
};

function sayJson(value: unknown): string {
  return JSON.stringify(value);
}

const compressor = createZstdCompressor();

/** A payload that announces one length and whose frame holds another. */
function bomb(announced: number, original: Uint8Array): Uint8Array {
  const bytes = compressPayload(compressor!, original);
  new DataView(bytes.buffer).setUint32(0, announced, true);
  return bytes;
}

const COMPRESSION: FuzzTarget = {
  name: "compression",
  subject: "decompressPayload with the zstd of the runtime, bombs included",
  maxLength: 2048,
  budget: {
    ...DEFAULT_BUDGET,
    // As much as a payload may hold, whatever the size of the frame.
    baseMs: 400,
    baseBytes: 4 * MAX_PAYLOAD_LENGTH,
  },
  seeds: () =>
    compressor === undefined ? [new Uint8Array(4)] : [
      compressPayload(compressor, new Uint8Array(0)),
      compressPayload(compressor, text.encode("hello hello hello hello")),
      compressPayload(
        compressor,
        Uint8Array.from({ length: 700 }, (_, i) => i * i >>> 3),
      ),
      bomb(MAX_PAYLOAD_LENGTH, new Uint8Array(MAX_PAYLOAD_LENGTH)),
      bomb(1000, new Uint8Array(MAX_PAYLOAD_LENGTH)),
      bomb(1, new Uint8Array(1 << 20)),
      bomb(0xffff_ffff, new Uint8Array(100)),
      // One raw block under a window of 128 MiB, then of 2 TiB.
      Uint8Array.of(1, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0, 0x88, 9, 0, 0, 7),
      Uint8Array.of(1, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 9, 0, 0, 7),
      // A skippable frame alone, and one block of one repeated byte.
      Uint8Array.of(0, 1, 0, 0, 0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2),
      Uint8Array.of(0, 1, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0, 0, 3, 8, 0, 7),
    ],
  dictionary: [
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd),
    Uint8Array.of(0x50, 0x2a, 0x4d, 0x18),
  ],
  run(input) {
    const outcome = attempt(
      ProtocolError,
      () => decompressPayload(compressor, input),
    );
    if ("refusal" in outcome) return outcome.refusal;
    const announced = new DataView(input.buffer, input.byteOffset)
      .getUint32(0, true);
    require(outcome.value.length === announced, "the announced length holds");
    return `ok ${signatureOf(outcome.value)} descriptor:${input[8]}`;
  },
};

/** The targets of this file. */
export const MESSAGE_TARGETS: readonly FuzzTarget[] = [
  MESSAGE,
  CHECKSUM,
  CONTENT,
  COMPRESSION,
];
