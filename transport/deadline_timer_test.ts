import assert from "node:assert/strict";
import { DeadlineTimer } from "./deadline_timer.ts";

interface Rig {
  readonly timer: DeadlineTimer;
  /** Delays of the timers that were set, in milliseconds. */
  readonly delays: number[];
  /** How many timers wait now. */
  readonly waiting: () => number;
  /** Lets the timer that waits fire. */
  readonly fire: () => void;
  now: number;
  dueCount: number;
}

/** Runs a test with timers that fire by hand. */
function withManualTimers(test: (rig: Rig) => void): void {
  const real = { setTimeout, clearTimeout };
  const tasks = new Map<number, () => void>();
  const delays: number[] = [];
  const fake = {
    setTimeout: (task: () => void, delayMs: number): number => {
      tasks.set(delays.push(delayMs), task);
      return delays.length;
    },
    clearTimeout: (id: number | undefined): void => {
      tasks.delete(id ?? 0);
    },
  };
  const rig: Rig = {
    timer: new DeadlineTimer(() => rig.now, () => rig.dueCount++),
    delays,
    waiting: () => tasks.size,
    fire: () => {
      const [[id, task]] = [...tasks] as [[number, () => void]];
      tasks.delete(id);
      task();
    },
    now: 0,
    dueCount: 0,
  };
  Object.assign(globalThis, fake);
  try {
    test(rig);
  } finally {
    Object.assign(globalThis, real);
  }
}

Deno.test("DeadlineTimer.arm() sets one timer, never before the deadline's millisecond is over", () => {
  withManualTimers((rig) => {
    rig.now = 100;
    rig.timer.arm(102.25);
    assert.deepEqual(rig.delays, [3]);
    rig.fire();
    assert.equal(rig.dueCount, 1);
    assert.equal(rig.waiting(), 0);
    rig.timer.arm(50);
    assert.deepEqual(rig.delays, [3, 0]);
  });
});

Deno.test("DeadlineTimer.arm() leaves the timer where it is for a later deadline, and moves it for an earlier one", () => {
  withManualTimers((rig) => {
    rig.timer.arm(20);
    rig.timer.arm(30);
    rig.timer.arm(20);
    assert.deepEqual(rig.delays, [20]);
    rig.timer.arm(10);
    assert.deepEqual(rig.delays, [20, 10]);
    assert.equal(rig.waiting(), 1);
    rig.fire();
    rig.timer.arm(30);
    assert.deepEqual(rig.delays, [20, 10, 30]);
  });
});

Deno.test("DeadlineTimer waits for nothing after cancel() or without a deadline", () => {
  withManualTimers((rig) => {
    for (
      const stop of [
        (): void => rig.timer.cancel(),
        (): void => rig.timer.arm(Infinity),
      ]
    ) {
      rig.timer.arm(10);
      stop();
      stop();
      assert.equal(rig.waiting(), 0);
    }
    rig.timer.arm(10);
    assert.equal(rig.waiting(), 1);
    assert.equal(rig.dueCount, 0);
  });
});

Deno.test("DeadlineTimer.arm() wakes early where the runtime knows no such long delay", () => {
  withManualTimers((rig) => {
    rig.timer.arm(2 ** 40);
    assert.deepEqual(rig.delays, [2 ** 31 - 1]);
  });
});
