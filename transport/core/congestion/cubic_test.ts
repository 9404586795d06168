import assert from "node:assert/strict";
import { Cubic } from "./cubic.ts";

const DATAGRAM = 1_200;

function rttOf(rttMs: number): {
  smoothedRttMs: number;
  minRttMs: number;
  latestRttMs: number;
} {
  return { smoothedRttMs: rttMs, minRttMs: rttMs, latestRttMs: rttMs };
}

/** Acknowledges one full window, datagram by datagram, sent one RTT before. */
function ackWindow(cubic: Cubic, now: number, rttMs: number): void {
  const rtt = rttOf(rttMs);
  const count = Math.floor(cubic.windowBytes / DATAGRAM);
  for (let index = 0; index < count; index++) {
    const packet = {
      packetNumber: 0,
      sentAt: now - rttMs,
      sizeBytes: DATAGRAM,
    };
    cubic.onPacketAcked(now, packet, rtt, false);
  }
}

/** A controller that lost something at `now` with a window of `datagrams`. */
function reducedFrom(datagrams: number, now: number): Cubic {
  const cubic = new Cubic({ initialWindowBytes: datagrams * DATAGRAM });
  cubic.onCongestionEvent(now, now);
  return cubic;
}

Deno.test("Cubic starts in slow start with 32 KiB", () => {
  const cubic = new Cubic();
  assert.equal(cubic.windowBytes, 32 * 1024);
  assert.equal(cubic.slowStartThresholdBytes, Infinity);
  assert.equal(cubic.isInSlowStart, true);
});

Deno.test("Cubic grows by what was acknowledged in slow start (RFC 9002 §7.3.1)", () => {
  const cubic = new Cubic();
  cubic.onPacketAcked(
    50,
    { packetNumber: 0, sentAt: 0, sizeBytes: 1_000 },
    rttOf(50),
    false,
  );
  assert.equal(cubic.windowBytes, 32 * 1024 + 1_000);
});

Deno.test("Cubic does not grow while the application is the limit (RFC 9002 §7.8)", () => {
  const cubic = new Cubic();
  for (let now = 0; now < 1_000; now++) {
    cubic.onPacketAcked(
      now,
      { packetNumber: 0, sentAt: now, sizeBytes: 1_200 },
      rttOf(1),
      true,
    );
  }
  assert.equal(cubic.windowBytes, 32 * 1024);
});

Deno.test("Cubic keeps 0.7 of the window at a loss (RFC 9438 §4.6)", () => {
  const cubic = reducedFrom(100, 10);
  assert.equal(cubic.windowBytes, 84_000);
  assert.equal(cubic.slowStartThresholdBytes, 84_000);
  assert.equal(cubic.isInSlowStart, false);
});

Deno.test("Cubic answers the losses of one round trip once (RFC 9002 §7.3.2)", () => {
  const cubic = reducedFrom(100, 10);
  cubic.onCongestionEvent(15, 9);
  cubic.onCongestionEvent(16, 10);
  assert.equal(cubic.windowBytes, 84_000);
  cubic.onCongestionEvent(40, 20);
  assert.ok(Math.abs(cubic.windowBytes - 58_800) <= 1);
});

Deno.test("Cubic does not grow from packets sent before the loss was found (RFC 9002 §7.3.2)", () => {
  const cubic = reducedFrom(100, 10);
  cubic.onPacketAcked(
    12,
    { packetNumber: 0, sentAt: 10, sizeBytes: 1_200 },
    rttOf(50),
    false,
  );
  assert.equal(cubic.windowBytes, 84_000);
  cubic.onPacketAcked(
    62,
    { packetNumber: 0, sentAt: 11, sizeBytes: 1_200 },
    rttOf(50),
    false,
  );
  assert.ok(cubic.windowBytes > 84_000);
});

Deno.test("Cubic is back at its plateau K seconds after a loss, slows there, then speeds up (RFC 9438 §4.2)", () => {
  // K = cbrt(1000 * 0.3 / 0.4) = 9.09 s; the RTT keeps Reno far below
  const datagrams = 1_000;
  const cubic = reducedFrom(datagrams, 0);
  const rttMs = 100;
  const plateauMs = Math.cbrt(datagrams * 0.3 / 0.4) * 1000;
  const growth: number[] = [];
  let reachedAt = Infinity;
  for (let now = 2 * rttMs; now < 2 * plateauMs; now += rttMs) {
    const before = cubic.windowBytes;
    ackWindow(cubic, now, rttMs);
    growth.push(cubic.windowBytes - before);
    if (cubic.windowBytes >= 0.999 * datagrams * DATAGRAM) {
      reachedAt = Math.min(reachedAt, now);
    }
  }
  // the curve is within 0.1 % of the plateau 1.4 s before K
  assert.ok(reachedAt > plateauMs - 2_000 && reachedAt < plateauMs);
  const middle = Math.round(plateauMs / rttMs);
  assert.ok(growth[0]! > 20 * growth[middle]!);
  assert.ok(growth[growth.length - 1]! > 20 * growth[middle]!);
});

