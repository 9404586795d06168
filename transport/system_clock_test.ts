import assert from "node:assert/strict";
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
