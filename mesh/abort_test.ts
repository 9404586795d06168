import assert from "node:assert/strict";
import { TimerClock } from "../tests/support/timer_clock.ts";
import {
  type AbortListener,
  AbortRace,
  followSignal,
  LimitedRace,
} from "./abort.ts";

Deno.test("AbortRace.race() gives the promise's result, or the reason of the abort", async () => {
  const race = new AbortRace();
  assert.equal(await race.race(Promise.resolve(1)), 1);
  await assert.rejects(race.race(Promise.reject(new Error("own"))), /own/);
  const never = new Promise<void>(() => {});
  const waiting = [race.race(never), race.race(never)];
  race.abort("first");
  race.abort("second");
  for (const each of waiting) {
    await assert.rejects(each, (reason) => reason === "first");
  }
  await assert.rejects(
    race.race(Promise.reject(new Error("ignored"))),
    (reason) => reason === "first",
  );
  assert.equal(race.signal.reason, "first");
});

Deno.test("AbortRace calls each listener once, and none that was taken away", () => {
  const race = new AbortRace();
  const heard: string[] = [];
  const listener = (name: string): AbortListener => ({
    handleAbort: (reason) => heard.push(`${name} ${reason}`),
  });
  const [first, second, third] = ["first", "second", "third"].map(listener);
  for (const each of [first!, second!, third!]) race.add(each);
  race.delete(first!);
  race.delete(third!);
  const forget = race.onAbort((reason) => heard.push(`function ${reason}`));
  race.onAbort(() => heard.push("forgotten"))();
  race.abort("late");
  race.abort("later");
  forget();
  assert.deepEqual(heard.splice(0).toSorted(), [
    "function late",
    "second late",
  ]);
  // One that comes too late is told at once.
  race.add(third!);
  assert.deepEqual(heard, ["third late"]);
});

Deno.test("LimitedRace aborts with time or with the signal, and leaves no timer", () => {
  const clock = new TimerClock();
  const late = new LimitedRace({ clock, timeoutMs: 10, late: () => "late" });
  clock.advance(10);
  assert.equal(late.signal.reason, "late");
  assert.ok(late.isLate);
  const controller = new AbortController();
  const options = { clock, timeoutMs: 10, late: () => "late" };
  const early = new LimitedRace({ ...options, signal: controller.signal });
  controller.abort("early");
  clock.advance(10);
  assert.equal(early.signal.reason, "early");
  assert.ok(!early.isLate);
  const ended = new LimitedRace({ ...options, signal: controller.signal });
  early.end();
  ended.end();
  assert.equal(clock.timerCount, 0);
});

Deno.test("followSignal() calls at once for a signal that has fired, and not after it was untied", () => {
  const reasons: unknown[] = [];
  followSignal(AbortSignal.abort("now"), (reason) => reasons.push(reason));
  const controller = new AbortController();
  followSignal(controller.signal, (reason) => reasons.push(reason))();
  followSignal(undefined, (reason) => reasons.push(reason))();
  controller.abort("later");
  assert.deepEqual(reasons, ["now"]);
});
