import assert from "node:assert/strict";
import fc from "fast-check";
import type { Instant } from "../../internal/instant.ts";
import type { Range } from "../../internal/range_set.ts";
import { TransportError } from "./error.ts";
import {
  isPersistentCongestion,
  LossDetector,
  MAX_PTO_MS,
  MAX_REMEMBERED_PROBE_TIMEOUTS,
  PROBE_PACKET_COUNT,
  type ReceivedAck,
} from "./loss_detector.ts";
import { MAX_RECENT_LOSSES } from "./recent_losses.ts";
import {
  MAX_ORDERLY_EVENTS,
  MAX_TIME_THRESHOLD,
  PACKET_THRESHOLD,
  TIME_THRESHOLD,
} from "./reordering_tolerance.ts";
import { RttEstimator, TIMER_GRANULARITY_MS } from "./rtt_estimator.ts";
import type { SentPacket } from "./sent_packets.ts";

function packet(
  packetNumber: number,
  sentAt: Instant,
  more: Partial<SentPacket> = {},
): SentPacket {
  return {
    packetNumber,
    sentAt,
    sizeBytes: 1_200,
    isAckEliciting: true,
    isInFlight: true,
    isMtuProbe: false,
    frames: [{ type: "ping", wish: 0 }],
    ...more,
  };
}

/** An acknowledgement of these numbers. */
function ackOf(numbers: Iterable<number>, delayMs = 0): ReceivedAck {
  const ranges: { start: number; end: number }[] = [];
  for (const number of [...numbers].sort((a, b) => b - a)) {
    const last = ranges[ranges.length - 1];
    if (last !== undefined && last.start === number + 1) last.start = number;
    else ranges.push({ start: number, end: number + 1 });
  }
  return { largest: ranges[0]!.end - 1, delayMs, ranges };
}

function numbersOf(packets: readonly SentPacket[]): number[] {
  return packets.map((each) => each.packetNumber);
}

/** A detector that has sent `count` packets, one each `intervalMs`. */
function detectorWith(
  count: number,
  intervalMs: number,
  rtt = new RttEstimator(),
): LossDetector {
  const detector = new LossDetector(rtt);
  for (let number = 0; number < count; number++) {
    detector.onPacketSent(packet(number, number * intervalMs));
  }
  return detector;
}

const isViolation = (error: unknown): boolean =>
  error instanceof TransportError && error.code === "PROTOCOL_VIOLATION" &&
  error.fault === "peer";

Deno.test("LossDetector.handleAck() hands acknowledged packets back in ascending order", () => {
  const detector = detectorWith(6, 1);
  const outcome = detector.handleAck(50, ackOf([0, 1, 4, 5]));
  assert.deepEqual(numbersOf(outcome.acked), [0, 1, 4, 5]);
  assert.deepEqual(outcome.acked[0]!.frames, [{ type: "ping", wish: 0 }]);
  assert.equal(detector.largestAcked, 5);
});

Deno.test("LossDetector.handleAck() finds losses by the packet threshold (RFC 9002 §6.1.1)", () => {
  const rtt = new RttEstimator();
  const detector = detectorWith(5, 0, rtt);
  assert.deepEqual(numbersOf(detector.handleAck(10, ackOf([2])).lost), []);
  assert.deepEqual(numbersOf(detector.handleAck(10, ackOf([2, 3])).lost), [0]);
  assert.deepEqual(numbersOf(detector.handleAck(10, ackOf([2, 3, 4])).lost), [
    1,
  ]);
  assert.equal(detector.bytesInFlight, 0);
});

Deno.test("LossDetector finds losses by the time threshold, at its deadline (RFC 9002 §6.1.2)", () => {
  const detector = new LossDetector(new RttEstimator());
  detector.onPacketSent(packet(0, 5));
  detector.onPacketSent(packet(1, 10));
  assert.deepEqual(detector.handleAck(90, ackOf([1])).lost, []);
  // 9/8 of the RTT of 80 ms after packet 0 was sent
  assert.equal(detector.deadline, 95);
  assert.deepEqual(detector.handleTimeout(94.9), { type: "lost", lost: [] });
  const outcome = detector.handleTimeout(95);
  assert.ok(outcome.type === "lost");
  assert.deepEqual(numbersOf(outcome.lost), [0]);
  assert.equal(detector.deadline, undefined);
});

