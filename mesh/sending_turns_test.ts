import assert from "node:assert/strict";
import { SendingTurns } from "./sending_turns.ts";

/** Turns of an event loop, by hand. */
class Loop {
  readonly tasks: (() => void)[] = [];
  readonly turns = new SendingTurns((task) => this.tasks.push(task), 100);

  async turn(): Promise<void> {
    for (const task of this.tasks.splice(0)) task();
    for (let index = 0; index < 3; index++) await Promise.resolve();
  }
}

Deno.test("SendingTurns lets chunks go until the turn of the event loop is used up", () => {
  const { turns, tasks } = new Loop();
  assert.equal(turns.take(60), undefined);
  assert.equal(turns.take(60), undefined);
  assert.equal(tasks.length, 0);
  assert.ok(turns.take(1) instanceof Promise);
  assert.ok(turns.take(1) instanceof Promise);
  assert.equal(tasks.length, 1);
});

Deno.test("SendingTurns goes on in the order of asking, so many in each turn", async () => {
  const loop = new Loop();
  const order: number[] = [];
  assert.equal(loop.turns.take(100), undefined);
  for (let index = 0; index < 5; index++) {
    loop.turns.take(50)?.then(() => order.push(index));
  }
  await loop.turn();
  assert.deepEqual(order, [0, 1]);
  // Whoever comes now stands behind those who wait.
  loop.turns.take(50)?.then(() => order.push(9));
  await loop.turn();
  assert.deepEqual(order, [0, 1, 2, 3]);
  await loop.turn();
  assert.deepEqual(order, [0, 1, 2, 3, 4, 9]);
  assert.equal(loop.tasks.length, 0);
  assert.ok(loop.turns.take(1) instanceof Promise);
  await loop.turn();
  assert.equal(loop.turns.take(1), undefined);
});
