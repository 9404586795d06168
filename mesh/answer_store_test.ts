import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { AnswerStore } from "./answer_store.ts";
import type { OutgoingContent } from "./content.ts";
import { CallError } from "./error.ts";

function answer(byte: number, length = 1): OutgoingContent {
  return { flags: 0, contentType: 0, body: new Uint8Array(length).fill(byte) };
}

Deno.test("AnswerStore.run() answers a repeated key without running again", async () => {
  const store = new AnswerStore({ clock: new TimerClock() });
  let runs = 0;
  const work = () => Promise.resolve(answer(++runs));
  assert.equal((await store.run("caller", "a", work))?.body[0], 1);
  assert.equal((await store.run("caller", "a", work))?.body[0], 1);
  assert.equal((await store.run("caller", "b", work))?.body[0], 2);
});

Deno.test("AnswerStore.run() lets a duplicate wait for the first", async () => {
  const store = new AnswerStore({ clock: new TimerClock() });
  const first = Promise.withResolvers<OutgoingContent>();
  let runs = 0;
  const work = () => {
    runs++;
    return first.promise;
  };
  const both = [store.run("caller", "a", work), store.run("caller", "a", work)];
  first.resolve(answer(5));
  const [one, two] = await Promise.all(both);
  assert.equal(runs, 1);
  assert.deepEqual(one, two);
});

Deno.test("AnswerStore.run() runs again after a failure, and for a waiter whose first was given up", async () => {
  const store = new AnswerStore({ clock: new TimerClock() });
  const failing = () => Promise.reject(new CallError("INTERNAL", "Test: no"));
  await assert.rejects(store.run("caller", "a", failing));
  const first = Promise.withResolvers<undefined>();
  const given = store.run("caller", "a", () => first.promise);
  const waiting = store.run("caller", "a", () => Promise.resolve(answer(2)));
  first.resolve(undefined);
  assert.equal(await given, undefined);
  assert.equal((await waiting)?.body[0], 2);
});

Deno.test("AnswerStore.run() keeps what the answer was, though its array is used again", async () => {
  const store = new AnswerStore({ clock: new TimerClock() });
  for (const body of [new Uint8Array([1]), Buffer.from([1])]) {
    const key = body.constructor.name;
    await store.run(
      "caller",
      key,
      () => Promise.resolve({ ...answer(1), body }),
    );
    body.fill(2);
    const stored = await store.run(
      "caller",
      key,
      () => Promise.resolve(answer(3)),
    );
    assert.deepEqual([...stored!.body], [1], key);
  }
});

Deno.test("AnswerStore forgets the oldest at its bounds, and all with time", async () => {
  const clock = new TimerClock();
  const store = new AnswerStore({
    clock,
    maxAnswers: 2,
    maxBytes: 10,
    lifetimeMs: 100,
  });
  let runs = 0;
  const work = (length: number) => () =>
    Promise.resolve(answer(++runs, length));
  for (const key of ["a", "b", "c"]) await store.run("caller", key, work(1));
  assert.equal(store.size, 2);
  await store.run("caller", "large", work(9));
  assert.equal(store.size, 2);
  await store.run("caller", "too large", work(11));
  assert.equal(store.size, 2);
  clock.advance(100);
  runs = 0;
  await store.run("caller", "large", work(1));
  assert.equal(runs, 1);
});

Deno.test("AnswerStore takes answers from the caller that holds most, and its oldest", async () => {
  const store = new AnswerStore({
    clock: new TimerClock(),
    maxAnswers: 10,
    maxBytes: 100,
  });
  const isStored = async (caller: string, key: string): Promise<boolean> => {
    let isRun = false;
    await store.run(caller, key, () => {
      isRun = true;
      return Promise.resolve(undefined);
    });
    return !isRun;
  };
  const put = (caller: string, key: string, length: number) =>
    store.run(caller, key, () => Promise.resolve(answer(1, length)));
  await put("quiet", "first", 1);
  await put("quiet", "second", 1);
  for (let index = 0; index < 50; index++) await put("busy", `${index}`, 1);
  assert.equal(store.size, 10);
  assert.equal(await isStored("quiet", "first"), true);
  assert.equal(await isStored("busy", "41"), false);
  assert.equal(await isStored("busy", "42"), true);
  // Bytes count as well: who has few that are large gives first.
  await put("large", "one", 60);
  await put("large", "two", 60);
  assert.equal(await isStored("large", "one"), false);
  assert.equal(await isStored("large", "two"), true);
  assert.equal(await isStored("quiet", "first"), true);
  assert.equal(await isStored("busy", "49"), true);
});
