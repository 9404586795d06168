import assert from "node:assert/strict";
import fc from "fast-check";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { TimerQueue } from "./timer_queue.ts";

Deno.test("TimerQueue fires what is due, in order, with one timer of its clock", () => {
  const clock = new TimerClock();
  const queue = new TimerQueue(clock);
  const fired: number[] = [];
  for (const delayMs of [30, 10, 20, -5]) {
    queue.schedule(delayMs, () => fired.push(delayMs));
  }
  assert.equal(clock.timerCount, 1);
  clock.advance(0);
  assert.deepEqual(fired, [-5]);
  clock.advance(29);
  assert.deepEqual(fired, [-5, 10, 20]);
  clock.advance(1);
  assert.deepEqual(fired, [-5, 10, 20, 30]);
  assert.equal(clock.timerCount, 0);
});

Deno.test("TimerQueue leaves no timer when everything is cancelled", () => {
  const clock = new TimerClock();
  const queue = new TimerQueue(clock);
  const cancels = [10, 20].map((delayMs) =>
    queue.schedule(delayMs, () => assert.fail("cancelled"))
  );
  for (const cancel of [...cancels, ...cancels]) cancel();
  assert.equal(clock.timerCount, 0);
  clock.advance(100);
});

Deno.test("TimerQueue goes on after a callback that throws or schedules", () => {
  const clock = new TimerClock();
  const queue = new TimerQueue(clock);
  const fired: string[] = [];
  queue.schedule(1, () => {
    queue.schedule(5, () => fired.push("later"));
    throw new Error("own");
  });
  queue.schedule(2, () => fired.push("next"));
  assert.throws(() => clock.advance(1), /own/);
  clock.advance(10);
  assert.deepEqual(fired, ["next", "later"]);
});

Deno.test("TimerQueue does what a clock with many timers does, for any operations", () => {
  const operation = fc.record({
    action: fc.constantFrom("schedule", "cancel", "advance"),
    amount: fc.nat(20),
  });
  fc.assert(fc.property(fc.array(operation), (operations) => {
    const [plain, clock] = [new TimerClock(), new TimerClock()];
    const queue = new TimerQueue(clock);
    const fired: [number[], number[]] = [[], []];
    const cancels: (() => void)[] = [];
    for (const [id, { action, amount }] of operations.entries()) {
      if (action === "advance") {
        plain.advance(amount);
        clock.advance(amount);
        // What is due at one time has no order.
        for (const ids of fired) ids.sort((a, b) => a - b);
      } else if (action === "cancel") {
        cancels[amount]?.();
      } else {
        const both = [
          plain.schedule(amount, () => fired[0].push(id)),
          queue.schedule(amount, () => fired[1].push(id)),
        ];
        cancels.push(() => both.forEach((cancel) => cancel()));
      }
      assert.deepEqual(fired[1], fired[0]);
      assert.ok(clock.timerCount <= 1);
    }
  }));
});
