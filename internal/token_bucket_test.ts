import assert from "node:assert/strict";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("TokenBucket gives a burst, then its rate, and after a rest no more than a burst", () => {
  const bucket = new TokenBucket(2, 100);
  const take = (now: number, count: number): boolean[] =>
    Array.from({ length: count }, () => bucket.take(now));
  assert.deepEqual(take(1_000, 3), [true, true, false]);
  assert.deepEqual(take(1_009, 1), [false]);
  assert.deepEqual(take(1_010, 2), [true, false]);
  assert.deepEqual(take(3_600_000, 3), [true, true, false]);
});

Deno.test("TokenBucket has what was spent too much made up for first", () => {
  const bucket = new TokenBucket(1, 250);
  assert.equal(bucket.isEmpty(0), false);
  bucket.spend(6);
  assert.equal(bucket.isEmpty(20), true);
  assert.equal(bucket.isEmpty(20.1), false);
});

Deno.test("TokenBucket is full until something is taken, and again once that has come back", () => {
  const bucket = new TokenBucket(2, 100);
  assert.equal(bucket.isFull(0), true);
  bucket.take(0);
  assert.equal(bucket.isFull(9), false);
  assert.equal(bucket.isFull(10), true);
});

Deno.test("TokenBucket gets nothing from a clock that goes back", () => {
  const bucket = new TokenBucket(1, 1_000);
  assert.equal(bucket.take(10), true);
  assert.equal(bucket.take(5), false);
  assert.equal(bucket.isEmpty(5), true);
});
