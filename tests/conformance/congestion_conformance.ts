/**
 * What every congestion controller promises, as one suite.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  CongestionController,
  CongestionControllerOptions,
} from "../../transport/core/congestion/controller.ts";

/** One implementation under test. */
export interface CongestionSubject {
  /** Name in the titles of the tests. */
  readonly name: string;
  /** What it leaves of the window after a loss. */
  readonly reductionFactor: number;
  /** Builds a controller in slow start. */
  create(options?: CongestionControllerOptions): CongestionController;
}

const DATAGRAM = 1_200;
const RTT_MS = 50;
const ALL_SIZES = { min: 1_200, max: 65_507 } as const;

/** A controller on a path without queues, whose clock it carries. */
class Path {
  readonly controller: CongestionController;
  now = 0;
  #nextPacketNumber = 0;

  constructor(controller: CongestionController) {
    this.controller = controller;
  }

  /** Sends a window and acknowledges it a round trip later, packet by packet. */
  roundTrip(isAppLimited = false): void {
    const sentAt = this.now;
    const { controller } = this;
    const count = Math.floor(controller.windowBytes / DATAGRAM);
    const packets = Array.from({ length: count }, () => ({
      packetNumber: this.#nextPacketNumber++,
      sentAt,
      sizeBytes: DATAGRAM,
    }));
    packets.forEach((packet, index) => {
      controller.onPacketSent(sentAt, packet, (index + 1) * DATAGRAM);
    });
    this.now += RTT_MS;
    for (const packet of packets) {
      controller.onPacketAcked(this.now, packet, rtt(RTT_MS), isAppLimited);
    }
  }

  /** Loses something that was sent just now. */
  lose(): void {
    this.controller.onCongestionEvent(this.now, this.now);
    this.now += 1;
  }
}

function rtt(ms: number): {
  smoothedRttMs: number;
  minRttMs: number;
  latestRttMs: number;
} {
  return { smoothedRttMs: ms, minRttMs: ms, latestRttMs: ms };
}

/**
 * Registers the suite for one implementation.
 *
 * @param subject The implementation.
 */
