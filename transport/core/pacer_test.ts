import assert from "node:assert/strict";
import fc from "fast-check";
import { Pacer } from "./pacer.ts";

const DATAGRAM = 1_200;

function pacerOf(
  path: { windowBytes?: number; isInSlowStart?: boolean; rttMs?: number } = {},
): Pacer {
  const { windowBytes = 120_000, isInSlowStart = false, rttMs = 100 } = path;
  return new Pacer(
    { windowBytes, isInSlowStart },
    { smoothedRttMs: rttMs, minRttMs: rttMs },
  );
}

/** Sends as much as the pacer permits at `now`; returns how many datagrams. */
function burst(pacer: Pacer, now: number, limit = 10_000): number {
  let count = 0;
  while (count < limit && pacer.nextSendAt(now, DATAGRAM) <= now) {
    pacer.onPacketSent(now, DATAGRAM);
    count++;
  }
  return count;
}

Deno.test("Pacer lets ten datagrams go at once, then waits (RFC 9002 §7.7)", () => {
  const pacer = pacerOf();
  assert.equal(burst(pacer, 0), 10);
  const at = pacer.nextSendAt(0, DATAGRAM);
  assert.equal(at, DATAGRAM / pacer.bytesPerMs);
  assert.equal(pacer.nextSendAt(at, DATAGRAM), at);
});

Deno.test("Pacer.bytesPerMs is 1.25 windows per RTT, and 2 in slow start (RFC 9002 §7.7)", () => {
  assert.equal(pacerOf().bytesPerMs, 1_500);
  assert.equal(pacerOf({ isInSlowStart: true }).bytesPerMs, 2_400);
});

Deno.test("Pacer sends 1.25 windows in one RTT after the burst (RFC 9002 §7.7)", () => {
  const pacer = pacerOf({ windowBytes: 1_200_000 });
  let now = 0;
  burst(pacer, now);
  let count = 0;
  for (;;) {
    now = pacer.nextSendAt(now, DATAGRAM);
    if (now > 100) break;
    pacer.onPacketSent(now, DATAGRAM);
    count++;
  }
  assert.ok(Math.abs(count - 1_250) <= 2, `${count}`);
});

Deno.test("Pacer saves no more than one burst while idle (RFC 9002 §7.7)", () => {
  const pacer = pacerOf();
  burst(pacer, 0);
  assert.equal(burst(pacer, 3_600_000), 10);
});

Deno.test("Pacer lets a fast path send what a late timer missed", () => {
  const pacer = pacerOf({ windowBytes: 120_000, rttMs: 10 });
  // 15 KB per ms, 4 ms of it
  assert.equal(burst(pacer, 0), 50);
});

Deno.test("Pacer sends its rate with timers that are 3 ms late", () => {
  for (const rttMs of [1, 2, 5, 10]) {
    const pacer = pacerOf({ windowBytes: 60_000, rttMs });
    burst(pacer, 0);
    let count = 0;
    let now = 0;
    while (now < 1_000) {
      now = Math.ceil(pacer.nextSendAt(now, DATAGRAM)) + 2.1;
      count += burst(pacer, now);
    }
    // acknowledgements come between the timers where the RTT is shorter
    const windows = count * DATAGRAM / 60_000 / (1_000 / Math.max(rttMs, 4));
    assert.ok(windows >= 1, `${windows} at ${rttMs} ms`);
  }
});

Deno.test("Pacer lets no more go at once than a receive buffer holds", () => {
  const pacer = pacerOf({ windowBytes: 12_000_000, rttMs: 10 });
  assert.equal(burst(pacer, 0), 64);
  pacer.setMaxDatagramBytes(32_500);
  assert.equal(pacer.burstBytes, 4 * 32_500);
});

Deno.test("Pacer does not pace a short path whose receiver falls behind", () => {
  const pacer = new Pacer(
    { windowBytes: 120_000, isInSlowStart: false },
    { smoothedRttMs: 5, minRttMs: 0.1 },
  );
  assert.equal(pacer.isPaced, false);
  assert.equal(pacer.bytesPerMs, Infinity);
});

Deno.test("Pacer does not pace below an RTT of 1 ms", () => {
  const pacer = pacerOf({ rttMs: 0.99 });
  assert.equal(burst(pacer, 0), 10_000);
  assert.equal(pacer.bytesPerMs, Infinity);
});

Deno.test("Pacer paces again when the RTT rises", () => {
  const rtt = { smoothedRttMs: 0.1, minRttMs: 0.1 };
  const pacer = new Pacer({ windowBytes: 120_000, isInSlowStart: false }, rtt);
  burst(pacer, 0, 1_000);
  rtt.smoothedRttMs = 100;
  rtt.minRttMs = 100;
  assert.ok(burst(pacer, 1) <= 10);
  assert.ok(pacer.nextSendAt(1, DATAGRAM) > 1);
});

Deno.test("Pacer.onPacketSent() owes one burst at most for probes sent without asking", () => {
  const pacer = pacerOf();
  for (let count = 0; count < 1_000; count++) pacer.onPacketSent(0, DATAGRAM);
  assert.ok(
    pacer.nextSendAt(0, DATAGRAM) <= (10 + 1) * DATAGRAM / pacer.bytesPerMs,
  );
});

Deno.test("Pacer.setMaxDatagramBytes() scales the burst", () => {
  const pacer = pacerOf();
  assert.equal(pacer.burstBytes, 12_000);
  pacer.setMaxDatagramBytes(1_452);
  assert.equal(pacer.burstBytes, 14_520);
  pacer.setMaxDatagramBytes(9_000);
  assert.equal(pacer.burstBytes, 8 * 9_000);
});

Deno.test("Pacer.nextSendAt() lets a datagram larger than the burst pass when the bucket is full", () => {
  const pacer = pacerOf();
  assert.equal(pacer.nextSendAt(0, 60_000), 0);
  pacer.onPacketSent(0, 60_000);
  const at = pacer.nextSendAt(0, 60_000);
  assert.ok(at > 0 && Number.isFinite(at));
  assert.ok(pacer.nextSendAt(at, 60_000) <= at);
});

Deno.test("Pacer.nextSendAt() permits at the instant it named, and not much more than its rate", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2_400, max: 2 ** 24 }),
      fc.double({ min: 1, max: 5_000, noNaN: true }),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.array(fc.integer({ min: 1, max: 1_200 }), {
        minLength: 1,
        maxLength: 100,
      }),
      (windowBytes, rttMs, start, sizes) => {
        const pacer = pacerOf({ windowBytes, rttMs });
        let now = start;
        let sent = 0;
        for (const size of sizes) {
          const at = pacer.nextSendAt(now, size);
          assert.ok(at >= now && Number.isFinite(at));
          now = at;
          assert.ok(pacer.nextSendAt(now, size) <= now);
          pacer.onPacketSent(now, size);
          sent += size;
          const allowed = pacer.burstBytes + (now - start) * pacer.bytesPerMs;
          assert.ok(sent <= allowed * 1.001 + 10);
        }
      },
    ),
  );
});