Deno.test("LossDetector never returns a time threshold deadline that its own timeout does not satisfy", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.double({ min: 0.001, max: 1e3, noNaN: true }),
      (start, rttMs) => {
        const detector = new LossDetector(new RttEstimator());
        detector.onPacketSent(packet(0, start));
        detector.onPacketSent(packet(1, start));
        detector.handleAck(start + rttMs, ackOf([1]));
        const deadline = detector.deadline;
        if (deadline === undefined) return; // the threshold was over already
        const outcome = detector.handleTimeout(deadline);
        assert.ok(outcome.type === "lost" && outcome.lost.length === 1);
      },
    ),
  );
});

Deno.test("LossDetector does not declare packets above the largest acknowledged lost (RFC 9002 §6.1)", () => {
  const detector = detectorWith(10, 1);
  assert.deepEqual(numbersOf(detector.handleAck(100, ackOf([4])).lost), [0, 1]);
  const outcome = detector.handleTimeout(10_000);
  assert.ok(outcome.type === "lost");
  assert.deepEqual(numbersOf(outcome.lost), [2, 3]);
  assert.equal(detector.bytesInFlight, 5 * 1_200);
});

Deno.test("LossDetector.handleAck() loses every 7th of 100 packets and acknowledges the rest", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  const received: number[] = [];
  const acked: number[] = [];
  const lost: number[] = [];
  const oneWayMs = 20;
  let sent = 0;
  for (let now = 0; now < 1_000; now++) {
    if (sent < 100) detector.onPacketSent(packet(sent++, now));
    // what was sent one RTT ago arrived, and its acknowledgement is back
    const arrived = now - 2 * oneWayMs;
    if (arrived >= 0 && arrived < 100 && arrived % 7 !== 6) {
      received.push(arrived);
      const outcome = detector.handleAck(now, ackOf(received));
      acked.push(...numbersOf(outcome.acked));
      lost.push(...numbersOf(outcome.lost));
    }
    if ((detector.deadline ?? Infinity) <= now) {
      const outcome = detector.handleTimeout(now);
      assert.ok(outcome.type === "lost", "no probe is needed");
      lost.push(...numbersOf(outcome.lost));
    }
  }
  const all = Array.from({ length: 100 }, (_, number) => number);
  assert.deepEqual(lost, all.filter((number) => number % 7 === 6));
  assert.deepEqual(acked, all.filter((number) => number % 7 !== 6));
  assert.equal(detector.bytesInFlight, 0);
  assert.equal(detector.deadline, undefined);
  assert.ok(Math.abs(rtt.smoothedRttMs - 40) < 1e-9);
});

Deno.test("LossDetector recovers a lost tail with a probe (RFC 9002 §6.2)", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  detector.onPacketSent(packet(0, 0));
  detector.handleAck(40, ackOf([0]));
  detector.onPacketSent(packet(1, 50));
  const deadline = detector.deadline!;
  assert.equal(deadline, 50 + rtt.ptoMs);
  assert.deepEqual(detector.handleTimeout(deadline), { type: "probe" });
  assert.equal(detector.oldestAckEliciting?.packetNumber, 1);
  detector.onPacketSent(packet(2, deadline));
  const outcome = detector.handleAck(deadline + 40, ackOf([2]));
  assert.deepEqual(numbersOf(outcome.lost), [1]);
  assert.equal(detector.ptoCount, 0);
  assert.equal(detector.deadline, undefined);
});

Deno.test("LossDetector.countUnansweredProbes() counts also where what is sent all the time begins the probe timeout anew", () => {
  const rtt = new RttEstimator();
  rtt.handleSample(100, 0);
  const detector = new LossDetector(rtt);
  assert.equal(detector.countUnansweredProbes(10_000), 0, "nothing is owed");
  const counts = [];
  for (let number = 0; number < 16; number++) {
    const now = 1_000 + number * rtt.ptoMs / 2;
    detector.onPacketSent(packet(number, now));
    assert.ok(now < detector.deadline!);
    counts.push(detector.countUnansweredProbes(now));
  }
  assert.deepEqual(counts, [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3]);
  assert.equal(detector.ptoCount, 0);
  const now = 1_000 + 8 * rtt.ptoMs;
  detector.handleAck(now, ackOf([15]));
  assert.equal(detector.countUnansweredProbes(now + 10_000), 0);
});

