import assert from "node:assert/strict";
import fc from "fast-check";
import { ReplayWindow } from "./replay_window.ts";

Deno.test("ReplayWindow accepts each number once (RFC 6479 §2)", () => {
  const window = new ReplayWindow();
  for (const number of [0, 1, 5, 3, 2, 4_000, 3_999]) {
    assert.equal(window.check(number), true, `${number} is fresh`);
    window.mark(number);
    assert.equal(window.check(number), false, `${number} is a replay`);
  }
  assert.equal(window.largest, 4_000);
});

Deno.test("ReplayWindow.check() changes nothing", () => {
  const window = new ReplayWindow();
  assert.equal(window.check(1_000_000), true);
  assert.equal(window.check(0), true);
  assert.equal(window.largest, -1);
});

Deno.test("ReplayWindow refuses exactly what lies below the window (RFC 6479 §2)", () => {
  for (const size of [1, 31, 32, 33, 64, 1_000, 1_024, 4_096]) {
    const window = new ReplayWindow(size);
    window.mark(10_000);
    assert.equal(window.check(10_000 - size), false, `size ${size}`);
    for (let number = 10_000 - size + 1; number < 10_000; number++) {
      assert.equal(window.check(number), true, `size ${size}: ${number}`);
    }
  }
});

Deno.test("ReplayWindow.mark() below the window changes nothing", () => {
  const window = new ReplayWindow(64);
  window.mark(1_000);
  window.mark(1_000 - 128);
  window.mark(0);
  for (let number = 937; number < 1_000; number++) {
    assert.equal(window.check(number), true);
  }
  assert.equal(window.largest, 1_000);
});

Deno.test("ReplayWindow forgets nothing and invents nothing across any jump", () => {
  for (
    const jump of [
      1,
      31,
      32,
      33,
      127,
      128,
      129,
      255,
      256,
      2 ** 31,
      2 ** 32,
      2 ** 40,
    ]
  ) {
    const window = new ReplayWindow(128);
    const base = 1_000;
    for (let number = base - 127; number <= base; number++) window.mark(number);
    window.mark(base + jump);
    for (let back = 1; back < 128; back++) {
      const number = base + jump - back;
      assert.equal(
        window.check(number),
        number > base,
        `jump ${jump}, back ${back}`,
      );
    }
  }
});

Deno.test("ReplayWindow works up to the largest safe integer", () => {
  const window = new ReplayWindow(128);
  const largest = Number.MAX_SAFE_INTEGER;
  window.mark(largest);
  assert.equal(window.check(largest), false);
  assert.equal(window.check(largest - 1), true);
  window.mark(largest - 1);
  assert.equal(window.check(largest - 1), false);
  assert.equal(window.check(largest - 127), true);
  assert.equal(window.check(largest - 128), false);
});

Deno.test("ReplayWindow keeps what it knows while it grows, one number at a time or at once", () => {
  for (const by of [1, 7, 255, 256, 257, 1_000, 4_000, 5_000]) {
    const window = new ReplayWindow(4_096);
    const marked: number[] = [];
    for (let number = 0; number <= 9_000; number += by) {
      window.mark(number);
      marked.push(number);
      const known = marked.filter((each) => each > number - 4_096);
      assert.ok(known.every((each) => !window.check(each)), `${by}: ${number}`);
      assert.equal(
        by > 1 && number > 0 && window.check(number - 1),
        by > 1 && number > 0,
      );
    }
  }
});

Deno.test("ReplayWindow refuses sizes that make no sense", () => {
  for (const size of [0, -1, 1.5, NaN, Infinity, 2 ** 24 + 1]) {
    assert.throws(() => new ReplayWindow(size), { name: "AssertionError" });
  }
});

Deno.test("ReplayWindow agrees with a Set under any numbers (RFC 6479 §2)", () => {
  const move = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -100, max: 10 }) },
    { weight: 3, arbitrary: fc.integer({ min: -300, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 34 }) },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 3_000 }),
      ),
      fc.oneof(
        fc.nat(10),
        fc.nat(1_000),
        fc.integer({ min: 2 ** 32 - 200, max: 2 ** 32 }),
      ),
      fc.array(move, { maxLength: 300 }),
      (size, start, moves) => {
        const window = new ReplayWindow(size);
        const seen = new Set<number>();
        let largest = -1;
        for (const by of moves) {
          const number = Math.max(0, (largest < 0 ? start : largest) + by);
          const isFresh = number > largest - size && !seen.has(number);
          assert.equal(window.check(number), isFresh);
          if (!isFresh) continue;
          window.mark(number);
          seen.add(number);
          largest = Math.max(largest, number);
          assert.equal(window.largest, largest);
        }
      },
    ),
  );
});
