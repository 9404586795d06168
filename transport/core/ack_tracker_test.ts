import assert from "node:assert/strict";
import fc from "fast-check";
import { AckTracker } from "./ack_tracker.ts";

/** Reports what is due, as a connection does. */
function sendAck(tracker: AckTracker, now: number): void {
  assert.ok(tracker.buildAck(now) !== undefined);
  tracker.onAckSent(now);
}

Deno.test("AckTracker has nothing to say at the start", () => {
  const tracker = new AckTracker();
  assert.equal(tracker.buildAck(0), undefined);
  assert.equal(tracker.deadline, undefined);
  assert.equal(tracker.hasPending, false);
  assert.equal(tracker.isAckDue(1e9), false);
});

Deno.test("AckTracker holds one ack-eliciting packet back for the ack delay (RFC 9000 §13.2.1)", () => {
  const tracker = new AckTracker({ maxAckDelayMs: 25 });
  tracker.handlePacket(100, 0, true);
  assert.equal(tracker.hasPending, true);
  assert.equal(tracker.deadline, 125);
  assert.equal(tracker.isAckDue(124.9), false);
  assert.equal(tracker.isAckDue(125), true);
});

Deno.test("AckTracker acknowledges every second ack-eliciting packet at once (RFC 9000 §13.2.2)", () => {
  const tracker = new AckTracker();
  for (let number = 0; number < 20; number += 2) {
    tracker.handlePacket(number, number, true);
    assert.equal(tracker.isAckDue(number), false);
    tracker.handlePacket(number + 1, number + 1, true);
    assert.equal(tracker.isAckDue(number + 1), true);
    sendAck(tracker, number + 1);
    assert.equal(tracker.isAckDue(1e9), false);
    assert.equal(tracker.hasPending, false);
  }
});

Deno.test("AckTracker waits for the threshold it was given, not longer than the delay", () => {
  const tracker = new AckTracker({
    ackElicitingThreshold: 10,
    maxAckDelayMs: 25,
  });
  for (let number = 0; number < 9; number++) {
    tracker.handlePacket(number, number, true);
  }
  assert.equal(tracker.isAckDue(9), false);
  assert.equal(tracker.deadline, 25);
  tracker.handlePacket(9, 9, true);
  assert.equal(tracker.isAckDue(9), true);
});

Deno.test("AckTracker acknowledges an urgent packet at once", () => {
  const tracker = new AckTracker();
  tracker.handlePacket(5, 0, true, true);
  assert.equal(tracker.isAckDue(5), true);
  const quiet = new AckTracker();
  quiet.handlePacket(5, 0, false, true);
  assert.equal(quiet.isAckDue(1e9), false);
});

Deno.test("AckTracker is never due because of packets that ask for no answer (RFC 9000 §13.2.1)", () => {
  const tracker = new AckTracker();
  for (const number of [0, 1, 5, 3, 9]) {
    tracker.handlePacket(number, number, false);
  }
  assert.equal(tracker.hasPending, false);
  assert.equal(tracker.isAckDue(1e9), false);
  assert.equal(tracker.buildAck(10)?.largest, 9);
});

Deno.test("AckTracker acknowledges at once after a gap, then no more for the same gap (RFC 9000 §13.2.1)", () => {
  const tracker = new AckTracker();
  tracker.handlePacket(0, 0, true);
  sendAck(tracker, 0);
  tracker.handlePacket(1, 2, true);
  assert.equal(tracker.isAckDue(1), true);
  sendAck(tracker, 1);
  tracker.handlePacket(2, 3, true);
  assert.equal(tracker.isAckDue(2), false);
});

Deno.test("AckTracker acknowledges a reordered packet at once (RFC 9000 §13.2.1)", () => {
  const tracker = new AckTracker({ ackElicitingThreshold: 100 });
  tracker.handlePacket(0, 0, true);
  tracker.handlePacket(1, 2, true);
  sendAck(tracker, 1);
  tracker.handlePacket(2, 1, true);
  assert.equal(tracker.isAckDue(2), true);
});

