import assert from "node:assert/strict";
import fc from "fast-check";
import { EventQueue, QueueBudget } from "./event_queue.ts";

Deno.test("EventQueue.push() drops the oldest at the bound and counts it", () => {
  const queue = new EventQueue<string>(() => {}, { maxEvents: 2 });
  for (const event of ["a", "b", "c"]) queue.push(event, 1);
  assert.equal(queue.droppedCount, 1);
  assert.deepEqual(queue.shift(), { event: "b", sequence: 1, sizeBytes: 1 });
  assert.deepEqual(queue.shift(), { event: "c", sequence: 2, sizeBytes: 1 });
  assert.equal(queue.shift(), undefined);
});

Deno.test("EventQueue.push() keeps to the bound of bytes, yet passes one large event", () => {
  const queue = new EventQueue<string>(() => {}, { maxBytes: 10 });
  queue.push("a", 6);
  queue.push("b", 4);
  queue.push("c", 1);
  assert.equal(queue.droppedCount, 1);
  queue.push("large", 11);
  assert.equal(queue.size, 1);
  assert.equal(queue.shift()?.event, "large");
});

Deno.test("EventQueue says that it is ready when an empty queue gets an event", () => {
  let readyCount = 0;
  const queue = new EventQueue<string>(() => readyCount++, { maxEvents: 1 });
  queue.push("a", 1);
  assert.equal(readyCount, 1);
  queue.shift();
  queue.push("b", 1);
  assert.equal(readyCount, 2);
  queue.clear();
  assert.equal(queue.size, 0);
  queue.push("c", 1);
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
          assert.equal(queue.shift()?.event, model.shift());
          continue;
        }
        queue.push(size, size);
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

Deno.test("EventQueue.push() drops its own oldest, then the new event, when the shared budget is used up", () => {
  const budget = new QueueBudget(10);
  const first = new EventQueue<string>(() => {}, { budget });
  const second = new EventQueue<string>(() => {}, { budget });
  first.push("a", 6);
  second.push("b", 4);
  second.push("c", 4);
  assert.equal(second.droppedCount, 1);
  second.push("d", 5);
  assert.equal(second.droppedCount, 3);
  assert.equal(second.size, 0);
  assert.equal(budget.usedBytes, 6);
  first.clear();
  assert.equal(budget.usedBytes, 0);
  second.push("e", 10);
  assert.equal(second.shift()?.sequence, 3);
  assert.equal(budget.usedBytes, 0);
});
