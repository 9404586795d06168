import assert from "node:assert/strict";
import { LateLook, MAX_LATE_MS } from "./late_look.ts";

Deno.test("LateLook has the socket looked at once before a deadline that is late", () => {
  const looks: (() => void)[] = [];
  const held: boolean[] = [];
  const late: LateLook = new LateLook({
    look: (task) => looks.push(task),
    onLooked: () => held.push(late.holdsUp(0, 100)),
  });
  assert.equal(late.holdsUp(0, MAX_LATE_MS), false);
  assert.equal(late.holdsUp(0, MAX_LATE_MS + 1), true);
  assert.equal(late.holdsUp(0, 90), true);
  assert.equal(looks.length, 1);
  assert.equal(late.isPending, true);
  looks[0]!();
  assert.deepEqual(held, [false]);
  assert.equal(late.isPending, false);
  // The next one has a look of its own.
  assert.equal(late.holdsUp(0, 100), true);
  assert.equal(looks.length, 2);
});

Deno.test("LateLook has a look for the next late deadline when the last one was met meanwhile", () => {
  const looks: (() => void)[] = [];
  const late = new LateLook({
    look: (task) => looks.push(task),
    onLooked: () => {},
  });
  assert.equal(late.holdsUp(0, 100), true);
  looks[0]!();
  assert.equal(late.holdsUp(200, 300), true);
  assert.equal(looks.length, 2);
});

Deno.test("LateLook holds nothing up where there is no socket to look at", () => {
  const late = new LateLook({ onLooked: () => {} });
  assert.equal(late.holdsUp(0, 1_000), false);
});
