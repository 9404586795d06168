import assert from "node:assert/strict";
import { CallError } from "./error.ts";
import {
  EventSubscription,
  type EventSubscriptionOptions,
  isTopicMatch,
  type MeshEvent,
} from "./event_subscription.ts";

const EVENT: MeshEvent = {
  topic: "news",
  value: "x",
  sequence: 0,
  traceId: 1n,
  sealedBy: undefined,
};

function create(
  options: Partial<Pick<EventSubscriptionOptions, "onEvent" | "onClosed">> = {},
): { subscription: EventSubscription; warnings: string[] } {
  const warnings: string[] = [];
  const subscription = new EventSubscription({
    pattern: "news",
    onClosed: () => Promise.resolve(),
    ...options,
    onWarning: (message) => warnings.push(message),
  });
  return { subscription, warnings };
}

Deno.test("EventSubscription warns of a callback that throws, and of one that rejects", async () => {
  const failing: NonNullable<EventSubscriptionOptions["onEvent"]>[] = [
    () => {
      throw new RangeError("too far");
    },
    async () => {
      await Promise.resolve();
      throw new RangeError("too far");
    },
    // A promise of somebody else's making.
    () => ({
      then: (_: unknown, reject: (reason: unknown) => void) =>
        reject(new RangeError("too far")),
    }),
  ];
  for (const onEvent of failing) {
    const { subscription, warnings } = create({ onEvent });
    subscription.deliver(EVENT, 1);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    assert.deepEqual(warnings, [
      "Subscription news: its callback failed: too far",
    ]);
  }
});

Deno.test("EventSubscription.deliver() does not wait for its callback, and gives it nothing once closed", async () => {
  const seen: unknown[] = [];
  const { subscription, warnings } = create({
    onEvent: ({ value }) => {
      seen.push(value);
      return new Promise<void>(() => {});
    },
  });
  subscription.deliver(EVENT, 1);
  subscription.deliver({ ...EVENT, value: "y" }, 1);
  await subscription.close();
  subscription.deliver(EVENT, 1);
  assert.deepEqual(seen, ["x", "y"]);
  assert.deepEqual(warnings, []);
});

Deno.test("EventSubscription is read by one loop only, which ends when it is closed", async () => {
  const { subscription } = create();
  const iterator = subscription[Symbol.asyncIterator]();
  assert.throws(
    () => subscription[Symbol.asyncIterator](),
    (error) =>
      error instanceof CallError && error.code === "FAILED_PRECONDITION",
  );
  const reading = Promise.all([1, 2, 3, 4].map(() => iterator.next()));
  for (const value of ["x", "y"]) {
    subscription.deliver({ ...EVENT, value }, 1);
  }
  await subscription.close();
  assert.deepEqual(
    (await reading).map(({ done, value }) => done ? "done" : value?.value),
    ["x", "y", "done", "done"],
  );
});

Deno.test("EventSubscription refuses a loop that no event would reach, since a callback gets them", () => {
  const { subscription } = create({ onEvent: () => {} });
  assert.throws(
    () => subscription[Symbol.asyncIterator](),
    (error) =>
      error instanceof CallError && error.code === "FAILED_PRECONDITION" &&
      error.message === "Subscription news: its events go to onEvent",
  );
});

Deno.test("EventSubscription that is left is closed, and done for whoever waits and whoever reads on", async () => {
  const waiting = create().subscription[Symbol.asyncIterator]();
  const next = waiting.next();
  const done = { done: true, value: undefined };
  assert.deepEqual(await waiting.return?.(), done);
  assert.deepEqual(await next, done);
  const { subscription } = create();
  const iterator = subscription[Symbol.asyncIterator]();
  subscription.deliver(EVENT, 1);
  assert.deepEqual(await iterator.return?.(), done);
  subscription.deliver(EVENT, 1);
  assert.deepEqual(await iterator.next(), done);
});

Deno.test("EventSubscription is left, and its loop ends, without waiting for the node", async () => {
  const node = Promise.withResolvers<void>();
  let closedCount = 0;
  const onClosed = () => {
    closedCount++;
    return node.promise;
  };
  const done = { done: true, value: undefined };
  for (const isReading of [true, false]) {
    const { subscription } = create({ onClosed });
    const iterator = subscription[Symbol.asyncIterator]();
    const next = isReading ? iterator.next() : Promise.resolve(done);
    assert.deepEqual(await iterator.return?.(), done);
    assert.deepEqual(await next, done);
  }
  const { subscription } = create({ onClosed });
  const next = subscription[Symbol.asyncIterator]().next();
  const closing = subscription.close();
  assert.deepEqual(await next, done);
  assert.equal(closedCount, 3);
  // Who closes it waits.
  node.resolve();
  await closing;
});

Deno.test("isTopicMatch() takes the topic itself, and what begins with a prefix", () => {
  assert.ok(isTopicMatch("a.b", "a.b"));
  assert.ok(!isTopicMatch("a.b", "a.b.c"));
  assert.ok(isTopicMatch("a.*", "a.b"));
  assert.ok(!isTopicMatch("a.*", "ab"));
  assert.ok(isTopicMatch("*", "anything"));
});
