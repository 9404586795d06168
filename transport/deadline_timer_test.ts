import assert from "node:assert/strict";
import { TimerQueue } from "../internal/timer_queue.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { DeadlineTimer } from "./deadline_timer.ts";

class Rig {
  readonly clock = new TimerClock();
  readonly #startedAt = this.clock.now();
  readonly #queue = new TimerQueue(this.clock);
  /** Milliseconds after the start at which each timer was called. */
  readonly calls: [name: string, ms: number][] = [];

  create(name: string): DeadlineTimer {
    return new DeadlineTimer(
      this.#queue,
      () => this.calls.push([name, this.clock.now() - this.#startedAt]),
    );
  }

  at(ms: number): number {
    return this.#startedAt + ms;
  }
}

Deno.test("DeadlineTimer.arm() calls once, at the deadline or at once when it has passed", () => {
  const rig = new Rig();
  const timer = rig.create("one");
  timer.arm(rig.at(2.25));
  rig.clock.advance(2);
  assert.deepEqual(rig.calls, []);
  rig.clock.advance(1);
  assert.deepEqual(rig.calls, [["one", 2.25]]);
  timer.arm(rig.at(1));
  rig.clock.advance(0);
  assert.deepEqual(rig.calls, [["one", 2.25], ["one", 3]]);
  rig.clock.advance(1_000);
  assert.equal(rig.calls.length, 2);
});

Deno.test("DeadlineTimer.arm() leaves the timer where it is for a later deadline, and moves it for an earlier one", () => {
  const rig = new Rig();
  const timer = rig.create("one");
  timer.arm(rig.at(20));
  timer.arm(rig.at(30));
  rig.clock.advance(25);
  timer.arm(rig.at(60));
  timer.arm(rig.at(40));
  rig.clock.advance(100);
  assert.deepEqual(rig.calls, [["one", 20], ["one", 40]]);
});

Deno.test("DeadlineTimer waits for nothing after cancel() or without a deadline", () => {
  const rig = new Rig();
  const timer = rig.create("one");
  for (
    const stop of [(): void => timer.cancel(), (): void => timer.arm(Infinity)]
  ) {
    timer.arm(rig.at(10));
    stop();
    stop();
    assert.equal(rig.clock.timerCount, 0);
  }
  timer.arm(rig.at(10));
  rig.clock.advance(10);
  assert.deepEqual(rig.calls, [["one", 10]]);
});

Deno.test("DeadlineTimer shares one timer of the clock with others", () => {
  const rig = new Rig();
  const timers = Array.from(
    { length: 100 },
    (_, index) => rig.create(`${index}`),
  );
  for (let round = 1; round <= 10; round++) {
    for (const [index, timer] of timers.entries()) {
      timer.arm(rig.at(1_000 - 10 * round + index % 7));
    }
    assert.equal(rig.clock.timerCount, 1);
  }
  rig.clock.advance(2_000);
  assert.equal(rig.calls.length, 100);
  assert.equal(rig.clock.timerCount, 0);
});