Deno.test("LossDetector.deadline doubles with each probe timeout up to a cap (RFC 9002 §6.2.1)", () => {
  const rtt = new RttEstimator();
  rtt.handleSample(100, 0);
  const detector = new LossDetector(rtt);
  detector.onPacketSent(packet(0, 1_000));
  let now = 1_000;
  for (let count = 0; count < 200; count++) {
    const periodMs = Math.min(rtt.ptoMs * 2 ** count, MAX_PTO_MS);
    assert.equal(detector.deadline, now + periodMs);
    now = detector.deadline!;
    assert.deepEqual(detector.handleTimeout(now), { type: "probe" });
    assert.equal(detector.ptoCount, count + 1);
  }
});

Deno.test("LossDetector.deadline is not shortened below a PTO by the cap", () => {
  const rtt = new RttEstimator();
  rtt.handleSample(3_000, 0);
  const detector = new LossDetector(rtt);
  detector.onPacketSent(packet(0, 0));
  assert.ok(rtt.ptoMs > MAX_PTO_MS);
  assert.equal(detector.deadline, rtt.ptoMs);
});

Deno.test("LossDetector.handleTimeout() gives up as many packets as it asks for, after 16 probe timeouts in a row", () => {
  const detector = new LossDetector(new RttEstimator());
  let number = 0;
  const timeOut = (): readonly SentPacket[] | undefined => {
    const now = detector.deadline!;
    const outcome = detector.handleTimeout(now);
    assert.equal(outcome.type, "probe");
    for (let i = 0; i < PROBE_PACKET_COUNT; i++) {
      detector.onPacketSent(packet(number++, now));
    }
    return outcome.lost;
  };
  detector.onPacketSent(packet(number++, 0));
  detector.onPacketSent(packet(number++, 0, { isInFlight: false }));
  detector.onPacketSent(packet(number++, 0));
  for (let i = 0; i < MAX_REMEMBERED_PROBE_TIMEOUTS; i++) {
    assert.equal(timeOut(), undefined);
  }
  const { bytesInFlight } = detector;
  assert.deepEqual(numbersOf(timeOut()!), [0, 1, 2]);
  assert.deepEqual(numbersOf(timeOut()!), [3, 4]);
  assert.equal(detector.bytesInFlight, bytesInFlight);
  detector.handleAck(detector.deadline!, ackOf([number - 2, number - 1]));
  assert.equal(detector.ackElicitingInFlight, 0);
  detector.onPacketSent(packet(number++, 0));
  assert.equal(timeOut(), undefined, "it counts those in a row");
});

Deno.test("LossDetector.handleTimeout() leaves no deadline in the past when a probe cannot be sent", () => {
  const detector = detectorWith(1, 1);
  const now = 60_000;
  assert.deepEqual(detector.handleTimeout(now), { type: "probe" });
  assert.ok(detector.deadline! > now);
});

Deno.test("LossDetector.deadline counts from the last ack-eliciting packet only (RFC 9002 §6.2.1)", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  assert.equal(detector.deadline, undefined);
  detector.onPacketSent(
    packet(0, 5, { isAckEliciting: false, isInFlight: false }),
  );
  assert.equal(detector.deadline, undefined);
  detector.onPacketSent(packet(1, 10));
  detector.onPacketSent(packet(2, 15));
  detector.onPacketSent(
    packet(3, 20, { isAckEliciting: false, isInFlight: false }),
  );
  assert.equal(detector.deadline, 15 + rtt.ptoMs);
});

Deno.test("LossDetector.handleTimeout() does nothing before its deadline or without one", () => {
  const detector = new LossDetector(new RttEstimator());
  assert.deepEqual(detector.handleTimeout(1e9), { type: "lost", lost: [] });
  detector.onPacketSent(packet(0, 0));
  assert.deepEqual(detector.handleTimeout(1), { type: "lost", lost: [] });
  assert.equal(detector.ptoCount, 0);
});

