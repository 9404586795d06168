import assert from "node:assert/strict";
import fc from "fast-check";
import { FairQueue } from "./fair_queue.ts";

function drain(queue: FairQueue<string>): string[] {
  return Array.from({ length: queue.length }, () => queue.shift()!);
}

Deno.test("FairQueue takes items from the flows in turns, those of one in order", () => {
  const queue = new FairQueue<string>(8);
  for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) {
    assert.equal(queue.push(item[0]!, item), undefined);
  }
  assert.deepEqual(drain(queue), ["a1", "b1", "c1", "a2", "c2", "a3"]);
  assert.equal(queue.shift(), undefined);
});

Deno.test("FairQueue makes room at the cost of the busiest flow", () => {
  const queue = new FairQueue<string>(4);
  for (const item of ["a1", "a2", "a3", "b1"]) queue.push(item[0]!, item);
  assert.equal(queue.push("c", "c1"), "a1");
  assert.equal(queue.length, 4);
  assert.deepEqual(drain(queue), ["a2", "b1", "c1", "a3"]);
});

Deno.test("FairQueue takes no more of a flow that has its part", () => {
  const queue = new FairQueue<string>(4);
  for (const item of ["a1", "a2", "b1", "b2"]) queue.push(item[0]!, item);
  assert.equal(queue.push("a", "a3"), "a3");
  assert.equal(queue.push("b", "b3"), "b3");
  const strangers = new FairQueue<string>(2);
  for (const item of ["a1", "b1"]) strangers.push(item[0]!, item);
  assert.equal(strangers.push("c", "c1"), "c1");
});

Deno.test("FairQueue loses nothing unsaid, keeps its bound and the order of each flow", () => {
  const operation = fc.option(fc.constantFrom("a", "b", "c", "d"));
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 200 }),
      fc.integer({ min: 1, max: 12 }),
      (operations, capacity) => {
        const queue = new FairQueue<string>(capacity);
        const inside = new Map<string, number[]>();
        let count = 0;
        let nextNumber = 0;
        const remove = (item: string): void => {
          const [flow, number] = item.split(" ");
          assert.equal(inside.get(flow!)!.shift(), Number(number));
        };
        for (const flow of operations) {
          if (flow === null) {
            const item = queue.shift();
            assert.equal(item === undefined, count === 0);
            if (item === undefined) continue;
            remove(item);
            count--;
            continue;
          }
          const number = nextNumber++;
          const item = `${flow} ${number}`;
          const removed = queue.push(flow, item);
          if (removed === item) {
            assert.equal(count, capacity);
            continue;
          }
          inside.set(flow, [...inside.get(flow) ?? [], number]);
          if (removed === undefined) count++;
          else remove(removed);
          assert.ok(count <= capacity);
          assert.equal(queue.length, count);
        }
      },
    ),
  );
});

Deno.test("FairQueue has a place for a newcomer whatever one other flow does", () => {
  const queue = new FairQueue<string>(16);
  for (let index = 0; index < 1_000; index++) queue.push("flood", "flood");
  assert.equal(queue.push("newcomer", "hello"), "flood");
  for (let index = 0; index < 1_000; index++) queue.push("flood", "flood");
  assert.deepEqual([queue.shift(), queue.shift()], ["flood", "hello"]);
});