Deno.test("AckTracker sees no gap where packets that ask for no answer lie between", () => {
  const tracker = new AckTracker({ ackElicitingThreshold: 100 });
  tracker.handlePacket(0, 0, true);
  tracker.handlePacket(0, 1, false);
  tracker.handlePacket(0, 2, true);
  assert.equal(tracker.isAckDue(0), false);
  for (let number = 3; number < 9; number++) {
    tracker.handlePacket(0, number, false);
  }
  sendAck(tracker, 0);
  tracker.onAckAcked(8);
  tracker.handlePacket(0, 9, true);
  assert.equal(tracker.isAckDue(0), false);
});

Deno.test("AckTracker.buildAck() reports ranges in descending order and the delay of the largest (RFC 9000 §13.2.5)", () => {
  const tracker = new AckTracker();
  tracker.handlePacket(10, 0, true);
  tracker.handlePacket(11, 1, true);
  tracker.handlePacket(12, 5, true);
  tracker.handlePacket(19, 3, true);
  assert.deepEqual(tracker.buildAck(20.5), {
    largest: 5,
    delayMicros: 8_500,
    ranges: [{ start: 5, end: 6 }, { start: 3, end: 4 }, { start: 0, end: 2 }],
  });
});

Deno.test("AckTracker.buildAck() hands out a copy", () => {
  const tracker = new AckTracker();
  tracker.handlePacket(0, 0, true);
  const first = tracker.buildAck(0)!;
  tracker.handlePacket(0, 1, true);
  assert.deepEqual(first.ranges, [{ start: 0, end: 1 }]);
});

Deno.test("AckTracker counts a packet that comes twice as one", () => {
  const tracker = new AckTracker();
  tracker.handlePacket(0, 4, true);
  tracker.handlePacket(9, 4, true);
  const ack = tracker.buildAck(10)!;
  assert.deepEqual(ack.ranges, [{ start: 4, end: 5 }]);
  assert.equal(ack.delayMicros, 10_000);
});

Deno.test("AckTracker forgets the lowest ranges past its bound and counts them (RFC 9000 §13.2.3)", () => {
  const tracker = new AckTracker({ maxRanges: 32 });
  for (let index = 0; index < 100; index++) {
    tracker.handlePacket(index, 2 * index, true);
  }
  const { ranges, largest } = tracker.buildAck(100)!;
  assert.equal(largest, 198);
  assert.equal(ranges.length, 32);
  assert.deepEqual(ranges[31], { start: 136, end: 137 });
  assert.equal(tracker.droppedRangeCount, 68);
});

/** Reports the even numbers below 200, of which 32 are remembered. */
function trackerWithGaps(): AckTracker {
  const tracker = new AckTracker({ maxRanges: 32 });
  for (let number = 0; number < 200; number += 2) {
    tracker.handlePacket(0, number, true);
  }
  sendAck(tracker, 0);
  return tracker;
}

Deno.test("AckTracker reports what comes late, although it remembers as many ranges as it may above it", () => {
  const tracker = trackerWithGaps();
  tracker.handlePacket(1, 21, true);
  tracker.handlePacket(1, 41, true);
  const { ranges } = tracker.buildAck(1)!;
  assert.equal(ranges.length, 32);
  assert.deepEqual(ranges.slice(-2), [
    { start: 41, end: 42 },
    { start: 21, end: 22 },
  ]);
  // what gave way is the lowest that was reported
  assert.deepEqual(ranges[29], { start: 140, end: 141 });
  // once they are reported as well, they are the first to go
  sendAck(tracker, 1);
  tracker.handlePacket(2, 61, true);
  const lowest = tracker.buildAck(2)!.ranges.slice(-2);
  assert.deepEqual(lowest, [{ start: 61, end: 62 }, { start: 41, end: 42 }]);
  sendAck(tracker, 2);
  tracker.handlePacket(3, 11, true);
  const last = tracker.buildAck(3)!.ranges.slice(-2);
  assert.deepEqual(last, [{ start: 61, end: 62 }, { start: 11, end: 12 }]);
});

Deno.test("AckTracker never forgets the largest number for one that comes late", () => {
  for (const maxRanges of [1, 2, 3]) {
    const tracker = new AckTracker({ maxRanges });
    for (const number of [90, 94, 98]) tracker.handlePacket(0, number, true);
    sendAck(tracker, 0);
    for (const late of [80, 86, 83]) {
      tracker.handlePacket(1, late, true);
      const { largest, ranges } = tracker.buildAck(1)!;
      assert.equal(largest, 98);
      assert.deepEqual(ranges[0], { start: 98, end: 99 });
      assert.ok(ranges.length <= maxRanges);
    }
  }
});