Deno.test("LossDetector.handleAck() samples the RTT from the largest number only (RFC 9002 §5.1)", () => {
  const rtt = new RttEstimator();
  const detector = detectorWith(4, 10, rtt);
  assert.equal(detector.handleAck(80, ackOf([2], 5)).isRttSampled, true);
  assert.equal(rtt.latestRttMs, 60);
  // the largest number is not new
  assert.equal(detector.handleAck(90, ackOf([1, 2])).isRttSampled, false);
  // nothing is new
  assert.equal(detector.handleAck(95, ackOf([1, 2])).isRttSampled, false);
  assert.equal(rtt.latestRttMs, 60);
});

Deno.test("LossDetector.handleAck() takes no RTT sample from packets that ask for no answer (RFC 9002 §5.1)", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  const quiet = { isAckEliciting: false, isInFlight: false };
  detector.onPacketSent(packet(0, 0, quiet));
  assert.equal(detector.handleAck(10, ackOf([0])).isRttSampled, false);
  detector.onPacketSent(packet(1, 20));
  detector.onPacketSent(packet(2, 30, quiet));
  assert.equal(detector.handleAck(60, ackOf([0, 1, 2])).isRttSampled, true);
  assert.equal(rtt.latestRttMs, 30);
});

Deno.test("LossDetector.handleAck() ignores acknowledgements that are repeated or late", () => {
  const detector = detectorWith(10, 0);
  const ack = ackOf([0, 1, 2, 3]);
  assert.equal(detector.handleAck(10, ack).acked.length, 4);
  assert.deepEqual(detector.handleAck(11, ack), {
    acked: [],
    lost: [],
    spurious: [],
    isRttSampled: false,
  });
  detector.handleAck(12, ackOf([0, 1, 2, 3, 4, 5]));
  assert.deepEqual(detector.handleAck(13, ack).acked, []);
  assert.equal(detector.largestAcked, 5);
});

Deno.test("LossDetector.handleAck() survives an acknowledgement of a packet declared lost", () => {
  const detector = detectorWith(5, 0);
  assert.deepEqual(numbersOf(detector.handleAck(10, ackOf([3, 4])).lost), [
    0,
    1,
  ]);
  assert.deepEqual(
    numbersOf(detector.handleAck(11, ackOf([0, 1, 2, 3, 4])).acked),
    [2],
  );
});

Deno.test("LossDetector.handleAck() says what was declared lost and has arrived, once (RFC 9002 §6.1.1)", () => {
  const detector = detectorWith(10, 1);
  assert.deepEqual(numbersOf(detector.handleAck(50, ackOf([5])).lost), [
    0,
    1,
    2,
  ]);
  const { acked, spurious } = detector.handleAck(60, ackOf([1, 2, 5]));
  assert.deepEqual(acked, []);
  assert.deepEqual(spurious, [
    { packetNumber: 1, reorderingPackets: 4, roundTripMs: 59 },
    { packetNumber: 2, reorderingPackets: 3, roundTripMs: 58 },
  ]);
  assert.deepEqual(detector.handleAck(61, ackOf([1, 2, 5])).spurious, []);
  // together with what is new, and measured against what was known before
  const last = detector.handleAck(62, ackOf([0, 1, 2, 5, 9]));
  assert.deepEqual(numbersOf(last.acked), [9]);
  assert.deepEqual(last.spurious, [
    { packetNumber: 0, reorderingPackets: 5, roundTripMs: 62 },
  ]);
});

Deno.test("LossDetector tolerates the reordering that it has seen, in packets and in time (RFC 9002 §6.1.1)", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  let next = 0;
  /** Sends ten at once; the first comes 20 ms after the others. */
  const round = (at: number): readonly [readonly SentPacket[], number] => {
    const first = next;
    for (; next < first + 10; next++) detector.onPacketSent(packet(next, at));
    const rest = Array.from({ length: 9 }, (_, index) => first + 1 + index);
    const { lost } = detector.handleAck(at + 50, ackOf(rest));
    const timeout = detector.handleTimeout(at + 69);
    assert.ok(timeout.type === "lost");
    const late = detector.handleAck(at + 70, ackOf([first, ...rest]));
    return [[...lost, ...timeout.lost], late.spurious.length];
  };
  const [lost, spuriousCount] = round(0);
  assert.deepEqual(numbersOf(lost), [0]);
  assert.equal(spuriousCount, 1);
  for (let count = 1; count < 5; count++) {
    assert.deepEqual(round(100 * count), [[], 0]);
  }
});

