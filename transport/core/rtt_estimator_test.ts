import assert from "node:assert/strict";
import fc from "fast-check";
import { RttEstimator } from "./rtt_estimator.ts";

Deno.test("RttEstimator starts from the initial RTT (RFC 9002 §5.3, §6.2.2)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  assert.equal(rtt.hasSample, false);
  assert.equal(rtt.smoothedRttMs, 333);
  assert.equal(rtt.rttVarianceMs, 166.5);
  assert.equal(rtt.ptoMs, 333 + 4 * 166.5 + 25);
});

Deno.test("RttEstimator.handleSample() takes the first sample whole, without the ack delay (RFC 9002 §5.3)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(100, 20);
  assert.equal(rtt.hasSample, true);
  assert.equal(rtt.smoothedRttMs, 100);
  assert.equal(rtt.rttVarianceMs, 50);
  assert.equal(rtt.minRttMs, 100);
  assert.equal(rtt.latestRttMs, 100);
});

Deno.test("RttEstimator.handleSample() takes the ack delay out of later samples (RFC 9002 §5.3)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(100, 0);
  rtt.handleSample(130, 20);
  assert.equal(rtt.rttVarianceMs, 0.75 * 50 + 0.25 * 10);
  assert.equal(rtt.smoothedRttMs, 0.875 * 100 + 0.125 * 110);
  assert.equal(rtt.latestRttMs, 130);
});

Deno.test("RttEstimator.handleSample() clamps the ack delay to the maximum (RFC 9002 §5.3)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(100, 0);
  rtt.handleSample(200, 5_000);
  assert.equal(rtt.smoothedRttMs, 0.875 * 100 + 0.125 * 175);
});

Deno.test("RttEstimator.handleSample() never goes below the minimum RTT by an ack delay (RFC 9002 §5.3)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(100, 0);
  rtt.handleSample(110, 20);
  assert.equal(rtt.smoothedRttMs, 0.875 * 100 + 0.125 * 110);
});

Deno.test("RttEstimator.handleSample() keeps the minimum free of the ack delay (RFC 9002 §5.2)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(100, 0);
  rtt.handleSample(90, 25);
  rtt.handleSample(95, 25);
  assert.equal(rtt.minRttMs, 90);
});

Deno.test("RttEstimator.handleSample() ignores a negative ack delay", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(100, 0);
  rtt.handleSample(100, -50);
  assert.equal(rtt.smoothedRttMs, 100);
});

Deno.test("RttEstimator.ptoMs has a variance term of a timer tick at least (RFC 9002 §6.2.1)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 0, granularityMs: 1 });
  rtt.handleSample(0, 0);
  assert.equal(rtt.ptoMs, 1);
});

Deno.test("RttEstimator.resetMinRtt() takes the newest sample (RFC 9002 §5.2)", () => {
  const rtt = new RttEstimator({ maxAckDelayMs: 25 });
  rtt.handleSample(20, 0);
  rtt.handleSample(80, 0);
  rtt.resetMinRtt();
  assert.equal(rtt.minRttMs, 80);
});

Deno.test("RttEstimator keeps the smoothed RTT within the samples, whatever the delays", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.double({ min: 0, max: 1e5, noNaN: true }),
          fc.double({ min: 0, max: 1e9, noNaN: true }),
        ),
        { minLength: 1, maxLength: 50 },
      ),
      (samples) => {
        const rtt = new RttEstimator({ maxAckDelayMs: 25 });
        for (const [rttMs, delayMs] of samples) {
          rtt.handleSample(rttMs, delayMs);
        }
        const all = samples.map(([rttMs]) => rttMs);
        const lowest = Math.min(...all);
        const highest = Math.max(...all);
        assert.equal(rtt.minRttMs, lowest);
        assert.ok(rtt.smoothedRttMs >= lowest - 1e-6);
        assert.ok(rtt.smoothedRttMs <= highest + 1e-6);
        assert.ok(rtt.ptoMs > rtt.smoothedRttMs);
      },
    ),
  );
});
