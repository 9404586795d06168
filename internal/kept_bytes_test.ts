import assert from "node:assert/strict";
import fc from "fast-check";
import { KeptBytes } from "./kept_bytes.ts";

Deno.test("KeptBytes makes arrays that never touch each other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({
        length: fc.integer({ min: 0, max: 2_048 }),
        isWords: fc.boolean(),
      })),
      (wishes) => {
        const kept = new KeptBytes();
        const arrays = wishes.map(({ length, isWords }, index) => {
          const array = isWords
            ? kept.allocateWords(length >>> 2)
            : kept.allocate(length);
          assert(array.every((each) => each === 0), "they are zeros");
          array.fill(index);
          return array;
        });
        arrays.forEach((array, index) => {
          const { length, isWords } = wishes[index]!;
          assert.equal(array.length, isWords ? length >>> 2 : length);
          const value = isWords ? index : index & 0xff;
          assert(array.every((each: number) => each === value));
        });
      },
    ),
  );
});

Deno.test("KeptBytes copies what it is given", () => {
  const kept = new KeptBytes();
  const given = new Uint8Array([1, 2, 3]);
  const copies = [kept.copy(given), kept.copy(given)];
  given.fill(9);
  copies[0]!.fill(7);
  assert.deepEqual([...copies[0]!], [7, 7, 7]);
  assert.deepEqual([...copies[1]!], [1, 2, 3]);
  assert.equal(copies[0]!.buffer, copies[1]!.buffer, "they share a slab");
});
