import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { copyBytes } from "./byte_pool.ts";

Deno.test("copyBytes() makes copies that never touch each other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 5000 }))),
      (lengths) => {
        const source = new Uint8Array(5000);
        const copies = lengths.map((length, index) => {
          source.fill(index);
          return copyBytes(source.subarray(0, length));
        });
        copies.forEach((copy, index) => {
          assert.equal(copy.length, lengths[index]);
          assert(copy.every((byte) => byte === (index & 0xff)));
          copy.fill(0xee);
        });
        for (const copy of copies) assert(copy.every((byte) => byte === 0xee));
      },
    ),
  );
});

Deno.test("copyBytes() copies a Buffer as well, whose slice() does not", () => {
  for (const length of [100, 5_000]) {
    const source = Buffer.alloc(length, 1);
    const copy = copyBytes(source);
    source.fill(2);
    assert.deepEqual(copy, new Uint8Array(length).fill(1));
  }
});

Deno.test("copyBytes() makes copies that cannot be transferred away from under others", () => {
  const kept = copyBytes(Uint8Array.of(1, 2, 3));
  const given = copyBytes(Uint8Array.of(4, 5, 6));
  const transfer = [given.buffer as ArrayBuffer];
  assert.throws(() => structuredClone(given, { transfer }));
  assert.deepEqual([...kept, ...given], [1, 2, 3, 4, 5, 6]);
  // Whoever wants to transfer it makes it his own.
  const own = given.slice();
  const moved = structuredClone(own, { transfer: [own.buffer] });
  assert.deepEqual([...moved], [4, 5, 6]);
});
