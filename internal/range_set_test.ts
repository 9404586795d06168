import assert from "node:assert/strict";
import fc from "fast-check";
import { RangeSet } from "./range_set.ts";

type Step = { kind: "add" | "remove"; start: number; length: number } | {
  kind: "shift";
};

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom("add" as const, "add" as const, "remove" as const),
      start: fc.nat(60),
      length: fc.nat(12),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("shift" as const) }) },
);

function check(set: RangeSet, model: Set<number>): void {
  const numbers: number[] = [];
  let previousEnd = -1;
  for (const { start, end } of set.ranges) {
    assert(start < end, "empty range");
    assert(start > previousEnd, "ranges touch, overlap or are out of order");
    for (let n = start; n < end; n++) numbers.push(n);
    previousEnd = end;
  }
  assert.deepEqual(numbers, [...model].sort((a, b) => a - b));
  for (let n = 0; n < 80; n++) assert.equal(set.has(n), model.has(n));
  assert.equal(set.rangeCount, set.ranges.length);
  assert.equal(set.first, set.ranges[0]);
  assert.equal(set.last, set.ranges.at(-1));
}

Deno.test("RangeSet behaves as a Set of numbers under add, remove and shift", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const set = new RangeSet();
      const model = new Set<number>();
      for (const s of steps) {
        if (s.kind === "shift") {
          const range = set.shift();
          if (range === undefined) assert.equal(model.size, 0);
          else for (let n = range.start; n < range.end; n++) model.delete(n);
        } else if (s.kind === "add") {
          const before = model.size;
          for (let n = 0; n < s.length; n++) model.add(s.start + n);
          const added = set.add(s.start, s.start + s.length);
          assert.equal(added, model.size - before);
        } else {
          for (let n = 0; n < s.length; n++) model.delete(s.start + n);
          set.remove(s.start, s.start + s.length);
        }
        check(set, model);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("RangeSet.add() joins ranges that touch", () => {
  const set = new RangeSet();
  set.add(0, 2);
  set.add(4, 6);
  assert.equal(set.rangeCount, 2);
  assert.equal(set.add(2, 4), 2);
  assert.deepEqual(set.ranges, [{ start: 0, end: 6 }]);
});

Deno.test("RangeSet.add() and remove() ignore empty and inverted ranges", () => {
  const set = new RangeSet();
  assert.equal(set.add(3, 3), 0);
  assert.equal(set.add(4, 3), 0);
  set.add(0, 10);
  set.remove(5, 5);
  set.remove(6, 5);
  assert.deepEqual(set.ranges, [{ start: 0, end: 10 }]);
});

Deno.test("RangeSet works at the largest safe integers", () => {
  const set = new RangeSet();
  const max = Number.MAX_SAFE_INTEGER;
  set.add(max - 1, max);
  assert.equal(set.has(max - 1), true);
  assert.equal(set.has(max), false);
  set.clear();
  assert.equal(set.rangeCount, 0);
});
