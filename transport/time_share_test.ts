import assert from "node:assert/strict";
import { TimeShare } from "./time_share.ts";

Deno.test("TimeShare gives its share of the time, and no more than so much at once", () => {
  const share = new TimeShare(0.25, 1);
  assert.equal(share.isSpent(1_000), false);
  share.spend(1);
  assert.equal(share.isSpent(1_000), true);
  assert.equal(share.isSpent(1_002), false);
  share.spend(0.5);
  assert.equal(share.isSpent(1_002), true);
  // An hour of rest earns no more than one millisecond.
  assert.equal(share.isSpent(3_601_002), false);
  share.spend(1);
  assert.equal(share.isSpent(3_601_002), true);
});

Deno.test("TimeShare has what was spent too much made up for first", () => {
  const share = new TimeShare(0.25, 1);
  assert.equal(share.isSpent(0), false);
  share.spend(6);
  assert.equal(share.isSpent(20), true);
  assert.equal(share.isSpent(20.1), false);
});

Deno.test("TimeShare earns nothing from a clock that goes back", () => {
  const share = new TimeShare(1, 1);
  assert.equal(share.isSpent(10), false);
  share.spend(1);
  assert.equal(share.isSpent(5), true);
});
