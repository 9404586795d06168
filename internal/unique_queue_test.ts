import assert from "node:assert/strict";
import { type Queueable, UniqueQueue } from "./unique_queue.ts";

interface Item extends Queueable {
  readonly name: string;
}

const item = (name: string): Item => ({ name, queuedIn: 0 });

Deno.test("add() keeps the order and takes each item once", () => {
  const queue = new UniqueQueue<Item>(1);
  const [a, b] = [item("a"), item("b")];
  queue.add(a);
  queue.add(b);
  queue.add(a);
  assert.equal(queue.peek(), a);
  assert.equal(queue.shift(), a);
  queue.add(a);
  assert.equal(queue.shift(), b);
  assert.equal(queue.shift(), a);
  assert.equal(queue.shift(), undefined);
  assert.equal(queue.peek(), undefined);
});

Deno.test("An item may wait in several queues, each with its own bit", () => {
  const first = new UniqueQueue<Item>(1);
  const second = new UniqueQueue<Item>(2);
  const a = item("a");
  first.add(a);
  second.add(a);
  assert.equal(first.shift(), a);
  second.add(a);
  assert.equal(second.shift(), a);
  assert.equal(second.shift(), undefined);
  assert.equal(a.queuedIn, 0);
});
