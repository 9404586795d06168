import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { TimerQueue } from "../internal/timer_queue.ts";
import { SYSTEM_CLOCK } from "./system_clock.ts";

Deno.test("SYSTEM_CLOCK.schedule() asks for whole milliseconds, never too few, and no more than a timer takes", () => {
  const real = globalThis.setTimeout;
  const delays: unknown[] = [];
  const setTimeout = (_task: () => void, delayMs: number): number =>
    delays.push(delayMs);
  Object.assign(globalThis, { setTimeout });
  try {
    for (const delayMs of [2.25, 3, 0, -5, 2 ** 40, Infinity]) {
      SYSTEM_CLOCK.schedule(delayMs, assert.fail);
    }
  } finally {
    Object.assign(globalThis, { setTimeout: real });
  }
  assert.deepEqual(delays, [3, 3, 0, 0, 2 ** 31 - 1, 2 ** 31 - 1]);
});

Deno.test("SYSTEM_CLOCK.schedule() calls once, unless cancelled", async () => {
  const calls: string[] = [];
  const cancel = SYSTEM_CLOCK.schedule(1, () => calls.push("cancelled"));
  cancel();
  await new Promise<void>((resolve) =>
    SYSTEM_CLOCK.schedule(2, () => {
      calls.push("called");
      resolve();
    })
  );
  cancel();
  assert.deepEqual(calls, ["called"]);
});

Deno.test("SYSTEM_CLOCK.schedule() calls in no asynchronous context of whoever scheduled", async () => {
  const storage = new AsyncLocalStorage<string>();
  const contexts: (string | undefined)[] = [];
  const queue = new TimerQueue(SYSTEM_CLOCK);
  await new Promise<void>((resolve) => {
    // The first sets the timer that both share.
    storage.run("first", () => {
      queue.schedule(1, () => contexts.push(storage.getStore()));
    });
    storage.run("second", () => {
      queue.schedule(2, () => {
        contexts.push(storage.getStore());
        resolve();
      });
    });
  });
  assert.deepEqual(contexts, [undefined, undefined]);
});
