import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BLOCK_BYTES,
  MAX_FREE_BLOCKS,
  releaseBlock,
  takeBlock,
} from "../../../internal/block_pool.ts";
import { Reassembler } from "./reassembler.ts";
import { FULL_STREAMS, StretchLimit } from "./stretch_limit.ts";

const MAX_STRETCHES = 1_024;

const byteAt = (offset: number): number => (offset * 31 >>> 3) & 0xff;

function stretch(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byteAt(offset + i));
}

Deno.test("Reassembler gives every byte once and in order, whatever the order of arrival", () => {
  const step = fc.record({
    offset: fc.nat(60_000),
    length: fc.oneof(
      fc.integer({ min: 1, max: 6_000 }),
      fc.integer({ min: 1, max: 70_000 }),
    ),
    // Sizes of buffers to read into; 0 for memory of its own.
    reads: fc.array(
      fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50_000 })),
      { maxLength: 2 },
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
      const arrived = new Uint8Array(140_000);
      let readEnd = 0;
      const owned: { readonly start: number; readonly bytes: Uint8Array }[] =
        [];
      const check = (start: number, bytes: Uint8Array): void => {
        const isRight = bytes.every((byte, i) => byte === byteAt(start + i));
        assert(isRight, `bytes ${start} to ${start + bytes.length}`);
      };
      const read = (size: number): boolean => {
        const into = size > 0 ? new Uint8Array(size) : undefined;
        const available = reassembler.readableBytes;
        const bytes = reassembler.read(into);
        if (bytes === undefined) return false;
        if (into !== undefined) {
          assert.equal(bytes.buffer, into.buffer);
          assert.equal(bytes.byteOffset, 0);
          assert.equal(bytes.length, Math.min(size, available));
        }
        assert(bytes.length > 0);
        check(readEnd, bytes);
        // The reader owns it: may write to it, or keep it.
        if (owned.length % 2 === 0) bytes.fill(0xee);
        else owned.push({ start: readEnd, bytes });
        readEnd += bytes.length;
        return true;
      };
      for (const { offset, length, reads } of steps) {
        const data = stretch(offset, length);
        reassembler.insert(offset, data);
        data.fill(0xdd);
        arrived.fill(1, offset, offset + length);
        const orderedEnd = arrived.indexOf(0);
        assert.equal(reassembler.orderedEnd, orderedEnd);
        assert.equal(reassembler.readableBytes, orderedEnd - readEnd);
        for (const size of reads) read(size);
      }
      while (read(0));
      for (const { start, bytes } of owned) check(start, bytes);
      assert.equal(readEnd, reassembler.orderedEnd);
      assert.equal(reassembler.readableBytes, 0);
    }),
    { numRuns: 100 },
  );
});

Deno.test("Reassembler keeps the first copy where stretches disagree", () => {
  const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
  reassembler.insert(2, Uint8Array.of(1, 1));
  reassembler.insert(1, Uint8Array.of(2, 2, 2, 2));
  reassembler.insert(0, Uint8Array.of(3, 3, 3, 3, 3, 3));
  const bytes: number[] = [];
  for (let c = reassembler.read(); c; c = reassembler.read()) bytes.push(...c);
  assert.deepEqual(bytes, [3, 2, 1, 1, 2, 3]);
});

Deno.test("Reassembler joins small pieces that nobody reads into few chunks", () => {
  const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
  for (let offset = 0; offset < 100_000; offset++) {
    reassembler.insert(offset, Uint8Array.of(byteAt(offset)));
  }
  let chunkCount = 0;
  while (reassembler.read() !== undefined) chunkCount++;
  assert(chunkCount < 32, `${chunkCount} chunks`);
});

Deno.test("Reassembler joins small pieces that come in the wrong order into few chunks", () => {
  const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
  for (let offset = 0; offset < 100_000; offset += 2) {
    reassembler.insert(offset + 1, Uint8Array.of(byteAt(offset + 1)));
    reassembler.insert(offset, Uint8Array.of(byteAt(offset)));
  }
  let chunkCount = 0;
  let length = 0;
  for (let c = reassembler.read(); c; c = reassembler.read()) {
    chunkCount++;
    for (const byte of c) assert.equal(byte, byteAt(length++));
  }
  assert.equal(length, 100_000);
  assert(chunkCount < 32, `${chunkCount} chunks`);
});

/** Bytes of memory that wait to be read, which are read for it. */
function measureHeldBytes(
  reassembler: Reassembler,
  blocks: ReadonlySet<Uint8Array>,
): number {
  // What is free now is not held: the next one that is free was read.
  while (blocks.has(takeBlock()));
  let heldBytes = 0;
  for (let c = reassembler.read(); c; c = reassembler.read()) {
    // Copies that do not begin their buffer share it with others.
    if (blocks.has(takeBlock())) heldBytes += BLOCK_BYTES;
    else heldBytes += c.byteOffset === 0 ? c.buffer.byteLength : c.length;
  }
  return heldBytes;
}

Deno.test("Reassembler puts small pieces after a large one into its block", () => {
  const blocks = new Set(Array.from({ length: 8 }, takeBlock));
  blocks.forEach(releaseBlock);
  const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
  const size = BLOCK_BYTES / 2;
  reassembler.insert(0, stretch(0, size));
  for (let offset = size; offset < size + 100; offset++) {
    reassembler.insert(offset, stretch(offset, 1));
  }
  assert.equal(measureHeldBytes(reassembler, blocks), BLOCK_BYTES);
});