Deno.test("Cubic grows no slower than Reno on a short path (RFC 9438 §4.3)", () => {
  const cubic = reducedFrom(20, 0);
  const rttMs = 5;
  let rounds = 0;
  for (let now = 10; rounds < 10; now += rttMs, rounds++) {
    ackWindow(cubic, now, rttMs);
  }
  // about 0.53 datagrams per RTT, where the curve alone gives next to nothing
  const grown = (cubic.windowBytes - 14 * DATAGRAM) / DATAGRAM;
  assert.ok(grown > 4.5 && grown < 6, `${grown}`);
});

Deno.test("Cubic never grows by more than half a window per round trip in congestion avoidance (RFC 9438 §4.2)", () => {
  const cubic = reducedFrom(10, 0);
  for (let now = 1_000; now < 60_000; now += 1_000) {
    const before = cubic.windowBytes;
    ackWindow(cubic, now, 1_000);
    assert.ok(cubic.windowBytes <= 1.5 * before + 1);
  }
});

Deno.test("Cubic gives up room when it loses below its plateau (RFC 9438 §4.7)", () => {
  const once = reducedFrom(1_000, 0);
  const twice = reducedFrom(1_000, 0);
  // the same window of 490 datagrams, reached from 700 directly or below 1000
  twice.onCongestionEvent(100, 50);
  const fresh = reducedFrom(700, 100);
  assert.equal(once.windowBytes, 700 * DATAGRAM);
  assert.ok(Math.abs(twice.windowBytes - fresh.windowBytes) <= 1);
  for (let now = 300; now < 20_000; now += 100) {
    ackWindow(twice, now, 100);
    ackWindow(fresh, now, 100);
    if (now === 6_000) assert.ok(twice.windowBytes < fresh.windowBytes);
  }
});

Deno.test("Cubic does not count an idle time as growth (RFC 9438 §4.2)", () => {
  const busy = reducedFrom(1_000, 0);
  const idle = reducedFrom(1_000, 0);
  let now = 200;
  for (; now < 2_000; now += 100) {
    ackWindow(busy, now, 100);
    ackWindow(idle, now, 100);
  }
  const pauseMs = 3_600_000;
  const packet = { packetNumber: 0, sentAt: now - 100, sizeBytes: DATAGRAM };
  busy.onPacketSent(now - 100, packet, DATAGRAM);
  idle.onPacketSent(
    now + pauseMs - 100,
    { ...packet, sentAt: now + pauseMs - 100 },
    DATAGRAM,
  );
  for (let round = 0; round < 20; round++, now += 100) {
    ackWindow(busy, now, 100);
    ackWindow(idle, now + pauseMs, 100);
    assert.ok(Math.abs(idle.windowBytes - busy.windowBytes) <= 1);
  }
});

Deno.test("Cubic does not count an app-limited time as growth (RFC 9438 §4.2)", () => {
  const cubic = reducedFrom(1_000, 0);
  ackWindow(cubic, 200, 100);
  const before = cubic.windowBytes;
  for (let now = 300; now < 100_000; now += 100) {
    cubic.onPacketAcked(
      now,
      { packetNumber: 0, sentAt: now - 100, sizeBytes: 1_200 },
      rttOf(100),
      true,
    );
  }
  assert.equal(cubic.windowBytes, before);
  ackWindow(cubic, 100_000, 100);
  // one round trip worth of growth, not 100 s worth
  assert.ok(cubic.windowBytes < before * 1.1);
});

Deno.test("Cubic goes on with its curve where it stood before a reduction that is taken back (RFC 4015)", () => {
  const undone = reducedFrom(1_000, 0);
  const spared = reducedFrom(1_000, 0);
  const pauseMs = 300;
  for (let now = 200; now < 12_000; now += 100) {
    // the pause is no time to grow in
    ackWindow(undone, now < 4_000 ? now : now + pauseMs, 100);
    ackWindow(spared, now, 100);
    if (now === 3_900) {
      undone.onCongestionEvent(now, now);
      undone.undoCongestionEvent(now + pauseMs);
    }
    assert.ok(Math.abs(undone.windowBytes - spared.windowBytes) <= 1);
  }
});

