import assert from "node:assert/strict";
import fc from "fast-check";
import {
  EventQueue,
  QueueBudget,
  type QueuedEvent,
  SharedEvent,
} from "./event_queue.ts";

Deno.test("EventQueue.push() drops the oldest at the bound and counts it", () => {
  const queue = new EventQueue<string>(() => {}, { maxEvents: 2 });
  for (const event of ["a", "b", "c"]) queue.push(new SharedEvent(event, 1));
  assert.equal(queue.droppedCount, 1);
  for (const [event, sequence] of [["b", 1], ["c", 2]]) {
    const taken = queue.shift();
    assert.equal(taken?.shared.event, event);
    assert.equal(taken?.sequence, sequence);
  }
  assert.equal(queue.shift(), undefined);
});

Deno.test("EventQueue.push() keeps to the bound of bytes, yet passes one large event", () => {
  const queue = new EventQueue<string>(() => {}, { maxBytes: 10 });
  queue.push(new SharedEvent("a", 6));
  queue.push(new SharedEvent("b", 4));
  queue.push(new SharedEvent("c", 1));
  assert.equal(queue.droppedCount, 1);
  queue.push(new SharedEvent("large", 11));
  assert.equal(queue.size, 1);
  assert.equal(queue.shift()?.shared.event, "large");
});

Deno.test("EventQueue says that it is ready when an empty queue gets an event", () => {
  let readyCount = 0;
  const queue = new EventQueue<string>(() => readyCount++, { maxEvents: 1 });
  queue.push(new SharedEvent("a", 1));
  assert.equal(readyCount, 1);
  queue.shift();
  queue.push(new SharedEvent("b", 1));
  assert.equal(readyCount, 2);
  queue.clear();
  assert.equal(queue.size, 0);
  queue.push(new SharedEvent("c", 1));
  assert.equal(readyCount, 3);
});

Deno.test("EventQueue agrees with a plain list over any pushes and shifts", () => {
  fc.assert(fc.property(
    fc.array(fc.option(fc.integer({ min: 0, max: 5 })), { maxLength: 80 }),
    (steps) => {
      const queue = new EventQueue<number>(() => {}, {
        maxEvents: 8,
        maxBytes: 20,
      });
      const model: number[] = [];
      for (const size of steps) {
        if (size === null) {
          assert.equal(queue.shift()?.shared.event, model.shift());
          continue;
        }
        queue.push(new SharedEvent(size, size));
        const total = (): number => model.reduce((sum, each) => sum + each, 0);
        while (model.length > 0 && (model.length >= 8 || total() + size > 20)) {
          model.shift();
        }
        model.push(size);
        assert.equal(queue.size, model.length);
      }
    },
  ));
});

/** As many queues that share a budget of so many bytes, without a reserve. */
function createQueues(
  count: number,
  budget: QueueBudget,
): EventQueue<number>[] {
  return Array.from(
    { length: count },
    () => new EventQueue<number>(() => {}, { budget, maxBytes: 400 }),
  );
}

Deno.test("EventQueue.push() keeps to a quarter of what is free, so that queues nobody reads leave room", () => {
  const budget = new QueueBudget(1_000, 0);
  const queues = createQueues(20, budget);
  for (let round = 0; round < 1_000; round++) {
    for (const queue of queues) queue.push(new SharedEvent(round, 1));
  }
  // Each holds a quarter of what is free: 20 / 4 of it are used.
  const freeBytes = 1_000 - budget.usedBytes;
  assert.ok(Math.abs(freeBytes - 1_000 / (1 + 20 / 4)) < 25, `${freeBytes}`);
  for (const { sizeBytes } of queues) {
    assert.ok(Math.abs(sizeBytes - freeBytes / 4) < 5, `${sizeBytes}`);
  }
  const [idle] = createQueues(1, budget);
  for (let event = 0; event < 10; event++) {
    idle!.push(new SharedEvent(event, 4));
  }
  idle!.push(new SharedEvent(10, 100));
  assert.equal(idle!.droppedCount, 10);
  assert.equal(idle!.shift()?.shared.event, 10);
});

