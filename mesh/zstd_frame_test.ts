import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { concat } from "../internal/concat.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { createZstdCompressor } from "./zstd_compressor.ts";
import { isOneZstdFrame } from "./zstd_frame.ts";

const FRAMES: readonly [string, Uint8Array][] = [
  ["nothing", zstd(0)],
  ["one block", zstd(1_000)],
  ["many blocks", zstd(1_000_000)],
  ["runs", zlib.zstdCompressSync(new Uint8Array(500_000))],
  [
    "a checksum",
    zstd(1_000, { [zlib.constants.ZSTD_c_checksumFlag]: 1 }),
  ],
  // RFC 8878 §3.1.1.1: a descriptor, and what goes with it.
  ["a content size of 1 byte", frame("20" + "03", "190000" + "616263")],
  ["one of 2 bytes", frame("40" + "58" + "0000", "190000" + "616263")],
  ["one of 8 bytes", frame("e0" + "03".padEnd(16, "0"), "190000" + "616263")],
  ["a dictionary", frame("03" + "58" + "00000001", "190000" + "616263")],
  ["a run", frame("00" + "58", "1a0000" + "61" + "010000")],
];

function zstd(length: number, params?: Record<number, number>): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, index) => index * index >> 5);
  return zlib.zstdCompressSync(bytes, params === undefined ? {} : { params });
}

function frame(head: string, blocks: string): Uint8Array {
  return Uint8Array.fromHex("28b52ffd" + head + blocks);
}

Deno.test("isOneZstdFrame() knows a frame, and neither a part of it nor more than it", () => {
  for (const [name, bytes] of FRAMES) {
    assert.ok(isOneZstdFrame(bytes, 0), name);
    const step = Math.ceil(bytes.length / 100);
    for (let length = 0; length < bytes.length; length += step) {
      assert.ok(!isOneZstdFrame(bytes.subarray(0, length), 0), name);
    }
    assert.ok(!isOneZstdFrame(bytes.subarray(0, -1), 0), name);
    for (const more of [new Uint8Array(1), bytes]) {
      assert.ok(!isOneZstdFrame(concat(bytes, more), 0), name);
    }
    const skippable = Uint8Array.fromHex("502a4d18" + "01000000" + "00");
    assert.ok(!isOneZstdFrame(concat(skippable, bytes), 0), name);
  }
});

Deno.test("isOneZstdFrame() bounds the blocks by what they are to hold", () => {
  const ofBlocks = (count: number) =>
    frame("00" + "58", "000000".repeat(count - 1) + "010000");
  for (const [contentBytes, count] of [[0, 1_024], [4_096, 1_028]] as const) {
    assert.ok(isOneZstdFrame(ofBlocks(count), contentBytes));
    assert.ok(!isOneZstdFrame(ofBlocks(count + 1), contentBytes));
  }
});

Deno.test("createZstdCompressor() decompresses what was flushed every kilobyte, and refuses blocks that add nothing", async () => {
  const zstd = createZstdCompressor()!;
  const original = new Uint8Array(2_000_000);
  new SeededRandom(1).fillPublic(original);
  const stream = zlib.createZstdCompress();
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  for (let offset = 0; offset < original.length; offset += 1_024) {
    stream.write(original.subarray(offset, offset + 1_024));
    await new Promise<void>((resolve) => stream.flush(resolve));
  }
  const ended = new Promise((resolve) => stream.on("end", resolve));
  stream.end();
  await ended;
  const flushed = concat(...chunks);
  assert.deepEqual(zstd.decompress(flushed, original.length), original);
  const empty = frame("00" + "58", "000000".repeat(100_000) + "010000");
  assert.throws(() => zstd.decompress(empty, 1), /too many blocks/);
});

Deno.test("createZstdCompressor() decompresses one frame and nothing else", () => {
  const zstd = createZstdCompressor()!;
  const original = new TextEncoder().encode("again and again and again");
  const compressed = zstd.compress(original);
  assert.deepEqual(zstd.decompress(compressed, original.length), original);
  const parts = [original.subarray(0, 9), original.subarray(9)];
  const bad = [
    concat(compressed, new Uint8Array(2)),
    concat(compressed, compressed),
    concat(...parts.map((part) => zstd.compress(part))),
    compressed.subarray(0, -1),
  ];
  for (const bytes of bad) {
    assert.throws(() => zstd.decompress(bytes, original.length), RangeError);
  }
});

Deno.test("createZstdCompressor() compresses into one frame, whatever the size and however little it helps", () => {
  const zstd = createZstdCompressor()!;
  const random = new SeededRandom(1);
  for (const mask of [0x01, 0x0f, 0x7f, 0xff]) {
    for (let length = 1_000; length < 2_000_000; length *= 1.5) {
      const bytes = new Uint8Array(length);
      random.fillPublic(bytes);
      const original = bytes.map((byte) => byte & mask);
      const compressed = zstd.compress(original);
      assert.ok(
        isOneZstdFrame(compressed, length),
        `${original.length} & ${mask}`,
      );
      assert.deepEqual(zstd.decompress(compressed, original.length), original);
    }
  }
});
