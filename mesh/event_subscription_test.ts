import assert from "node:assert/strict";
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
  options: Pick<EventSubscriptionOptions, "onEvent">,
): { subscription: EventSubscription; warnings: string[] } {
  const warnings: string[] = [];
  const subscription = new EventSubscription({
    ...options,
    pattern: "news",
    onClosed: () => Promise.resolve(),
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

Deno.test("isTopicMatch() takes the topic itself, and what begins with a prefix", () => {
  assert.ok(isTopicMatch("a.b", "a.b"));
  assert.ok(!isTopicMatch("a.b", "a.b.c"));
  assert.ok(isTopicMatch("a.*", "a.b"));
  assert.ok(!isTopicMatch("a.*", "ab"));
  assert.ok(isTopicMatch("*", "anything"));
});
