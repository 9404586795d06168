import assert from "node:assert/strict";
import fc from "fast-check";
import { Reassembler } from "./reassembler.ts";

const MAX_STRETCHES = 1_024;

const byteAt = (offset: number): number => (offset * 31 >>> 3) & 0xff;

function stretch(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byteAt(offset + i));
}

Deno.test("Reassembler gives every byte once and in order, whatever the order of arrival", () => {
  const step = fc.record({
    offset: fc.nat(20_000),
    length: fc.integer({ min: 1, max: 6000 }),
    reads: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const reassembler = new Reassembler(MAX_STRETCHES);
      const arrived = new Uint8Array(30_000);
      let readEnd = 0;
      const read = (): boolean => {
        const chunk = reassembler.read();
        if (chunk === undefined) return false;
        assert(chunk.length > 0);
        for (const byte of chunk) assert.equal(byte, byteAt(readEnd++));
        chunk.fill(0xee); // The reader owns it.
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
        for (let i = 0; i < reads; i++) read();
      }
      while (read());
      assert.equal(readEnd, reassembler.orderedEnd);
      assert.equal(reassembler.readableBytes, 0);
    }),
    { numRuns: 100 },
  );
});

Deno.test("Reassembler keeps the first copy where stretches disagree", () => {
  const reassembler = new Reassembler(MAX_STRETCHES);
  reassembler.insert(2, Uint8Array.of(1, 1));
  reassembler.insert(1, Uint8Array.of(2, 2, 2, 2));
  reassembler.insert(0, Uint8Array.of(3, 3, 3, 3, 3, 3));
  const bytes: number[] = [];
  for (let c = reassembler.read(); c; c = reassembler.read()) bytes.push(...c);
  assert.deepEqual(bytes, [3, 2, 1, 1, 2, 3]);
});

Deno.test("Reassembler joins small pieces that nobody reads into few chunks", () => {
  const reassembler = new Reassembler(MAX_STRETCHES);
  for (let offset = 0; offset < 100_000; offset++) {
    reassembler.insert(offset, Uint8Array.of(byteAt(offset)));
  }
  let chunkCount = 0;
  while (reassembler.read() !== undefined) chunkCount++;
  assert(chunkCount < 32, `${chunkCount} chunks`);
});

Deno.test("Reassembler joins small pieces that come in the wrong order into few chunks", () => {
  const reassembler = new Reassembler(MAX_STRETCHES);
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

Deno.test("Reassembler refuses more stretches than its bound", () => {
  const reassembler = new Reassembler(MAX_STRETCHES);
  const byte = Uint8Array.of(0);
  for (let i = 1; i <= MAX_STRETCHES; i++) reassembler.insert(2 * i, byte);
  assert.throws(() => reassembler.insert(2 * MAX_STRETCHES + 2, byte), {
    code: "LIMIT",
    fault: "peer",
  });
});

Deno.test("Reassembler.clear() lets go of everything", () => {
  const reassembler = new Reassembler(MAX_STRETCHES);
  reassembler.insert(0, stretch(0, 10));
  reassembler.insert(20, stretch(20, 10));
  reassembler.clear();
  assert.equal(reassembler.readableBytes, 0);
  assert.equal(reassembler.read(), undefined);
});