Deno.test("AckTracker.onAckAcked() stops repeating what was reported (RFC 9000 §13.2.4)", () => {
  const tracker = new AckTracker();
  for (const number of [0, 1, 3, 4, 7, 8]) {
    tracker.handlePacket(0, number, true);
  }
  sendAck(tracker, 0);
  tracker.onAckAcked(4);
  assert.deepEqual(tracker.buildAck(0)!.ranges, [{ start: 7, end: 9 }]);
  tracker.onAckAcked(8);
  assert.deepEqual(tracker.buildAck(0), {
    largest: 8,
    delayMicros: 0,
    ranges: [{ start: 8, end: 9 }],
  });
  tracker.onAckAcked(0);
  assert.equal(tracker.buildAck(0)!.ranges.length, 1);
});

Deno.test("AckTracker.onAckAcked() keeps what no acknowledgement has reported yet (RFC 9000 §13.2.4)", () => {
  const tracker = new AckTracker();
  tracker.handlePacket(0, 5, true);
  sendAck(tracker, 0);
  tracker.handlePacket(1, 3, true);
  tracker.onAckAcked(5);
  assert.deepEqual(tracker.buildAck(1)!.ranges, [
    { start: 5, end: 6 },
    { start: 3, end: 4 },
  ]);
});

Deno.test("AckTracker.onAckAcked() is harmless before anything arrived and for any number", () => {
  const tracker = new AckTracker();
  tracker.onAckAcked(100);
  tracker.handlePacket(0, 7, true);
  sendAck(tracker, 0);
  tracker.onAckAcked(Number.MAX_SAFE_INTEGER - 1);
  assert.equal(tracker.buildAck(0)!.largest, 7);
});

Deno.test("AckTracker reports exactly a Set of the newest numbers, whatever the order", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ number: fc.nat(120), isAckEliciting: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 150,
        },
      ),
      fc.integer({ min: 1, max: 12 }),
      (packets, maxRanges) => {
        const tracker = new AckTracker({ maxRanges });
        let model = new Set<number>();
        for (const { number, isAckEliciting } of packets) {
          tracker.handlePacket(0, number, isAckEliciting);
          model.add(number);
          // the model keeps the highest runs of consecutive numbers
          const descending = [...model].sort((a, b) => b - a);
          const kept: number[] = [];
          let runs = 0;
          for (const each of descending) {
            if (kept[kept.length - 1] !== each + 1 && ++runs > maxRanges) break;
            kept.push(each);
          }
          model = new Set(kept);
          const ack = tracker.buildAck(0)!;
          const reported: number[] = [];
          for (const { start, end } of ack.ranges) {
            for (let at = end - 1; at >= start; at--) reported.push(at);
          }
          assert.deepEqual(reported, kept);
          assert.equal(ack.largest, kept[0]);
          assert.ok(ack.ranges.length <= maxRanges);
        }
      },
    ),
  );
});

Deno.test("AckTracker always has a deadline within the delay while something is pending", () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 40 }),
    number: fc.nat(60),
    isAckEliciting: fc.boolean(),
    isAckSent: fc.boolean(),
    acked: fc.option(fc.nat(60), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const tracker = new AckTracker();
      let now = 0;
      for (
        const { waitMs, number, isAckEliciting, isAckSent, acked } of steps
      ) {
        now += waitMs;
        tracker.handlePacket(now, number, isAckEliciting);
        if (isAckEliciting) assert.equal(tracker.hasPending, true);
        assert.equal(tracker.deadline !== undefined, tracker.hasPending);
        assert.ok((tracker.deadline ?? 0) <= now + 25);
        if (acked !== undefined) tracker.onAckAcked(acked);
        const reported = tracker.buildAck(now)!.ranges;
        assert.ok(
          reported.some(({ start, end }) => number >= start && number < end),
        );
        if (isAckSent) sendAck(tracker, now);
      }
    }),
  );
});
