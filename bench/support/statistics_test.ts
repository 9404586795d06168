import assert from "node:assert/strict";
import { median, percentile, ratios, spread, summarize } from "./statistics.ts";

Deno.test("median() is the middle one, or between the two middle ones", () => {
  assert.equal(median([3]), 3);
  assert.equal(median([100, 1, 20]), 20);
  assert.equal(median([4, 1, 2, 100]), 3);
});

Deno.test("percentile() is the nearest rank, compared as numbers", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(hundred, 0.5), 50);
  assert.equal(percentile(hundred, 0.99), 99);
  assert.equal(percentile(hundred, 1), 100);
  assert.equal(percentile([10, 9], 0.5), 9);
  assert.equal(percentile([7], 0.01), 7);
});

Deno.test("spread() is half of the range, as a share of the median", () => {
  assert.equal(spread([100]), 0);
  assert.equal(spread([90, 100, 120]), 0.15);
  assert.equal(spread([0, 0, 0]), 0);
});

Deno.test("ratios() divides within a round, and leaves out what is not there", () => {
  assert.deepEqual(ratios([10, 40, 90], [10, 20, 30]), [1, 2, 3]);
  assert.deepEqual(ratios([10, undefined, 90], [undefined, 20, 30]), [3]);
  assert.deepEqual(ratios([10], [0]), []);
  assert.deepEqual(ratios([10, 20], []), []);
});

Deno.test("summarize() takes the rounds there are", () => {
  assert.deepEqual(summarize([90, undefined, 120, 100]), {
    rounds: [90, null, 120, 100],
    median: 100,
    spread: 0.15,
  });
  assert.equal(summarize([undefined]), undefined);
});
