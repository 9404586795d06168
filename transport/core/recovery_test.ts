import assert from "node:assert/strict";
import { MAX_UNPACED_KERNEL_BYTES } from "./receive_buffer.ts";
import { Recovery, type RecoveryOptions } from "./recovery.ts";

const SIZE_BYTES = 1_200;
const INITIAL_WINDOW_BYTES = 32 * 1024;

/** A recovery, and the packets that went through it. */
class Path {
  readonly recovery: Recovery;
  now = 1_000;
  #nextNumber = 0;

  constructor(options: Partial<RecoveryOptions> = {}) {
    this.recovery = new Recovery({
      initialRttMs: 100,
      congestionControl: "cubic",
      isLoopback: false,
      maxAckDelayMs: 5,
      handshakeRttMs: 100,
      maxDatagramBytes: SIZE_BYTES,
      ...options,
    });
  }

  /** Sends packets at once; returns the number of the last one. */
  send(count: number): number {
    for (let i = 0; i < count; i++) {
      this.recovery.onPacketSent(this.now, {
        packetNumber: this.#nextNumber++,
        sentAt: this.now,
        sizeBytes: SIZE_BYTES,
        isAckEliciting: true,
        isInFlight: true,
        frames: [],
        isMtuProbe: false,
      });
    }
    return this.#nextNumber - 1;
  }

  /** Acknowledges the numbers of a stretch, both ends included. */
  acknowledge(first: number, last: number): number {
    const { lost } = this.recovery.handleAck(this.now, {
      largest: last,
      delayMicros: 0,
      ranges: [{ start: first, end: last + 1 }],
    });
    return lost.length;
  }
}

Deno.test("Recovery collapses the window when everything was lost for long (RFC 9002 §7.6)", () => {
  for (const [silenceMs, isPersistent] of [[100, false], [3_000, true]]) {
    const path = new Path();
    path.send(1);
    path.now += 100;
    path.acknowledge(0, 0);
    path.now += 1;
    path.send(5);
    path.now += Number(silenceMs);
    path.send(5);
    path.now += 100;
    const last = path.send(4);
    path.now += 100;
    // Numbers 1 to 10 are missing: all that was sent over the silence.
    assert.equal(path.acknowledge(last - 3, last), 10);
    const { congestionWindowBytes } = path.recovery.stats;
    assert.equal(congestionWindowBytes === 2 * SIZE_BYTES, isPersistent);
  }
});

Deno.test("Recovery forgets the old path: no sample, no growth, no loss of it counts for the new one (RFC 9000 §9.4)", () => {
  const path = new Path();
  path.send(20);
  path.now += 100;
  path.recovery.handlePathChange({
    isLoopback: false,
    maxDatagramBytes: SIZE_BYTES,
  });
  const { recovery } = path;
  assert.equal(recovery.stats.bytesInFlight, 0);
  assert.equal(recovery.stats.congestionWindowBytes, INITIAL_WINDOW_BYTES);
  const first = path.send(1);
  path.now += 50;
  // Late acknowledgements of the old path, with losses.
  assert.equal(path.acknowledge(10, 19), 10);
  path.now += 400;
  recovery.handleTimeout(path.now);
  assert.equal(recovery.stats.congestionWindowBytes, INITIAL_WINDOW_BYTES);
  assert.equal(recovery.stats.smoothedRttMs, 0);
  assert.equal(recovery.stats.bytesInFlight, SIZE_BYTES);
  path.acknowledge(first, first);
  assert.equal(recovery.stats.smoothedRttMs, 450);
  assert.equal(recovery.stats.bytesInFlight, 0);
  assert.ok(recovery.stats.congestionWindowBytes >= INITIAL_WINDOW_BYTES);
});

/** A path whose window was reduced for the numbers 0 to 2, after four that arrived. */
function reducedPath(options: Partial<RecoveryOptions> = {}): {
  readonly path: Path;
  readonly before: number;
  readonly reduced: number;
} {
  const path = new Path(options);
  path.send(6);
  const before = path.recovery.stats.congestionWindowBytes;
  path.now += 100;
  assert.equal(path.acknowledge(5, 5), 3);
  const reduced = path.recovery.stats.congestionWindowBytes;
  assert.ok(reduced < before);
  return { path, before, reduced };
}

