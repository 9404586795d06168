import assert from "node:assert/strict";
import fc from "fast-check";
import { assertRefused } from "../tests/support/codec_properties.ts";
import {
  type Compressor,
  compressPayload,
  decompressPayload,
  maxOriginalLength,
  readOriginalLength,
} from "./compression.ts";

/** Stands in for zstd: runs of one byte as count and byte. */
const runLength: Compressor = {
  compress(bytes) {
    const runs: number[] = [];
    for (let index = 0; index < bytes.length;) {
      let count = 1;
      while (count < 255 && bytes[index + count] === bytes[index]) count++;
      runs.push(count, bytes[index]!);
      index += count;
    }
    return new Uint8Array(runs);
  },
  decompress(bytes, maxOutputLength) {
    const output: number[] = [];
    for (let index = 0; index < bytes.length; index += 2) {
      for (let count = 0; count < bytes[index]!; count++) {
        output.push(bytes[index + 1]!);
      }
      if (output.length > maxOutputLength) throw new RangeError("too long");
    }
    return new Uint8Array(output);
  },
};

/** Must not be asked. */
const untouchable: Compressor = {
  compress: () => assert.fail("compress() was called"),
  decompress: () => assert.fail("decompress() was called"),
};

Deno.test("compressPayload() writes the original length and the frame", () => {
  const payload = new Uint8Array(100).fill(7);
  assert.equal(
    compressPayload(runLength, payload).toHex(),
    "64000000" + "6407",
  );
});

Deno.test("decompressPayload() returns what was compressed", () => {
  fc.assert(fc.property(fc.uint8Array(), (payload) => {
    const compressed = compressPayload(runLength, payload);
    assert.deepEqual(decompressPayload(runLength, compressed), payload);
  }));
});

Deno.test("decompressPayload() takes an empty payload without the codec", () => {
  const compressed = compressPayload(untouchable, new Uint8Array(0));
  assert.equal(compressed.toHex(), "00000000");
  assert.equal(decompressPayload(untouchable, compressed).length, 0);
  assertRefused(
    () => decompressPayload(untouchable, new Uint8Array(5)),
    "DECOMPRESSION_FAILED",
  );
});

Deno.test("decompressPayload() refuses a frame that gives less than announced", () => {
  // A codec that is content with a frame that was cut off, as zstd may be.
  for (const hex of ["65000000" + "6407", "64000000"]) {
    assertRefused(
      () => decompressPayload(runLength, Uint8Array.fromHex(hex)),
      "DECOMPRESSION_FAILED",
    );
  }
});

Deno.test("decompressPayload() refuses a frame that gives more than announced", () => {
  for (const hex of ["63000000" + "6407", "01000000" + "ff07ff07"]) {
    assertRefused(
      () => decompressPayload(runLength, Uint8Array.fromHex(hex)),
      "DECOMPRESSION_FAILED",
    );
  }
});

Deno.test("decompressPayload() refuses more than 16 MiB before any work", () => {
  for (const hex of ["01000001", "ffffffff"]) {
    assertRefused(
      () => decompressPayload(untouchable, Uint8Array.fromHex(hex + "0000")),
      "PAYLOAD_TOO_LARGE",
    );
  }
});

Deno.test("decompressPayload() refuses more than a frame may stand for before any work", () => {
  for (const [length, limit] of [[4, 65_536], [65, 65_536], [66, 66_000]]) {
    assert.equal(maxOriginalLength(length!), limit);
    const payload = new Uint8Array(length!);
    new DataView(payload.buffer).setUint32(0, limit!, true);
    assert.equal(readOriginalLength(payload), limit);
    new DataView(payload.buffer).setUint32(0, limit! + 1, true);
    assertRefused(
      () => decompressPayload(untouchable, payload),
      "PAYLOAD_TOO_LARGE",
    );
  }
  assert.equal(maxOriginalLength(16_778), 16_777_216);
});

Deno.test("decompressPayload() refuses a payload without a whole length", () => {
  for (let length = 0; length < 4; length++) {
    assertRefused(
      () => decompressPayload(untouchable, new Uint8Array(length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("decompressPayload() says when there is no codec", () => {
  assertRefused(
    () => decompressPayload(undefined, new Uint8Array(4)),
    "COMPRESSION_UNAVAILABLE",
    "internal",
  );
});

Deno.test("compressPayload() refuses a payload above 16 MiB", () => {
  assertRefused(
    () => compressPayload(untouchable, new Uint8Array(16_777_217)),
    "PAYLOAD_TOO_LARGE",
    "caller",
  );
});
