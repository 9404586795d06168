import assert from "node:assert/strict";
import fc from "fast-check";
import { IdleTimers } from "./idle_timers.ts";

function keepAliveOf(spread: number): number {
  const timers = new Map<string, number>();
  const config = { idleTimeoutMs: 9_000, keepAliveIntervalMs: 2_000 };
  const idle = new IdleTimers(
    { set: (name, at) => void timers.set(name, at) },
    config,
    spread,
  );
  idle.onReceived(1_000, 30);
  assert.equal(timers.get("idle"), 10_000);
  return timers.get("keep-alive")! - 1_000;
}

Deno.test("IdleTimers asks no later than its interval, and each connection at a time of its own", () => {
  assert.equal(keepAliveOf(0), 2_000);
  assert.equal(keepAliveOf(1), 1_500);
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (one, other) => {
        const difference = keepAliveOf(one) - keepAliveOf(other);
        assert.ok(Math.abs(difference - (other - one) * 500) < 1e-6);
      },
    ),
  );
});
