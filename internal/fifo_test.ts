import assert from "node:assert/strict";
import fc from "fast-check";
import { Fifo } from "./fifo.ts";

Deno.test("Fifo behaves as an array under push and shift", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(), fc.constant(undefined)), { maxLength: 200 }),
      (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const value of steps) {
          if (value === undefined) assert.equal(fifo.shift(), model.shift());
          else {
            fifo.push(value);
            model.push(value);
          }
          assert.equal(fifo.length, model.length);
          assert.equal(fifo.peek(), model[0]);
        }
      },
    ),
  );
});

Deno.test("Fifo keeps its order through growth, emptying and clearing", () => {
  const fifo = new Fifo<number>();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3000; i++) fifo.push(i);
    for (let i = 0; i < 3000; i++) assert.equal(fifo.shift(), i);
    assert.equal(fifo.shift(), undefined);
  }
  fifo.push(1);
  fifo.clear();
  assert.equal(fifo.length, 0);
  assert.equal(fifo.peek(), undefined);
});