Deno.test("LossDetector tolerates reordering where a round trip takes no time that can be measured", () => {
  const detector = detectorWith(5, 0);
  assert.equal(detector.handleAck(0, ackOf([4])).lost.length, 2);
  assert.equal(detector.handleAck(0, ackOf([0, 1, 4])).spurious.length, 2);
  assert.equal(detector.deadline, TIMER_GRANULARITY_MS);
  for (let number = 5; number < 10; number++) {
    detector.onPacketSent(packet(number, 10));
  }
  assert.deepEqual(
    numbersOf(detector.handleAck(10, ackOf([9])).lost),
    [2, 3],
  );
  assert.equal(detector.deadline, 10 + TIMER_GRANULARITY_MS);
});

Deno.test("LossDetector declares nothing later than two round trips after it was sent, however late a peer acknowledges (RFC 8985 §6.2)", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  for (let number = 0; number < 6; number++) {
    detector.onPacketSent(packet(number, 0));
  }
  detector.handleAck(50, ackOf([5]));
  assert.equal(detector.handleAck(250, ackOf([0, 5])).spurious.length, 1);
  for (const number of [6, 7]) detector.onPacketSent(packet(number, 1_000));
  detector.handleAck(1_050, ackOf([7]));
  const { smoothedRttMs } = rtt;
  assert.equal(smoothedRttMs, 50);
  assert.equal(detector.deadline, 1_000 + MAX_TIME_THRESHOLD * smoothedRttMs);
});

Deno.test("LossDetector forgets what it declared lost after four probe timeouts, and past its bound", () => {
  for (const isInTime of [true, false]) {
    const rtt = new RttEstimator();
    const detector = detectorWith(5, 0, rtt);
    assert.equal(detector.handleAck(40, ackOf([3, 4])).lost.length, 2);
    const at = 4 * rtt.ptoMs + (isInTime ? 0 : 1);
    const { spurious } = detector.handleAck(at, ackOf([0, 1, 3, 4]));
    assert.equal(spurious.length, isInTime ? 2 : 0);
  }
  const count = MAX_RECENT_LOSSES + 100;
  const detector = detectorWith(count + 3, 0);
  const { lost } = detector.handleAck(40, ackOf([count + 2]));
  assert.equal(lost.length, count);
  const { spurious } = detector.handleAck(41, ackOf(lost.keys()));
  assert.equal(spurious.length, MAX_RECENT_LOSSES);
  assert.equal(spurious[0]!.packetNumber, 100);
});

Deno.test("LossDetector learns no reordering from probes for a packet size, lone acknowledgements or another path", () => {
  const detector = new LossDetector(new RttEstimator());
  detector.onPacketSent(packet(0, 0, { isMtuProbe: true }));
  detector.onPacketSent(
    packet(1, 0, { isAckEliciting: false, isInFlight: false }),
  );
  for (let number = 2; number < 8; number++) {
    detector.onPacketSent(packet(number, 0));
  }
  assert.equal(detector.handleAck(40, ackOf([5])).lost.length, 3);
  const some = detector.handleAck(41, ackOf([0, 1, 2, 5])).spurious;
  assert.deepEqual(some.map(({ packetNumber }) => packetNumber), [2]);
  // declared before the path was left, and after it
  const outcome = detector.handleTimeout(70);
  assert.ok(outcome.type === "lost");
  assert.deepEqual(numbersOf(outcome.lost), [3, 4]);
  detector.startPath();
  for (let number = 8; number < 13; number++) {
    detector.onPacketSent(packet(number, 70));
  }
  assert.deepEqual(
    numbersOf(detector.handleAck(110, ackOf([12])).lost),
    [6, 7, 8, 9],
  );
  const { spurious } = detector.handleAck(111, ackOf([3, 4, 6, 7, 9, 12]));
  assert.deepEqual(spurious.map(({ packetNumber }) => packetNumber), [9]);
});

