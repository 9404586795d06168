import assert from "node:assert/strict";
import fc from "fast-check";
import { Foremost } from "./foremost.ts";

interface Item {
  readonly rank: number;
  readonly index: number;
}

const byRank = (a: Item, b: Item) => a.rank - b.rank;

function foremostOf(items: readonly Item[], count: number): Item[] {
  const foremost = new Foremost(count, byRank);
  for (const item of items) foremost.add(item);
  return foremost.finish();
}

/** With many that are equal, so that their order counts. */
const ranks = fc.array(fc.nat(20), { maxLength: 500, size: "max" });

Deno.test("Foremost keeps what sorting all items and taking the first would", () => {
  fc.assert(
    fc.property(ranks, fc.integer({ min: 1, max: 300 }), (numbers, count) => {
      const items = numbers.map((rank, index) => ({ rank, index }));
      assert.deepEqual(
        foremostOf(items, count),
        items.toSorted(byRank).slice(0, count),
      );
    }),
  );
});

Deno.test("Foremost keeps the first of items that come in the worst order", () => {
  const items = Array.from(
    { length: 10_000 },
    (_, index) => ({ rank: -index, index }),
  );
  for (const count of [1, 15, 16, 17, 100, 1_000, 9_999, 10_000, 10_001]) {
    assert.deepEqual(
      foremostOf(items, count),
      items.toReversed().slice(0, count),
    );
  }
});

Deno.test("Foremost compares an item that is far behind once", () => {
  let count = 0;
  const foremost = new Foremost<number>(1, (a, b) => {
    count++;
    return a - b;
  });
  for (let number = 0; number < 10_000; number++) foremost.add(number);
  assert.deepEqual(foremost.finish(), [0]);
  assert.ok(count < 10_500, `${count} comparisons`);
});