Deno.test("Reassembler takes no more memory than twice what waits, and a little, whatever the sizes", () => {
  const blocks = new Set(Array.from({ length: MAX_FREE_BLOCKS }, takeBlock));
  const anySize = fc.oneof(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 20_000 }),
    fc.constantFrom(2_048, 4_096, 8_192, 16_383, 16_384, 16_385, 32_767),
  );
  const step = fc.record({
    length: anySize,
    // What comes after the rest, though it is before it; 0 for nothing.
    lateBytes: fc.oneof(fc.constant(0), anySize),
    readBytes: fc.oneof(fc.constant(0), fc.nat(5_000)),
  });
  const source = new Uint8Array(70_000);
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
      blocks.forEach(releaseBlock);
      const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
      let end = 0;
      // Again and again: what is wasted once is little.
      for (let count = 0; count < 10_000 && end < 1_000_000; count++) {
        const { length, lateBytes, readBytes } = steps[count % steps.length]!;
        reassembler.insert(end + lateBytes, source.subarray(0, length));
        if (lateBytes > 0) {
          reassembler.insert(end, source.subarray(0, lateBytes));
        }
        end += lateBytes + length;
        if (readBytes > 0) reassembler.read(new Uint8Array(readBytes));
      }
      const { readableBytes } = reassembler;
      const heldBytes = measureHeldBytes(reassembler, blocks);
      assert(
        heldBytes <= 2 * readableBytes + 3 * BLOCK_BYTES,
        `${heldBytes} bytes held, ${readableBytes} wait`,
      );
    }),
    { numRuns: 100 },
  );
});

Deno.test("Reassembler refuses more stretches than its bound", () => {
  const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
  const byte = Uint8Array.of(0);
  for (let i = 1; i <= MAX_STRETCHES; i++) reassembler.insert(2 * i, byte);
  assert.throws(() => reassembler.insert(2 * MAX_STRETCHES + 2, byte), {
    code: "LIMIT",
    fault: "peer",
  });
});

Deno.test("Reassembler counts the stretches that wait, and those of others, until they are in order or let go of", () => {
  const stretches = new StretchLimit(3);
  const others = Array.from(
    { length: FULL_STREAMS - 1 },
    () => new Reassembler(stretches),
  );
  for (const offset of [2, 4, 6]) {
    for (const other of others) other.insert(offset, Uint8Array.of(0));
  }
  const [one, other] = [new Reassembler(stretches), new Reassembler(stretches)];
  const byte = Uint8Array.of(0);
  for (const offset of [2, 4]) one.insert(offset, byte);
  other.insert(2, byte);
  // touches what waits: another one does not
  one.insert(5, byte);
  one.insert(3, byte);
  other.insert(4, byte);
  other.clear();
  for (const offset of [8, 10]) one.insert(offset, byte);
  one.insert(0, new Uint8Array(8));
  for (const offset of [2, 4]) other.insert(offset, byte);
  assert.throws(() => one.insert(20, byte), { code: "LIMIT", fault: "peer" });
});

Deno.test("Reassembler.clear() lets go of everything", () => {
  for (const length of [10, 40_000]) {
    const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
    reassembler.insert(0, stretch(0, length));
    reassembler.insert(2 * length, stretch(2 * length, length));
    reassembler.read(new Uint8Array(1));
    reassembler.clear();
    assert.equal(reassembler.readableBytes, 0);
    assert.equal(reassembler.read(), undefined);
  }
});

Deno.test("Reassembler gives the blocks back that were read, and those that were let go of", () => {
  const blocks = new Set(Array.from({ length: 4 }, takeBlock));
  const giveBack = (): void => blocks.forEach(releaseBlock);
  const takenOf = (count: number): number =>
    Array.from({ length: count }, takeBlock)
      .filter((block) => blocks.has(block)).length;
  for (const length of [BLOCK_BYTES, 70_000]) {
    giveBack();
    const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
    reassembler.insert(0, stretch(0, length));
    reassembler.read(new Uint8Array(30_000));
    while (reassembler.read() !== undefined);
    assert.equal(takenOf(4), 4);
    giveBack();
    reassembler.insert(length, stretch(length, length));
    reassembler.read(new Uint8Array(1));
    reassembler.clear();
    assert.equal(takenOf(4), 4);
  }
});

Deno.test("Reassembler.insert() takes no longer where much waits behind gaps", () => {
  const quickestMs = (stretches: number): number => {
    const reassembler = new Reassembler(new StretchLimit(MAX_STRETCHES));
    const byte = Uint8Array.of(1);
    for (let index = 1; index <= stretches; index++) {
      reassembler.insert(2 * index, byte);
    }
    const takenMs = Array.from({ length: 7 }, () => {
      const begunAt = performance.now();
      for (let count = 0; count < 2_000; count++) {
        reassembler.insert(2 * stretches, byte);
      }
      return performance.now() - begunAt;
    });
    return Math.min(...takenMs);
  };
  quickestMs(1_000);
  const [few, many] = [quickestMs(10), quickestMs(1_000)];
  // A hundred times as long where it begins with the first one.
  assert.ok(many < 10 * few, `${many} ms, ${few} ms`);
});