Deno.test("Cubic starts its curve anew when a reduction is taken back and the datagrams have another size", () => {
  const cubic = reducedFrom(1_000, 0);
  for (let now = 200; now < 4_000; now += 100) ackWindow(cubic, now, 100);
  const { windowBytes } = cubic;
  cubic.onCongestionEvent(4_000, 4_000);
  cubic.setMaxDatagramBytes(9_000);
  cubic.undoCongestionEvent(4_020);
  assert.equal(cubic.windowBytes, windowBytes);
  for (let now = 4_200; now < 5_000; now += 100) ackWindow(cubic, now, 100);
  // the old curve would be far below its plateau still, in datagrams of this size
  assert.ok(cubic.windowBytes > 1.01 * windowBytes);
  assert.ok(cubic.windowBytes < 1.2 * windowBytes);
});

Deno.test("Cubic does not end its first slow start early by what was sent before a reduction was taken back (RFC 9406 §4.3)", () => {
  for (const isReduced of [false, true]) {
    const cubic = new Cubic({ initialWindowBytes: 100 * DATAGRAM });
    let now = 0;
    let packetNumber = 0;
    const thresholds: number[] = [];
    // slower from the second round on: five conservative rounds follow
    for (let round = 0; round < 7; round++) {
      const rttMs = round === 0 ? 50 : 70;
      const packets = Array.from({ length: 20 }, (_, index) => ({
        packetNumber: packetNumber++,
        sentAt: now + index,
        sizeBytes: DATAGRAM,
      }));
      for (const [index, packet] of packets.entries()) {
        cubic.onPacketSent(packet.sentAt, packet, (index + 1) * DATAGRAM);
        if (!isReduced || round !== 3) continue;
        if (index === 2) cubic.onCongestionEvent(now + 2, now);
        if (index === 19) cubic.undoCongestionEvent(now + 19);
      }
      for (const packet of packets) {
        cubic.onPacketAcked(
          packet.sentAt + rttMs,
          packet,
          rttOf(rttMs),
          false,
        );
      }
      now += 200;
      thresholds.push(cubic.slowStartThresholdBytes);
    }
    const finite = thresholds.findIndex(Number.isFinite);
    assert.equal(finite, 6, isReduced ? "reduced" : "not reduced");
  }
});

Deno.test("Cubic still ends its first slow start by delay when a reduction in it is taken back (RFC 9406)", () => {
  const cubic = new Cubic({ initialWindowBytes: 100 * DATAGRAM });
  let now = 0;
  let packetNumber = 0;
  // eight samples a round, each round with 10 ms more
  for (let round = 0; round < 20 && cubic.isInSlowStart; round++) {
    const rttMs = 50 + 10 * round;
    const first = packetNumber;
    for (let index = 0; index < 8; index++) {
      const packet = {
        packetNumber: packetNumber++,
        sentAt: now,
        sizeBytes: 1,
      };
      cubic.onPacketSent(now, packet, (index + 1) * DATAGRAM);
    }
    if (round === 1) {
      cubic.onCongestionEvent(now + 1, now);
      cubic.undoCongestionEvent(now + 2);
    }
    for (let index = 0; index < 8; index++) {
      const packet = { packetNumber: first + index, sentAt: now, sizeBytes: 1 };
      cubic.onPacketAcked(now + rttMs + index, packet, rttOf(rttMs), false);
    }
    now += rttMs + 10;
  }
  assert.equal(cubic.isInSlowStart, false);
  assert.equal(Math.floor(cubic.slowStartThresholdBytes), cubic.windowBytes);
});

Deno.test("Cubic falls to two datagrams and slow start at persistent congestion (RFC 9002 §7.6.2)", () => {
  const cubic = reducedFrom(100, 10);
  cubic.onPersistentCongestion(10);
  assert.equal(cubic.windowBytes, 2 * DATAGRAM);
  assert.equal(cubic.isInSlowStart, true);
  assert.equal(cubic.slowStartThresholdBytes, 84_000);
  ackWindow(cubic, 100, 50);
  assert.equal(cubic.windowBytes, 4 * DATAGRAM);
});

Deno.test("Cubic.setMaxDatagramBytes() raises the window to two datagrams (RFC 9002 §7.2)", () => {
  const cubic = new Cubic();
  cubic.setMaxDatagramBytes(60_000);
  assert.equal(cubic.windowBytes, 120_000);
});