for (const congestionControl of ["cubic", "new-reno"] as const) {
  Deno.test(`Recovery with ${congestionControl} takes a reduction back when all that it was for arrives (RFC 4015)`, () => {
    const { path, before, reduced } = reducedPath({ congestionControl });
    const { recovery } = path;
    path.now += 10;
    path.acknowledge(0, 1);
    assert.equal(recovery.stats.congestionWindowBytes, reduced);
    assert.equal(recovery.metrics.isInSlowStart, false);
    path.acknowledge(0, 2);
    assert.ok(recovery.stats.congestionWindowBytes >= before);
    assert.equal(recovery.metrics.slowStartThresholdBytes, Infinity);
    assert.equal(recovery.stats.packetsLost, 3);
    assert.equal(recovery.stats.packetsLostSpuriously, 3);
  });
}

Deno.test("Recovery goes by the first thresholds again after 16 reductions without reordering (RFC 8985 §6.2 step 4)", () => {
  const { path } = reducedPath();
  path.acknowledge(0, 4);
  /** Sends six, of which the last arrives; returns how many are lost at once. */
  const lose = (): number => {
    path.now += 1;
    const last = path.send(6);
    path.now += 100;
    const count = path.acknowledge(last, last);
    path.now += 1_000;
    path.recovery.handleTimeout(path.now);
    return count;
  };
  const counts = Array.from({ length: 18 }, lose);
  // of the five, three are below the first threshold, none is below 11
  assert.deepEqual(counts, [...new Array(16).fill(0), 3, 3]);
});

Deno.test("Recovery takes no reduction back for which a packet was lost, in the same round trip either", () => {
  const { path, reduced } = reducedPath();
  path.now += 10;
  // 3 and 4 by the time threshold: of the same flight
  const outcome = path.recovery.handleTimeout(path.now + 100);
  assert.ok(outcome.type === "lost" && outcome.lost.length === 2);
  path.acknowledge(0, 3);
  assert.equal(path.recovery.stats.packetsLostSpuriously, 4);
  assert.equal(path.recovery.stats.congestionWindowBytes, reduced);
  path.acknowledge(4, 4);
  assert.ok(path.recovery.stats.congestionWindowBytes > reduced);
});

Deno.test("Recovery takes no reduction back after another one", () => {
  const { path } = reducedPath();
  path.acknowledge(3, 4);
  path.now += 1;
  path.send(8);
  path.now += 100;
  assert.equal(path.acknowledge(13, 13), 5);
  const { congestionWindowBytes } = path.recovery.stats;
  path.acknowledge(0, 2);
  assert.equal(path.recovery.stats.packetsLostSpuriously, 3);
  assert.equal(
    path.recovery.stats.congestionWindowBytes,
    congestionWindowBytes,
  );
});

Deno.test("Recovery takes no reduction back after persistent congestion, or for another path", () => {
  const lost = reducedPath().path;
  lost.acknowledge(3, 4);
  lost.now += 1;
  lost.send(5);
  lost.now += 1_000;
  lost.send(5);
  lost.now += 100;
  const last = lost.send(4);
  lost.now += 100;
  assert.equal(lost.acknowledge(last - 3, last), 10);
  assert.equal(lost.recovery.stats.congestionWindowBytes, 2 * SIZE_BYTES);
  lost.acknowledge(6, 15);
  assert.ok(lost.recovery.stats.packetsLostSpuriously > 0);
  assert.equal(lost.recovery.stats.congestionWindowBytes, 2 * SIZE_BYTES);

  const left = reducedPath().path;
  left.recovery.handlePathChange({
    isLoopback: false,
    maxDatagramBytes: SIZE_BYTES,
  });
  left.send(6);
  left.now += 100;
  assert.equal(left.acknowledge(11, 11), 5);
  const { congestionWindowBytes } = left.recovery.stats;
  left.acknowledge(0, 2);
  assert.equal(left.recovery.stats.packetsLostSpuriously, 0);
  assert.equal(
    left.recovery.stats.congestionWindowBytes,
    congestionWindowBytes,
  );
});

