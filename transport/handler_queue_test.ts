import assert from "node:assert/strict";
import { HandlerQueue } from "./handler_queue.ts";

function createQueue(maxLength = 2): {
  queue: HandlerQueue<number>;
  refused: number[];
  errors: unknown[];
} {
  const refused: number[] = [];
  const errors: unknown[] = [];
  const queue = new HandlerQueue<number>(
    { onHandlerError: (error) => errors.push(error) },
    { maxLength, onRefused: (item) => refused.push(item) },
  );
  return { queue, refused, errors };
}

Deno.test("HandlerQueue keeps items for a handler that comes later, in order", async () => {
  const { queue, refused } = createQueue(2);
  queue.push(1);
  queue.push(2);
  queue.push(3);
  assert.deepEqual(refused, [3]);
  const seen: number[] = [];
  queue.handler = (item) => seen.push(item);
  queue.push(4);
  // Not inside the assignment, and nothing overtakes what waits.
  assert.deepEqual(seen, []);
  assert.deepEqual(refused, [3, 4]);
  await Promise.resolve();
  queue.push(5);
  assert.deepEqual(seen, [1, 2, 5]);
});

Deno.test("HandlerQueue keeps no more bytes than it may, and has room again for what was taken", async () => {
  const refused: string[] = [];
  const queue = new HandlerQueue<string>(
    { onHandlerError: (error) => assert.fail(String(error)) },
    {
      maxLength: 9,
      maxBytes: 10,
      sizeOf: (item) => item.length,
      onRefused: (item) => refused.push(item),
    },
  );
  const seen: string[] = [];
  const take = async (): Promise<void> => {
    queue.handler = (item) => seen.push(item);
    await Promise.resolve();
    queue.handler = undefined;
  };
  for (let round = 0; round < 2; round++) {
    for (const item of ["12345", "123456", "54321", "x"]) queue.push(item);
    assert.deepEqual(refused.splice(0), ["123456", "x"]);
    await take();
    assert.deepEqual(seen.splice(0), ["12345", "54321"]);
  }
  queue.push("1234567890");
  queue.clear();
  queue.push("0987654321");
  await take();
  assert.deepEqual([seen, refused], [["0987654321"], []]);
});

Deno.test("HandlerQueue goes on after a handler that throws", async () => {
  const { queue, errors } = createQueue();
  queue.push(1);
  queue.push(2);
  const seen: number[] = [];
  queue.handler = (item) => {
    seen.push(item);
    throw new Error(`item ${item}`);
  };
  await Promise.resolve();
  queue.push(3);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(errors.length, 3);
});

Deno.test("HandlerQueue keeps items again once its handler is gone", async () => {
  const { queue } = createQueue();
  const seen: number[] = [];
  queue.handler = (item) => {
    seen.push(item);
    queue.handler = undefined;
  };
  queue.push(1);
  queue.push(2);
  assert.deepEqual(seen, [1]);
  queue.clear();
  queue.push(3);
  queue.handler = (item) => seen.push(item);
  await Promise.resolve();
  assert.deepEqual(seen, [1, 3]);
});
