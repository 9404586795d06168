import assert from "node:assert/strict";
import {
  CSS_ROUNDS,
  HyStart,
  MAX_RTT_THRESHOLD_MS,
  MIN_ROUND_SAMPLES,
  MIN_RTT_THRESHOLD_MS,
} from "./hystart.ts";

/** Rounds of packets, each acknowledged alone. */
class Path {
  readonly hystart = new HyStart();
  #now = 0;
  #nextPacketNumber = 0;

  /** Sends a round and acknowledges it: one RTT sample for each packet. */
  round(rttsMs: readonly number[]): void {
    const first = this.#nextPacketNumber;
    this.#nextPacketNumber += rttsMs.length;
    for (let number = first; number < this.#nextPacketNumber; number++) {
      this.hystart.onPacketSent(number);
    }
    rttsMs.forEach((rttMs, index) => {
      this.hystart.onPacketAcked(++this.#now, first + index, rttMs);
    });
  }

  /** A round of as many samples as a judgement takes. */
  evenRound(rttMs: number, count: number = MIN_ROUND_SAMPLES): void {
    this.round(new Array(count).fill(rttMs));
  }
}

/** A path of 40 ms whose first two rounds were measured. */
function settledPath(rttMs = 40): Path {
  const path = new Path();
  path.evenRound(rttMs);
  path.evenRound(rttMs);
  return path;
}

Deno.test("HyStart stays in slow start while the RTT does not rise (RFC 9406 §4.2)", () => {
  const path = settledPath();
  for (let round = 0; round < 100; round++) path.evenRound(40 + round % 3);
  assert.equal(path.hystart.isConservative, false);
  assert.equal(path.hystart.isDone, false);
});

Deno.test("HyStart becomes conservative when the RTT of a round rises by an eighth (RFC 9406 §4.2)", () => {
  const justBelow = settledPath();
  justBelow.evenRound(44.9);
  assert.equal(justBelow.hystart.isConservative, false);
  const path = settledPath();
  path.evenRound(45);
  assert.equal(path.hystart.isConservative, true);
  assert.equal(path.hystart.isDone, false);
});

Deno.test("HyStart counts no rise below 4 ms, and any of 16 ms (RFC 9406 §4.3)", () => {
  for (
    const [rttMs, threshold] of [
      [1, MIN_RTT_THRESHOLD_MS],
      [600, MAX_RTT_THRESHOLD_MS],
    ] as const
  ) {
    const below = settledPath(rttMs);
    below.evenRound(rttMs + threshold - 0.1);
    assert.equal(below.hystart.isConservative, false);
    const path = settledPath(rttMs);
    path.evenRound(rttMs + threshold);
    assert.equal(path.hystart.isConservative, true);
  }
});

Deno.test("HyStart does not judge by fewer than 8 samples (RFC 9406 §4.3)", () => {
  const path = settledPath();
  path.evenRound(80, MIN_ROUND_SAMPLES - 1);
  assert.equal(path.hystart.isConservative, false);
});

Deno.test("HyStart takes packets acknowledged together for one sample (RFC 9406 §4.2)", () => {
  const hystart = settledPath().hystart;
  for (let number = 16; number < 64; number++) hystart.onPacketSent(number);
  for (let number = 16; number < 64; number++) {
    hystart.onPacketAcked(100, number, 80);
  }
  assert.equal(hystart.isConservative, false);
});

Deno.test("HyStart judges by the smallest sample of a round: one late acknowledgement is no rise (RFC 9406 §4.2)", () => {
  const path = settledPath();
  path.round([90, 90, 90, 90, 90, 90, 90, 41, 90, 90]);
  assert.equal(path.hystart.isConservative, false);
});

Deno.test("HyStart is done after five rounds of a risen RTT, the first one included (RFC 9406 §4.3)", () => {
  const path = settledPath();
  for (let round = 1; round <= CSS_ROUNDS; round++) {
    path.evenRound(60);
    assert.equal(path.hystart.isDone, false, `round ${round}`);
  }
  // a round ends when something arrives that was sent after its start
  path.round([60]);
  assert.equal(path.hystart.isDone, true);
});

Deno.test("HyStart goes back to slow start when the RTT falls again (RFC 9406 §4.2)", () => {
  const path = settledPath();
  path.evenRound(60);
  path.evenRound(60);
  assert.equal(path.hystart.isConservative, true);
  path.evenRound(42);
  assert.equal(path.hystart.isConservative, false);
  // and takes a later rise for a new one, of five rounds
  path.evenRound(42);
  path.evenRound(60);
  assert.equal(path.hystart.isConservative, true);
  path.evenRound(60);
  assert.equal(path.hystart.isDone, false);
});

Deno.test("HyStart sees its rounds in packet numbers with gaps (RFC 9406 §4.2)", () => {
  const hystart = new HyStart();
  let now = 0;
  for (let round = 0; round < 3; round++) {
    const numbers = Array.from(
      { length: 10 },
      (_, index) => round * 1_000 + index * 7,
    );
    for (const number of numbers) hystart.onPacketSent(number);
    for (const number of numbers) {
      hystart.onPacketAcked(++now, number, 40 + 20 * Math.max(0, round - 1));
    }
  }
  assert.equal(hystart.isConservative, true);
});