Deno.test("Recovery counts what is given up with a path as lost", () => {
  const path = new Path();
  const { recovery } = path;
  path.send(20);
  const leave = (): number =>
    recovery.handlePathChange({
      isLoopback: false,
      maxDatagramBytes: SIZE_BYTES,
    }).length;
  assert.equal(leave(), 0, "it may still be acknowledged");
  assert.equal(recovery.stats.packetsLost, 0);
  path.send(3);
  assert.equal(leave(), 20);
  assert.equal(recovery.stats.packetsLost, 20);
});

Deno.test("Recovery.flightLimit is the window, or what a receive buffer takes where nothing is paced", () => {
  const paced = new Path().recovery;
  assert.deepEqual(paced.flightLimit, {
    packets: Math.floor(INITIAL_WINDOW_BYTES / SIZE_BYTES),
    isSought: true,
  });
  const large = new Path({
    isLoopback: true,
    handshakeRttMs: 0.1,
    maxDatagramBytes: 16_200,
  }).recovery;
  assert.equal(large.flightLimit.packets, 2);
  const loopback = new Path({ isLoopback: true, handshakeRttMs: 0.1 });
  // The window grows past what a buffer takes: the buffer is the limit then.
  let acknowledged = 0;
  for (let round = 0; round < 10; round++) {
    const { congestionWindowBytes } = loopback.recovery.stats;
    const last = loopback.send(Math.floor(congestionWindowBytes / SIZE_BYTES));
    loopback.now += 0.1;
    loopback.acknowledge(acknowledged, last);
    acknowledged = last + 1;
  }
  const { congestionWindowBytes } = loopback.recovery.stats;
  assert.ok(congestionWindowBytes > MAX_UNPACED_KERNEL_BYTES);
  assert.deepEqual(loopback.recovery.flightLimit, {
    packets: 64,
    isSought: false,
  });
});

Deno.test("Recovery has as much in flight as the peer's receive buffer takes, and never less than the default one", () => {
  for (
    const [receiveBufferBytes, packets] of [
      [undefined, 64],
      [0, 64],
      [212_992, 64],
      [425_984, 129],
      [2_097_152, 637],
    ] as const
  ) {
    const path = new Path({
      isLoopback: true,
      handshakeRttMs: 0.1,
      receiveBufferBytes,
    });
    let first = 0;
    while (path.recovery.flightLimit.isSought) {
      const { congestionWindowBytes } = path.recovery.stats;
      const last = path.send(Math.floor(congestionWindowBytes / SIZE_BYTES));
      path.now += 0.1;
      path.acknowledge(first, last);
      first = last + 1;
    }
    assert.equal(path.recovery.flightLimit.packets, packets);
    path.send(packets - 1);
    assert.ok(path.recovery.isSendingAllowed(path.now, true));
    path.send(1);
    assert.ok(!path.recovery.isSendingAllowed(path.now, true));
  }
});

Deno.test("Recovery has datagrams leave separately after a probe timeout, on that path", () => {
  const path = new Path();
  path.send(3);
  assert.ok(!path.recovery.isSendingSeparately(path.now));
  path.now = path.recovery.deadline!;
  assert.equal(path.recovery.handleTimeout(path.now).type, "probe");
  assert.ok(path.recovery.isSendingSeparately(path.now));
  // Late, and not lost: one end was held up.
  path.acknowledge(0, 1);
  assert.ok(!path.recovery.isSendingSeparately(path.now));
  path.now = path.recovery.deadline!;
  assert.equal(path.recovery.handleTimeout(path.now).type, "probe");
  assert.ok(path.recovery.isSendingSeparately(path.now));
  path.recovery.handlePathChange({
    isLoopback: false,
    maxDatagramBytes: SIZE_BYTES,
  });
  assert.ok(!path.recovery.isSendingSeparately(path.now));
});
