import assert from "node:assert/strict";
import fc from "fast-check";
import { TimerTable } from "./timer_table.ts";

type Name = "loss" | "idle" | "close";
const NAMES: readonly Name[] = ["loss", "idle", "close"];

Deno.test("TimerTable has no deadline at the start", () => {
  const timers = new TimerTable(NAMES);
  assert.equal(timers.next(), undefined);
  assert.equal(timers.popExpired(Infinity), undefined);
  assert.equal(timers.get("loss"), undefined);
});

Deno.test("TimerTable.popExpired() takes timers in the order of their deadlines", () => {
  const timers = new TimerTable(NAMES);
  timers.set("loss", 30);
  timers.set("idle", 10);
  timers.set("close", 20);
  assert.equal(timers.next(), 10);
  assert.equal(timers.popExpired(9.99), undefined);
  assert.equal(timers.popExpired(25), "idle");
  assert.equal(timers.popExpired(25), "close");
  assert.equal(timers.popExpired(25), undefined);
  assert.equal(timers.next(), 30);
  assert.equal(timers.popExpired(30), "loss");
});

Deno.test("TimerTable.popExpired() takes the first named of two that are due together", () => {
  const timers = new TimerTable(NAMES);
  timers.set("close", 5);
  timers.set("idle", 5);
  assert.equal(timers.popExpired(5), "idle");
  assert.equal(timers.popExpired(5), "close");
});

Deno.test("TimerTable.set() replaces a deadline, and undefined cancels it", () => {
  const timers = new TimerTable(NAMES);
  timers.set("idle", 10);
  timers.set("idle", 50);
  assert.equal(timers.get("idle"), 50);
  timers.set("idle", undefined);
  assert.equal(timers.get("idle"), undefined);
  timers.cancel("idle");
  timers.set("loss", 1);
  timers.set("close", 2);
  timers.cancelAll();
  assert.equal(timers.next(), undefined);
});

Deno.test("TimerTable refuses unknown or repeated names and deadlines that are no number", () => {
  const failure = { name: "AssertionError" };
  assert.throws(() => new TimerTable(["a", "a"]), failure);
  const timers = new TimerTable<string>(["a"]);
  assert.throws(() => timers.set("b", 1), failure);
  assert.throws(() => timers.set("a", NaN), failure);
});

Deno.test("TimerTable agrees with a Map under any operations", () => {
  const step = fc.record({
    name: fc.constantFrom(...NAMES),
    at: fc.option(fc.nat(100), { nil: undefined }),
    popAt: fc.option(fc.nat(100), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const timers = new TimerTable(NAMES);
      const model = new Map<Name, number>();
      for (const { name, at, popAt } of steps) {
        timers.set(name, at);
        if (at === undefined) model.delete(name);
        else model.set(name, at);
        const earliest = Math.min(...model.values());
        assert.equal(timers.next() ?? Infinity, earliest);
        if (popAt === undefined) continue;
        const popped = timers.popExpired(popAt);
        assert.equal(popped !== undefined, earliest <= popAt);
        if (popped !== undefined) {
          assert.equal(model.get(popped), earliest);
          model.delete(popped);
        }
      }
    }),
  );
});
