import assert from "node:assert/strict";
import fc from "fast-check";
import { CallError } from "./error.ts";
import { MemoryLimit } from "./memory_limit.ts";

/** Takes bytes, if they fit. */
function tryTake(limit: MemoryLimit, bytes: number): boolean {
  try {
    limit.take(bytes);
    return true;
  } catch (error) {
    assert.ok(error instanceof CallError, `${error}`);
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert.ok(error.retryAfterMs! > 0);
    return false;
  }
}

Deno.test("MemoryLimit.share() leaves room for others, who come after some that take all they can get", () => {
  const limit = new MemoryLimit(100_000);
  const held: number[] = [];
  for (let count = 0; count < 10; count++) {
    const share = limit.share(10);
    while (tryTake(share, 10));
    held.push(share.usedBytes);
    assert.ok(share.usedBytes > 10, `${count} shares are full`);
  }
  const [first = 0] = held;
  assert.ok(first > 49_900 && first < 50_100, `alone: ${first}`);
  assert.ok(limit.usedBytes < 100_000);
});

Deno.test("MemoryLimit.share() has what is reserved for it however full the others are", () => {
  const limit = new MemoryLimit(1_000);
  limit.take(1_000);
  const share = limit.share(16);
  share.take(16);
  assert.equal(tryTake(share, 1), false);
  assert.deepEqual([share.usedBytes, limit.usedBytes], [16, 1_016]);
  share.release(16);
  share.take(10);
  assert.deepEqual([share.usedBytes, limit.usedBytes], [10, 1_010]);
});

Deno.test("MemoryLimit.share() keeps to the bound and counts what is held after any takes and releases", () => {
  const step = fc.record({
    share: fc.nat(3),
    bytes: fc.nat(600),
    isRelease: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const limit = new MemoryLimit(1_000);
    const shares = Array.from({ length: 4 }, () => limit.share(50));
    const held = [0, 0, 0, 0];
    for (const { share, bytes, isRelease } of steps) {
      const change = isRelease
        ? -Math.min(bytes, held[share]!)
        : tryTake(shares[share]!, bytes)
        ? bytes
        : 0;
      if (isRelease) shares[share]!.release(-change);
      held[share]! += change;
      const sum = held.reduce((left, right) => left + right, 0);
      assert.equal(limit.usedBytes, sum);
      assert.deepEqual(shares.map(({ usedBytes }) => usedBytes), held);
      assert.ok(sum <= 1_000 + 4 * 50);
    }
  }));
});
