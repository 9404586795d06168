import assert from "node:assert/strict";
import { TimerQueue } from "../internal/timer_queue.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { CallTimer, type TimeLimit } from "./call_timer.ts";

function start(limits: { totalMs?: number; idleMs?: number }): {
  clock: TimerClock;
  timer: CallTimer;
  expired: TimeLimit[];
} {
  const clock = new TimerClock();
  const expired: TimeLimit[] = [];
  const timer = new CallTimer(new TimerQueue(clock), limits, {
    handleTimeLimit: (limit) => expired.push(limit),
  });
  return { clock, timer, expired };
}

Deno.test("CallTimer ends the call at the total limit, whatever progress it makes", () => {
  const { clock, timer, expired } = start({ totalMs: 100, idleMs: 30 });
  for (let step = 0; step < 9; step++) {
    timer.wait();
    clock.advance(11);
    timer.progress();
  }
  assert.deepEqual(expired, []);
  clock.advance(1);
  assert.deepEqual(expired, ["total"]);
});

Deno.test("CallTimer ends the call when one wait is longer than the idle limit", () => {
  const { clock, timer, expired } = start({ totalMs: 1_000, idleMs: 30 });
  timer.wait();
  clock.advance(29);
  assert.deepEqual(expired, []);
  clock.advance(1);
  assert.deepEqual(expired, ["idle"]);
  clock.advance(10_000);
  assert.deepEqual(expired, ["idle"]);
});

Deno.test("CallTimer does not count the time of a slow reader as idle", () => {
  const { clock, timer, expired } = start({ idleMs: 30 });
  timer.wait();
  clock.advance(20);
  timer.progress();
  clock.advance(1_000);
  timer.wait();
  clock.advance(29);
  assert.deepEqual(expired, []);
});

Deno.test("CallTimer.resume() starts a wait anew and nothing else", () => {
  const { clock, timer, expired } = start({ idleMs: 30 });
  timer.resume();
  clock.advance(100);
  timer.wait();
  clock.advance(20);
  timer.resume();
  clock.advance(20);
  assert.deepEqual(expired, []);
  clock.advance(10);
  assert.deepEqual(expired, ["idle"]);
});

Deno.test("CallTimer.pause() stops the idle limit, and not the total one, until it is resumed", () => {
  const { clock, timer, expired } = start({ totalMs: 1_000, idleMs: 30 });
  timer.wait();
  timer.pause();
  clock.advance(100);
  timer.wait();
  clock.advance(100);
  timer.resume();
  clock.advance(29);
  assert.deepEqual(expired, []);
  clock.advance(1);
  assert.deepEqual(expired, ["idle"]);
  const other = start({ totalMs: 1_000, idleMs: 30 });
  other.timer.wait();
  other.timer.pause();
  other.clock.advance(1_000);
  assert.deepEqual(other.expired, ["total"]);
});

Deno.test("CallTimer.remainingMs shrinks to zero and is absent without a limit", () => {
  const { clock, timer } = start({ totalMs: 100 });
  assert.equal(timer.remainingMs, 100);
  clock.advance(40);
  assert.equal(timer.remainingMs, 60);
  clock.advance(100);
  assert.equal(timer.remainingMs, 0);
  assert.equal(start({}).timer.remainingMs, undefined);
});

Deno.test("CallTimer.stop() leaves no timer behind", () => {
  const { clock, timer } = start({ totalMs: 100, idleMs: 30 });
  timer.wait();
  timer.stop();
  assert.equal(clock.timerCount, 0);
});
