import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { MicrotaskCountdown } from "./microtask_countdown.ts";

/** How many microtasks go by until a condition holds; 100 when it never does. */
async function microtasksUntil(isTrue: () => boolean): Promise<number> {
  for (let count = 0; count < 100; count++) {
    if (isTrue()) return count;
    await Promise.resolve();
  }
  return 100;
}

Deno.test("MicrotaskCountdown runs its task after as many microtasks as were planned, once for each plan", async () => {
  let runs = 0;
  const countdown = new MicrotaskCountdown(() => runs++);
  assert.equal(countdown.isPlanned, false);
  for (const count of [1, 4, 2]) {
    const before = runs;
    countdown.plan(count);
    assert.equal(countdown.isPlanned, true);
    assert.equal(runs, before, "not at once");
    assert.equal(await microtasksUntil(() => runs > before), count);
    assert.equal(countdown.isPlanned, false);
  }
  assert.equal(await microtasksUntil(() => runs > 3), 100);
});

Deno.test("MicrotaskCountdown.plan() puts off what was planned, and never brings it forward", async () => {
  let runs = 0;
  const countdown = new MicrotaskCountdown(() => runs++);
  countdown.plan(4);
  await Promise.resolve();
  await Promise.resolve();
  countdown.plan(6);
  countdown.plan(1);
  assert.equal(await microtasksUntil(() => runs > 0), 6);
});

Deno.test("MicrotaskCountdown.plan() works while the task runs", async () => {
  let runs = 0;
  const countdown = new MicrotaskCountdown(() => {
    if (++runs < 3) countdown.plan(2);
  });
  countdown.plan(1);
  assert.equal(await microtasksUntil(() => runs === 3), 5);
  assert.equal(countdown.isPlanned, false);
});

Deno.test("MicrotaskCountdown runs its task in the asynchronous context in which it was made", async () => {
  const storage = new AsyncLocalStorage<string>();
  const contexts: (string | undefined)[] = [];
  const countdown = storage.run(
    "maker",
    () => new MicrotaskCountdown(() => contexts.push(storage.getStore())),
  );
  for (const name of ["first", "second"]) {
    const before = contexts.length;
    storage.run(name, () => countdown.plan(3));
    await microtasksUntil(() => contexts.length > before);
  }
  assert.deepEqual(contexts, ["maker", "maker"]);
});