Deno.test("LossDetector goes by the first thresholds again on another path, and after 16 congestion events", () => {
  for (const isPath of [true, false]) {
    const detector = detectorWith(20, 0);
    detector.handleAck(50, ackOf([17, 18, 19]));
    detector.handleAck(70, ackOf([0, 19]));
    if (isPath) detector.startPath();
    else {
      for (let count = 0; count < MAX_ORDERLY_EVENTS; count++) {
        detector.onCongestionEvent();
      }
    }
    for (let number = 20; number < 25; number++) {
      detector.onPacketSent(packet(number, 100));
    }
    const { lost } = detector.handleAck(150, ackOf([24]));
    assert.deepEqual(numbersOf(lost), [20, 21]);
  }
});

Deno.test("LossDetector keeps its thresholds as long as they spare a packet", () => {
  const detector = detectorWith(20, 0);
  detector.handleAck(50, ackOf([17, 18, 19]));
  detector.handleAck(55, ackOf([0, 19]));
  let next = 20;
  for (let count = 0; count < 3 * MAX_ORDERLY_EVENTS; count++) {
    const now = 100 * (count + 1);
    const first = next;
    for (; next < first + 6; next++) detector.onPacketSent(packet(next, now));
    const rest = [1, 2, 3, 4, 5].map((index) => first + index);
    assert.deepEqual(detector.handleAck(now + 50, ackOf(rest)).lost, []);
    const { acked } = detector.handleAck(now + 51, ackOf([first, ...rest]));
    assert.deepEqual(numbersOf(acked), [first]);
    detector.onCongestionEvent();
  }
});

Deno.test("LossDetector refuses packet numbers that were skipped, also among those that it declared lost (RFC 9000 §21.4)", () => {
  const detector = new LossDetector(new RttEstimator());
  for (const number of [0, 2, 3, 4, 5, 6]) {
    detector.onPacketSent(packet(number, 0));
  }
  assert.deepEqual(numbersOf(detector.handleAck(10, ackOf([6])).lost), [
    0,
    2,
    3,
  ]);
  assert.throws(
    () => detector.handleAck(11, ackOf([0, 1, 2, 3, 6])),
    isViolation,
  );
  // nothing has changed: neither is lost spuriously yet
  const { spurious } = detector.handleAck(12, ackOf([0, 2, 3, 6]));
  assert.equal(spurious.length, 3);
});

Deno.test("LossDetector does as RFC 9002 §6.1 says where nothing that was lost arrives", () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 60 }),
    sendCount: fc.integer({ min: 0, max: 8 }),
    acks: fc.array(fc.nat(200), { maxLength: 8 }),
    isEvent: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rtt = new RttEstimator();
      const detector = new LossDetector(rtt);
      /** When what is neither acknowledged nor lost was sent. */
      const sentAt = new Map<number, Instant>();
      const gone = new Set<number>();
      let now = 0;
      let next = 0;
      let largest = -1;
      /** Appendix A.10: what is lost now, to the letter. */
      const expectLost = (lost: readonly SentPacket[]): void => {
        const delayMs = Math.max(
          TIME_THRESHOLD * Math.max(rtt.latestRttMs, rtt.smoothedRttMs),
          rtt.granularityMs,
        );
        const expected = [...sentAt.keys()].filter((number) =>
          number < largest &&
          (number <= largest - PACKET_THRESHOLD ||
            sentAt.get(number)! + delayMs <= now)
        );
        assert.deepEqual(numbersOf(lost), expected);
        for (const number of expected) {
          sentAt.delete(number);
          gone.add(number);
        }
      };
      for (const { waitMs, sendCount, acks, isEvent } of steps) {
        now += waitMs;
        for (let count = 0; count < sendCount; count++) {
          sentAt.set(next, now);
          detector.onPacketSent(packet(next++, now));
        }
        if (isEvent) detector.onCongestionEvent();
        const numbers = acks.filter((each) => each < next && !gone.has(each));
        if (numbers.length > 0) {
          const { acked, lost, spurious } = detector.handleAck(
            now,
            ackOf(new Set(numbers)),
          );
          assert.deepEqual(spurious, []);
          for (const { packetNumber } of acked) {
            assert.ok(sentAt.delete(packetNumber));
            largest = Math.max(largest, packetNumber);
          }
          if (acked.length > 0) expectLost(lost);
        }
        const isLossDue = largest >= 0 &&
          (detector.deadline ?? Infinity) <= now;
        const outcome = detector.handleTimeout(now);
        if (isLossDue && outcome.type === "lost") expectLost(outcome.lost);
      }
    }),
  );
});

