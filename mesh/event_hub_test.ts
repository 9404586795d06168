import assert from "node:assert/strict";
import fc from "fast-check";
import { CallError, type CallErrorCode } from "./error.ts";
import { checkPattern, checkTopic, EventHub } from "./event_hub.ts";
import { EventQueue, type Subscriber } from "./event_queue.ts";

function createQueue(): EventQueue<string> {
  return new EventQueue<string>(() => {});
}

function drain(queue: EventQueue<string>): string[] {
  const events: string[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) {
    events.push(next.shared.event);
  }
  return events;
}

function isRefusal(code: CallErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof CallError && error.code === code;
}

Deno.test("EventHub.publish() reaches exact, prefix and catch-all subscriptions", () => {
  const hub = new EventHub<string>();
  const exact = createQueue();
  const prefix = createQueue();
  const all = createQueue();
  hub.subscribe(exact, "orders.created");
  hub.subscribe(prefix, "orders.*");
  hub.subscribe(all, "*");
  assert.equal(hub.publish("orders.created", "1", 1), 3);
  assert.equal(hub.publish("orders.", "2", 1), 2);
  assert.equal(hub.publish("orders", "3", 1), 1);
  assert.deepEqual(drain(exact), ["1"]);
  assert.deepEqual(drain(prefix), ["1", "2"]);
  assert.deepEqual(drain(all), ["1", "2", "3"]);
});

Deno.test("EventHub.publish() gives an event once to overlapping subscriptions", () => {
  const hub = new EventHub<string>();
  const queue = createQueue();
  for (const pattern of ["a.b", "a.*", "*"]) hub.subscribe(queue, pattern);
  assert.equal(hub.publish("a.b", "1", 1), 1);
  assert.deepEqual(drain(queue), ["1"]);
});

Deno.test("EventHub.unsubscribe() and remove() end deliveries and leave nothing behind", () => {
  const hub = new EventHub<string>();
  const queue = createQueue();
  assert.equal(hub.subscribe(queue, "a"), true);
  assert.equal(hub.subscribe(queue, "a"), false);
  assert.equal(hub.unsubscribe(queue, "a"), true);
  assert.equal(hub.unsubscribe(queue, "a"), false);
  hub.subscribe(queue, "b");
  hub.subscribe(queue, "c*");
  assert.equal(hub.subscriptionCount, 2);
  hub.remove(queue);
  hub.remove(queue);
  assert.equal(hub.subscriptionCount, 0);
  assert.equal(hub.publish("b", "1", 1) + hub.publish("cc", "2", 1), 0);
});

Deno.test("EventHub.subscribe() stops at the bound of a queue and at the share of a subscriber", () => {
  const hub = new EventHub<string>({
    maxSubscriptions: 4,
    reservedSubscriptions: 0,
    maxSubscriptionsPerQueue: 2,
  });
  const first = createQueue();
  const second = createQueue();
  hub.subscribe(first, "a");
  hub.subscribe(first, "b");
  const refusal = isRefusal("RESOURCE_EXHAUSTED");
  assert.throws(() => hub.subscribe(first, "c"), refusal);
  assert.throws(() => hub.subscribe(first, "c"), /has 2, as many as it may/);
  assert.equal(hub.subscribe(first, "a"), false);
  hub.subscribe(second, "a");
  assert.throws(() => hub.subscribe(second, "b"), refusal);
  hub.remove(first);
  hub.subscribe(second, "b");
});

Deno.test("EventHub.subscribe() leaves room for others when one subscriber takes all it can get, with many queues", () => {
  const hub = new EventHub<string>({ maxSubscriptions: 300 });
  const refusal = isRefusal("RESOURCE_EXHAUSTED");
  const fill = (subscriber: Subscriber): void => {
    for (let queues = 0; queues < 100; queues++) {
      const queue = new EventQueue<string>(() => {}, { subscriber });
      try {
        for (let topics = 0; topics < 10; topics++) {
          hub.subscribe(queue, `topic ${topics}`);
        }
      } catch (error) {
        if (refusal(error)) return;
        throw error;
      }
    }
  };
  const counts: number[] = [];
  for (let count = 0; count < 40; count++) {
    const subscriber = { subscriptionCount: 0 };
    fill(subscriber);
    counts.push(subscriber.subscriptionCount);
  }
  assert.deepEqual(counts.slice(0, 3), [150, 75, 38]);
  assert.ok(counts.every((count) => count >= 16), `${counts}`);
});

Deno.test("checkTopic() and checkPattern() refuse what is no topic", () => {
  const refusal = isRefusal("INVALID_ARGUMENT");
  const bad = ["", "x".repeat(256), "é".repeat(128), "a\nb", "\ud800"];
  for (const text of bad) {
    assert.throws(() => checkTopic(text), refusal);
    assert.throws(() => checkPattern(text), refusal);
  }
  assert.throws(() => checkTopic("a*"), refusal);
  assert.throws(() => checkPattern("a*b"), refusal);
  assert.throws(() => checkPattern("**"), refusal);
  checkTopic("x".repeat(255));
  checkPattern("x".repeat(254) + "*");
});

Deno.test("EventHub.publish() agrees with testing each subscription", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "b", "."),
    minLength: 1,
    maxLength: 4,
  });
  const pattern = fc.oneof(
    text,
    text.map((prefix) => `${prefix}*`),
    fc.constant("*"),
  );
  fc.assert(fc.property(
    fc.array(fc.array(pattern, { maxLength: 4 }), { maxLength: 4 }),
    text,
    (subscribers, topic) => {
      const hub = new EventHub<string>();
      const queues = subscribers.map((patterns) => {
        const queue = createQueue();
        for (const each of patterns) hub.subscribe(queue, each);
        return queue;
      });
      hub.publish(topic, "event", 1);
      subscribers.forEach((patterns, index) => {
        const isExpected = patterns.some((each) =>
          each.endsWith("*")
            ? topic.startsWith(each.slice(0, -1))
            : topic === each
        );
        assert.equal(queues[index]!.size, isExpected ? 1 : 0);
      });
    },
  ));
});
