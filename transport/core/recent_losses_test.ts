import assert from "node:assert/strict";
import fc from "fast-check";
import { RangeSet } from "../../internal/range_set.ts";
import { MAX_RECENT_LOSSES, RecentLosses } from "./recent_losses.ts";

/** Remembers these numbers, each sent at the millisecond of its number. */
function lossesOf(numbers: Iterable<number>): RecentLosses {
  const losses = new RecentLosses();
  for (const packetNumber of numbers) {
    losses.add({ packetNumber, sentAt: packetNumber });
  }
  return losses;
}

function take(losses: RecentLosses, ...ranges: [number, number][]): number[] {
  return losses.take(ranges.map(([start, end]) => ({ start, end })))
    .map(({ packetNumber }) => packetNumber);
}

Deno.test("RecentLosses.take() gives what the ranges cover, once", () => {
  const losses = lossesOf([2, 3, 5, 9, 12]);
  assert.deepEqual(take(losses, [9, 12], [3, 6], [0, 1]), [3, 5, 9]);
  assert.deepEqual(take(losses, [9, 12], [3, 6], [0, 1]), []);
  assert.equal(losses.size, 2);
  assert.deepEqual(take(losses, [0, 100]), [2, 12]);
  assert.equal(losses.size, 0);
});

Deno.test("RecentLosses forgets the oldest past its bound", () => {
  const count = MAX_RECENT_LOSSES + 44;
  const losses = lossesOf(Array.from({ length: count }, (_, each) => each));
  assert.equal(losses.size, MAX_RECENT_LOSSES);
  assert.equal(take(losses, [0, count])[0], 44);
});

Deno.test("RecentLosses.forgetBefore() forgets what was sent before", () => {
  const losses = lossesOf([10, 20, 30]);
  losses.forgetBefore(10);
  assert.equal(losses.size, 3);
  losses.forgetBefore(21);
  assert.deepEqual(take(losses, [0, 100]), [30]);
});

Deno.test("RecentLosses.take() agrees with a search of each number", () => {
  const numbers = fc.uniqueArray(fc.nat(300), { maxLength: 60 });
  fc.assert(
    fc.property(numbers, fc.array(numbers), (lost, acks) => {
      const losses = lossesOf(lost.toSorted((a, b) => a - b));
      const left = new Set(lost);
      for (const ack of acks) {
        const ranges = new RangeSet();
        for (const number of ack) ranges.add(number, number + 1);
        const taken = losses.take(ranges.ranges.toReversed());
        assert.deepEqual(
          taken.map(({ packetNumber }) => packetNumber),
          ack.filter((number) => left.delete(number)).sort((a, b) => a - b),
        );
        assert.equal(losses.size, left.size);
      }
    }),
  );
});