Deno.test("LossDetector.handleAck() refuses what was never sent and changes nothing (RFC 9000 §13.1)", () => {
  const detector = detectorWith(3, 0);
  for (const largest of [3, 4, 2 ** 32, Number.MAX_SAFE_INTEGER - 1]) {
    const ack = {
      largest,
      delayMs: 0,
      ranges: [{ start: 0, end: largest + 1 }],
    };
    assert.throws(() => detector.handleAck(10, ack), isViolation);
  }
  assert.throws(
    () =>
      detector.handleAck(10, {
        largest: 2,
        delayMs: 0,
        ranges: [{ start: 0, end: 4 }],
      }),
    isViolation,
  );
  assert.equal(detector.bytesInFlight, 3 * 1_200);
  assert.throws(
    () => new LossDetector(new RttEstimator()).handleAck(0, ackOf([0])),
    isViolation,
  );
});

Deno.test("LossDetector.handleAck() refuses packet numbers that were skipped (RFC 9000 §21.4)", () => {
  const detector = new LossDetector(new RttEstimator());
  for (const number of [0, 1, 3, 4, 9]) {
    detector.onPacketSent(packet(number, 0));
  }
  for (const numbers of [[2], [0, 1, 2], [3, 2], [5], [8], [9, 8], [4, 5]]) {
    assert.throws(
      () => detector.handleAck(10, ackOf(numbers)),
      isViolation,
      `${numbers}`,
    );
  }
  assert.equal(detector.handleAck(10, ackOf([0, 1, 3, 4, 9])).acked.length, 5);
});

Deno.test("LossDetector.startPath() gives up what took a path before the one that is left", () => {
  const detector = new LossDetector(new RttEstimator());
  detector.onPacketSent(packet(0, 0));
  detector.onPacketSent(packet(1, 0));
  assert.deepEqual(detector.startPath(), []);
  detector.onPacketSent(packet(2, 0));
  const givenUp = detector.startPath();
  assert.deepEqual(givenUp.map(({ packetNumber }) => packetNumber), [0, 1]);
  const { acked } = detector.handleAck(10, ackOf([0, 1, 2]));
  assert.deepEqual(acked.map(({ packetNumber }) => packetNumber), [2]);
  assert.equal(detector.bytesInFlight, 0);
});

Deno.test("LossDetector.handleAck() costs what is tracked, not the width of a range", () => {
  const detector = new LossDetector(new RttEstimator());
  const base = 2 ** 52;
  for (let number = 0; number < 1_000; number++) {
    detector.onPacketSent(packet(base + number, 0));
  }
  const ranges: Range[] = [{ start: 0, end: base + 1_000 }];
  const outcome = detector.handleAck(10, {
    largest: base + 999,
    delayMs: 0,
    ranges,
  });
  assert.equal(outcome.acked.length, 1_000);
});

Deno.test("LossDetector.discardAll() hands everything back and stops the timers", () => {
  const detector = detectorWith(5, 0);
  detector.handleAck(10, ackOf([1]));
  assert.deepEqual(numbersOf(detector.discardAll()), [0, 2, 3, 4]);
  assert.equal(detector.bytesInFlight, 0);
  assert.equal(detector.deadline, undefined);
  assert.deepEqual(detector.discardAll(), []);
});