export function testCongestionController(subject: CongestionSubject): void {
  const test = (title: string, body: () => void): void =>
    Deno.test(`${subject.name} ${title}`, body);

  function pathOf(options?: CongestionControllerOptions): Path {
    return new Path(subject.create(options));
  }

  /** A path that lost something with a window of so many datagrams. */
  function reducedPath(datagrams: number): Path {
    const path = pathOf({ initialWindowBytes: datagrams * DATAGRAM });
    path.lose();
    return path;
  }

  test("starts in slow start with a window of 32 KiB and no threshold", () => {
    const controller = subject.create();
    assert.equal(controller.windowBytes, 32_768);
    assert.equal(controller.isInSlowStart, true);
    assert.equal(controller.slowStartThresholdBytes, Infinity);
  });

  test("doubles its window in a round trip of slow start (RFC 9002 §7.3.1)", () => {
    const path = pathOf({ initialWindowBytes: 10 * DATAGRAM });
    for (let window = 20; window <= 1_280; window *= 2) {
      path.roundTrip();
      assert.equal(path.controller.windowBytes, window * DATAGRAM);
    }
  });

  test("does not grow by sending", () => {
    const { controller } = pathOf();
    for (let packetNumber = 0; packetNumber < 100; packetNumber++) {
      const packet = { packetNumber, sentAt: packetNumber, sizeBytes: 1_200 };
      controller.onPacketSent(packetNumber, packet, (packetNumber + 1) * 1_200);
    }
    assert.equal(controller.windowBytes, 32_768);
  });

  test("does not grow while the application is the limit, before or after a loss (RFC 9002 §7.8)", () => {
    for (const path of [pathOf(), reducedPath(50)]) {
      const before = path.controller.windowBytes;
      for (let round = 0; round < 50; round++) path.roundTrip(true);
      assert.equal(path.controller.windowBytes, before);
    }
  });

  test("keeps its part of the window at a loss, and ends slow start (RFC 9002 §7.3.2)", () => {
    const { controller } = reducedPath(100);
    const expected = 100 * DATAGRAM * subject.reductionFactor;
    assert.ok(Math.abs(controller.windowBytes - expected) <= 1);
    assert.ok(Math.abs(controller.slowStartThresholdBytes - expected) <= 1);
    assert.equal(controller.isInSlowStart, false);
  });

  test("reduces once in a round trip, whatever else of it is lost (RFC 9002 §7.3.2)", () => {
    const { controller } = pathOf({ initialWindowBytes: 100 * DATAGRAM });
    controller.onCongestionEvent(100, 60);
    const once = controller.windowBytes;
    for (let now = 101; now < 150; now++) {
      controller.onCongestionEvent(now, now - 50);
    }
    controller.onCongestionEvent(150, 100);
    assert.equal(controller.windowBytes, once);
    controller.onCongestionEvent(151, 101);
    assert.ok(
      Math.abs(controller.windowBytes - once * subject.reductionFactor) <= 1,
    );
  });

  test("does not grow from packets sent before the loss was noticed (RFC 9002 §7.3.2)", () => {
    const { controller } = pathOf({ initialWindowBytes: 100 * DATAGRAM });
    controller.onCongestionEvent(100, 60);
    const reduced = controller.windowBytes;
    const packet = { packetNumber: 1, sentAt: 100, sizeBytes: DATAGRAM };
    controller.onPacketAcked(110, packet, rtt(RTT_MS), false);
    assert.equal(controller.windowBytes, reduced);
    const later = { packetNumber: 2, sentAt: 101, sizeBytes: DATAGRAM };
    for (let count = 0; count < 60; count++) {
      controller.onPacketAcked(151, later, rtt(RTT_MS), false);
    }
    assert.ok(controller.windowBytes > reduced);
  });

  test("grows between half a datagram and half a window in a round trip after a loss (RFC 9002 §7.3.3, RFC 9438 §4.2, §4.3)", () => {
    const path = reducedPath(100);
    for (let round = 0; round < 200; round++) {
      const before = path.controller.windowBytes;
      path.roundTrip();
      const grownBytes = path.controller.windowBytes - before;
      // the first one measures where the curve starts
      assert.ok(round === 0 || grownBytes > 0, `round ${round}`);
      assert.ok(grownBytes <= before / 2 + 1, `round ${round}`);
    }
    // an average: CUBIC stands almost still around its plateau
    const grown = path.controller.windowBytes / DATAGRAM -
      100 * subject.reductionFactor;
    assert.ok(grown >= 0.5 * 200 * 0.9, `${grown} datagrams`);
  });

  test("says whether a loss has reduced the window (RFC 9002 §7.3.2)", () => {
    const { controller } = pathOf();
    assert.equal(controller.onCongestionEvent(100, 60), true);
    assert.equal(controller.onCongestionEvent(110, 100), false);
    assert.equal(controller.onCongestionEvent(151, 101), true);
  });

  test("takes a reduction back, in slow start and after it: window and threshold are what they were (RFC 4015 §3.2)", () => {
    const slow = pathOf();
    slow.roundTrip();
    const avoiding = reducedPath(100);
    for (let round = 0; round < 20; round++) avoiding.roundTrip();
    for (const { controller, now } of [slow, avoiding]) {
      const { windowBytes, slowStartThresholdBytes, isInSlowStart } =
        controller;
      controller.onCongestionEvent(now, now);
      assert.ok(controller.windowBytes < windowBytes);
      controller.undoCongestionEvent(now + 20);
      assert.equal(controller.windowBytes, windowBytes);
      assert.equal(controller.slowStartThresholdBytes, slowStartThresholdBytes);
      assert.equal(controller.isInSlowStart, isInSlowStart);
    }
  });

  test("grows after a reduction that was taken back as if there had been none", () => {
    const undone = reducedPath(200);
    const spared = reducedPath(200);
    for (let round = 0; round < 60; round++) {
      undone.roundTrip();
      spared.roundTrip();
      if (round % 10 > 0) continue;
      undone.controller.onCongestionEvent(undone.now, undone.now);
      undone.now += 20;
      undone.controller.undoCongestionEvent(undone.now);
    }
    const { windowBytes } = undone.controller;
    assert.ok(windowBytes > 200 * DATAGRAM * subject.reductionFactor);
    assert.ok(windowBytes >= 0.99 * spared.controller.windowBytes);
    assert.ok(windowBytes <= 1.01 * spared.controller.windowBytes);
  });

  test("answers the next loss after a reduction that was taken back (RFC 9002 §7.3.2)", () => {
    const { controller } = pathOf({ initialWindowBytes: 100 * DATAGRAM });
    controller.onCongestionEvent(100, 60);
    controller.undoCongestionEvent(120);
    assert.equal(controller.onCongestionEvent(121, 100), true);
    const expected = 100 * DATAGRAM * subject.reductionFactor;
    assert.ok(Math.abs(controller.windowBytes - expected) <= 1);
  });

  test("takes back the last reduction only, and once", () => {
    const path = pathOf({ initialWindowBytes: 100 * DATAGRAM });
    path.controller.undoCongestionEvent(0);
    assert.equal(path.controller.windowBytes, 100 * DATAGRAM);
    path.lose();
    const once = path.controller.windowBytes;
    path.lose();
    for (let count = 0; count < 3; count++) {
      path.controller.undoCongestionEvent(path.now);
      assert.equal(path.controller.windowBytes, once);
    }
  });

  test("takes nothing back after persistent congestion (RFC 9002 §7.6.2)", () => {
    const { controller, now } = reducedPath(100);
    controller.onPersistentCongestion(now);
    controller.undoCongestionEvent(now);
    assert.equal(controller.windowBytes, 2 * DATAGRAM);
    assert.equal(controller.slowStartThresholdBytes < Infinity, true);
  });

  test("keeps a window that has grown past the one of before (RFC 4015 §3.2)", () => {
    const path = reducedPath(20);
    for (let round = 0; round < 100; round++) path.roundTrip();
    const { windowBytes } = path.controller;
    assert.ok(windowBytes > 20 * DATAGRAM);
    path.controller.undoCongestionEvent(path.now);
    assert.equal(path.controller.windowBytes, windowBytes);
  });

  test("never goes below two datagrams (RFC 9002 §7.2)", () => {
    const path = pathOf();
    for (let count = 0; count < 50; count++) path.lose();
    assert.equal(path.controller.windowBytes, 2 * DATAGRAM);
    path.roundTrip();
    assert.ok(path.controller.windowBytes > 2 * DATAGRAM);
  });

  test("never goes above its maximum, in slow start or after it", () => {
    const maxWindowBytes = 200 * DATAGRAM;
    const path = pathOf({ maxWindowBytes });
    for (let round = 0; round < 10; round++) path.roundTrip();
    assert.equal(path.controller.windowBytes, maxWindowBytes);
    path.lose();
    for (let round = 0; round < 2_000; round++) path.roundTrip();
    assert.equal(path.controller.windowBytes, maxWindowBytes);
  });

  test("falls to two datagrams and slow start at persistent congestion, up to the threshold of before (RFC 9002 §7.6.2)", () => {
    const path = reducedPath(100);
    const threshold = path.controller.slowStartThresholdBytes;
    path.controller.onPersistentCongestion(path.now);
    assert.equal(path.controller.windowBytes, 2 * DATAGRAM);
    assert.equal(path.controller.isInSlowStart, true);
    path.now += 1;
    path.roundTrip();
    assert.equal(path.controller.windowBytes, 4 * DATAGRAM);
    for (let round = 0; round < 6; round++) path.roundTrip();
    assert.equal(path.controller.isInSlowStart, false);
    assert.ok(path.controller.windowBytes >= threshold);
    assert.ok(path.controller.windowBytes < 1.6 * threshold);
  });

  test("keeps its window when the datagrams change their size, but for two of them (RFC 9002 §7.2)", () => {
    const { controller } = pathOf();
    controller.setMaxDatagramBytes(9_000);
    assert.equal(controller.windowBytes, 32_768);
    controller.setMaxDatagramBytes(32_500);
    assert.equal(controller.windowBytes, 65_000);
    controller.setMaxDatagramBytes(1_200);
    assert.equal(controller.windowBytes, 65_000);
    assert.equal(controller.isInSlowStart, true);
  });

  test("counts in the new size after a change (RFC 9002 §7.3.3)", () => {
    const small = reducedPath(200);
    const large = reducedPath(200);
    large.controller.setMaxDatagramBytes(9_000);
    for (let round = 0; round < 10; round++) {
      small.roundTrip();
      large.roundTrip();
    }
    assert.ok(large.controller.windowBytes > small.controller.windowBytes);
  });

  test("stays a whole number within its bounds under any operations (RFC 9002 §7.2)", () => {
    const operation = fc.oneof(
      fc.record({
        type: fc.constant("ack" as const),
        sizeBytes: fc.integer({ ...ALL_SIZES, min: 1 }),
        ageMs: fc.double({ min: 0, max: 500, noNaN: true }),
        rttMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
        isAppLimited: fc.boolean(),
        count: fc.integer({ min: 1, max: 100 }),
      }),
      fc.record({ type: fc.constant("send" as const), count: fc.nat(50) }),
      fc.record({ type: fc.constant("lose" as const), ageMs: fc.nat(500) }),
      fc.record({ type: fc.constant("collapse" as const) }),
      fc.record({ type: fc.constant("undo" as const) }),
      fc.record({
        type: fc.constant("resize" as const),
        bytes: fc.integer(ALL_SIZES),
      }),
      fc.record({
        type: fc.constant("wait" as const),
        ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 131_014, max: 2 ** 24 }),
        fc.array(operation, { maxLength: 100, size: "max" }),
        (maxWindowBytes, operations) => {
          const controller = subject.create({ maxWindowBytes });
          let datagramBytes = DATAGRAM;
          let now = 0;
          let sent = 0;
          let reducedBytes = 0;
          for (const each of operations) {
            const { windowBytes } = controller;
            switch (each.type) {
              case "ack":
                for (let count = 0; count < each.count; count++) {
                  controller.onPacketAcked(
                    now,
                    {
                      packetNumber: Math.max(0, sent - 1),
                      sentAt: now - each.ageMs,
                      sizeBytes: each.sizeBytes,
                    },
                    rtt(each.rttMs),
                    each.isAppLimited,
                  );
                }
                break;
              case "send":
                for (let count = 1; count <= each.count; count++) {
                  controller.onPacketSent(now, {
                    packetNumber: sent++,
                    sentAt: now,
                    sizeBytes: datagramBytes,
                  }, count * datagramBytes);
                }
                break;
              case "lose":
                if (controller.onCongestionEvent(now, now - each.ageMs)) {
                  reducedBytes = windowBytes;
                }
                break;
              case "undo":
                controller.undoCongestionEvent(now);
                assert.ok(controller.windowBytes >= windowBytes);
                assert.ok(
                  controller.windowBytes <= Math.max(windowBytes, reducedBytes),
                );
                reducedBytes = 0;
                break;
              case "collapse":
                controller.onPersistentCongestion(now);
                break;
              case "resize":
                datagramBytes = each.bytes;
                controller.setMaxDatagramBytes(datagramBytes);
                break;
              case "wait":
                now += each.ms;
            }
            assert.ok(Number.isSafeInteger(controller.windowBytes));
            assert.ok(controller.windowBytes >= 2 * datagramBytes);
            assert.ok(controller.windowBytes <= maxWindowBytes);
          }
        },
      ),
    );
  });
}