Deno.test("EventQueue.push() has its reserve however full the others are", () => {
  const budget = new QueueBudget(1_000, 16);
  const [full, ...others] = createQueues(3, budget);
  full!.push(new SharedEvent(0, 1_000));
  for (const queue of others) {
    for (let event = 0; event < 5; event++) {
      queue.push(new SharedEvent(event, 4));
    }
    assert.equal(queue.shift()?.shared.event, 1);
    queue.push(new SharedEvent(5, 17));
    assert.equal(queue.size, 0);
    assert.equal(queue.droppedCount, 5);
    queue.push(new SharedEvent(6, 16));
    assert.equal(queue.shift()?.sequence, 6);
  }
});

Deno.test("EventQueue counts an event once in the shared budget, in however many queues it is", () => {
  const budget = new QueueBudget(1_000, 0);
  const queues = createQueues(300, budget);
  const event = new SharedEvent(1, 900);
  for (const queue of queues) queue.push(event);
  assert.equal(budget.usedBytes, 900);
  for (const queue of queues) {
    assert.equal(queue.sizeBytes, 900);
    assert.equal(budget.usedBytes, 900);
    queue.release(queue.shift()!);
    assert.equal(queue.sizeBytes, 0);
  }
  assert.equal(budget.usedBytes, 0);
});

Deno.test("QueueBudget counts the bytes of what is held after any pushes, shifts, releases and clears", () => {
  const queueCount = 4;
  const index = fc.nat(queueCount - 1);
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("publish" as const),
      sizeBytes: fc.nat(60),
      to: fc.uniqueArray(index, { minLength: 1 }),
    }),
    fc.record({ kind: fc.constantFrom("shift", "clear"), at: index }),
    fc.record({ kind: fc.constant("release" as const), at: fc.nat(20) }),
  );
  fc.assert(fc.property(
    fc.array(step, { maxLength: 100 }),
    fc.nat(20),
    (steps, reservedBytes) => {
      const budget = new QueueBudget(100, reservedBytes);
      const queues = Array.from(
        { length: queueCount },
        () => new EventQueue<number>(() => {}, { budget, maxEvents: 4 }),
      );
      const waiting = queues.map((): SharedEvent<number>[] => []);
      const taken: [EventQueue<number>, QueuedEvent<number>][] = [];
      for (const each of steps) {
        if (each.kind === "publish") {
          const event = new SharedEvent(0, each.sizeBytes);
          for (const at of each.to) {
            queues[at]!.push(event);
            // Those that were dropped are the first; perhaps all of them.
            const all = [...waiting[at]!, event];
            waiting[at] = all.slice(all.length - queues[at]!.size);
          }
        } else if (each.kind === "release") {
          const [entry] = taken.splice(each.at, 1);
          entry?.[0].release(entry[1]);
        } else if (each.kind === "clear") {
          queues[each.at]!.clear();
          waiting[each.at] = [];
        } else {
          const queue = queues[each.at]!;
          const queued = queue.shift();
          assert.equal(queued?.shared, waiting[each.at]!.shift());
          if (queued !== undefined) taken.push([queue, queued]);
        }
        const held = new Set([
          ...waiting.flat(),
          ...taken.map(([, { shared }]) => shared),
        ]);
        assert.equal(budget.usedBytes, sumOfSizes(held));
        queues.forEach((queue, at) => {
          assert.equal(queue.sizeBytes, sumOfSizes(waiting[at]!));
        });
      }
    },
  ));
});

function sumOfSizes(events: Iterable<SharedEvent<number>>): number {
  let sum = 0;
  for (const { sizeBytes } of events) sum += sizeBytes;
  return sum;
}