Deno.test("LossDetector.bytesInFlight is the sum over what is outstanding, and each packet comes back once", () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 400 }),
    sendCount: fc.integer({ min: 0, max: 6 }),
    isQuiet: fc.boolean(),
    acks: fc.array(fc.nat(200), { maxLength: 8 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const detector = new LossDetector(new RttEstimator());
      const outstanding = new Map<number, SentPacket>();
      const settle = (packets: readonly SentPacket[]): void => {
        for (const each of packets) {
          assert.ok(outstanding.delete(each.packetNumber), "handed back once");
        }
      };
      let now = 0;
      let next = 0;
      for (const { waitMs, sendCount, isQuiet, acks } of steps) {
        now += waitMs;
        for (let count = 0; count < sendCount; count++) {
          const isLoud = !isQuiet || count > 0;
          const sent = packet(next++, now, {
            isAckEliciting: isLoud,
            isInFlight: isLoud,
          });
          detector.onPacketSent(sent);
          outstanding.set(sent.packetNumber, sent);
        }
        const numbers = new Set(acks.filter((number) => number < next));
        if (numbers.size > 0) {
          const { acked, lost } = detector.handleAck(now, ackOf(numbers));
          settle(acked);
          settle(lost);
          for (const number of numbers) assert.ok(!outstanding.has(number));
        }
        const outcome = detector.handleTimeout(now);
        if (outcome.type === "lost") settle(outcome.lost);
        const inFlight = [...outstanding.values()].filter((each) =>
          each.isInFlight
        );
        assert.equal(detector.bytesInFlight, inFlight.length * 1_200);
        if (inFlight.length > 0) assert.ok(detector.deadline !== undefined);
      }
      settle(detector.discardAll());
      assert.equal(outstanding.size, 0);
    }),
    { numRuns: 80 },
  );
});

const LIMITS = { durationMs: 1_000, firstRttSampleAt: 100 };

Deno.test("isPersistentCongestion() needs losses over more than the duration (RFC 9002 §7.6.2)", () => {
  const run = [packet(1, 200), packet(2, 700), packet(3, 1_200)];
  assert.equal(isPersistentCongestion(run, LIMITS), false);
  assert.equal(
    isPersistentCongestion([...run, packet(4, 1_201)], LIMITS),
    true,
  );
  assert.equal(isPersistentCongestion([], LIMITS), false);
});

Deno.test("isPersistentCongestion() ends a run where a number is missing (RFC 9002 §7.6.2)", () => {
  assert.equal(
    isPersistentCongestion([packet(1, 200), packet(3, 2_000)], LIMITS),
    false,
  );
});

Deno.test("isPersistentCongestion() counts from the first RTT sample (RFC 9002 §7.6.2)", () => {
  const lost = [packet(1, 100), packet(2, 1_099)];
  assert.equal(isPersistentCongestion(lost, LIMITS), false);
  assert.equal(
    isPersistentCongestion(lost, {
      durationMs: 10,
      firstRttSampleAt: undefined,
    }),
    false,
  );
});

Deno.test("isPersistentCongestion() needs ack-eliciting packets at both ends (RFC 9002 §7.6.2)", () => {
  const quiet = { isAckEliciting: false, isInFlight: false };
  const middle = packet(2, 900);
  assert.equal(
    isPersistentCongestion(
      [packet(1, 200, quiet), middle, packet(3, 1_500)],
      LIMITS,
    ),
    false,
  );
  assert.equal(
    isPersistentCongestion(
      [packet(1, 200), middle, packet(3, 1_500, quiet)],
      LIMITS,
    ),
    false,
  );
  assert.equal(
    isPersistentCongestion([
      packet(1, 200),
      packet(2, 900, quiet),
      packet(3, 1_500),
    ], LIMITS),
    true,
  );
});

Deno.test("LossDetector.isPersistentCongestion() sees a blackout, and not a single loss (RFC 9002 §7.6)", () => {
  const rtt = new RttEstimator();
  const detector = new LossDetector(rtt);
  detector.onPacketSent(packet(0, 0));
  detector.handleAck(50, ackOf([0]));
  for (let number = 1; number <= 8; number++) {
    detector.onPacketSent(packet(number, 100 * number));
  }
  const { lost } = detector.handleAck(850, ackOf([8]));
  assert.deepEqual(numbersOf(lost), [1, 2, 3, 4, 5, 6, 7]);
  assert.ok(3 * rtt.ptoMs < 600);
  assert.equal(detector.isPersistentCongestion(lost), true);
  detector.onPacketSent(packet(9, 900));
  detector.onPacketSent(packet(10, 5_000));
  const late = detector.handleAck(5_050, ackOf([10]));
  assert.deepEqual(numbersOf(late.lost), [9]);
  assert.equal(detector.isPersistentCongestion(late.lost), false);
});
