import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_ORDERLY_EVENTS,
  MAX_PACKET_THRESHOLD,
  MAX_TIME_THRESHOLD,
  PACKET_THRESHOLD,
  ReorderingTolerance,
  TIME_THRESHOLD,
} from "./reordering_tolerance.ts";

function thresholdsOf(tolerance: ReorderingTolerance): readonly number[] {
  return [tolerance.packetThreshold, tolerance.timeThreshold];
}

const FIRST = [PACKET_THRESHOLD, TIME_THRESHOLD];

Deno.test("ReorderingTolerance starts with the thresholds of RFC 9002 §6.1", () => {
  assert.deepEqual(thresholdsOf(new ReorderingTolerance()), [3, 9 / 8]);
});

Deno.test("ReorderingTolerance covers twice the packets and an eighth more than the time that was seen", () => {
  const tolerance = new ReorderingTolerance();
  tolerance.onSpuriousLoss(50, 1.375);
  assert.deepEqual(thresholdsOf(tolerance), [101, 1.5]);
  // less than that changes nothing
  tolerance.onSpuriousLoss(20, 1.25);
  assert.deepEqual(thresholdsOf(tolerance), [101, 1.5]);
});

Deno.test("ReorderingTolerance stays between the first thresholds and the caps, whatever a peer acknowledges late", () => {
  const step = fc.oneof(
    fc.tuple(
      fc.integer({ min: 1, max: 2 ** 53 - 1 }),
      fc.double({ min: 0, noNaN: true }),
    ),
    fc.constant("event" as const),
    fc.nat(10),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const tolerance = new ReorderingTolerance();
      for (const each of steps) {
        if (each === "event") tolerance.onCongestionEvent();
        else if (typeof each === "number") tolerance.onLatePacket(each);
        else tolerance.onSpuriousLoss(...each);
        const [packets, time] = thresholdsOf(tolerance);
        assert.ok(packets! >= PACKET_THRESHOLD);
        assert.ok(packets! <= MAX_PACKET_THRESHOLD);
        assert.ok(time! >= TIME_THRESHOLD && time! <= MAX_TIME_THRESHOLD);
      }
    }),
  );
});

Deno.test("ReorderingTolerance falls back after 16 congestion events without reordering (RFC 8985 §6.2 step 4)", () => {
  const tolerance = new ReorderingTolerance();
  tolerance.onSpuriousLoss(50, 1.5);
  const raised = thresholdsOf(tolerance);
  const pass = (count: number): void => {
    for (let event = 0; event < count; event++) tolerance.onCongestionEvent();
  };
  pass(MAX_ORDERLY_EVENTS - 1);
  assert.deepEqual(thresholdsOf(tolerance), raised);
  // a spurious loss begins the count anew, and so does one that was avoided
  tolerance.onSpuriousLoss(1, 1);
  pass(MAX_ORDERLY_EVENTS - 1);
  tolerance.onLatePacket(PACKET_THRESHOLD);
  pass(MAX_ORDERLY_EVENTS - 1);
  assert.deepEqual(thresholdsOf(tolerance), raised);
  // this one would not have been lost anyway
  tolerance.onLatePacket(PACKET_THRESHOLD - 1);
  pass(1);
  assert.deepEqual(thresholdsOf(tolerance), FIRST);
});

Deno.test("ReorderingTolerance.reset() forgets at once", () => {
  const tolerance = new ReorderingTolerance();
  tolerance.onSpuriousLoss(50, 1.5);
  tolerance.reset();
  assert.deepEqual(thresholdsOf(tolerance), FIRST);
});
