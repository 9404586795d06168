/**
 * Calls over a path that loses datagrams at random (issue "Transport to trust"):
 * one in a hundred, and the slowest one in a hundred calls still takes no more
 * than two and a half round trips, whether calls come one by one or together.
 */
import assert from "node:assert/strict";
import { measureCalls } from "./call_latency.ts";

const RTT_MS = 50;

for (const intervalMs of [undefined, 100, 20, 5]) {
  const how = intervalMs === undefined
    ? "one after the other"
    : `every ${intervalMs} ms`;
  Deno.test(`99 of 100 calls take 2.5 round trips at most at 1 % loss, ${how}`, () => {
    const callMs = [1, 2].flatMap((seed) =>
      measureCalls({
        rttMs: RTT_MS,
        lossRate: 0.01,
        callCount: 2_000,
        callBytes: 256,
        intervalMs,
        seed,
      })
    ).sort((left, right) => left - right);
    assert.equal(callMs.length, 4_000);
    const p99 = callMs[Math.ceil(0.99 * callMs.length) - 1]!;
    assert.ok(p99 <= 2.5 * RTT_MS, `p99 ${p99} ms`);
    // The loss is real, and nothing is faster than the path.
    assert.ok(p99 > 1.5 * RTT_MS, `p99 ${p99} ms`);
    assert.ok(callMs[0]! >= RTT_MS, `${callMs[0]} ms`);
  });
}
