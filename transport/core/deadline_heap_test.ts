import assert from "node:assert/strict";
import fc from "fast-check";
import { DeadlineHeap, type Schedulable } from "./deadline_heap.ts";

interface Item extends Schedulable {
  readonly name: string;
}

function createItem(name: string): Item {
  return { name, deadlineAt: Infinity, heapIndex: -1 };
}

Deno.test("DeadlineHeap agrees with a sorted list after any sequence of changes", () => {
  const change = fc.record({
    index: fc.integer({ min: 0, max: 20 }),
    at: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  });
  fc.assert(fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
    const heap = new DeadlineHeap<Item>();
    const items = Array.from({ length: 21 }, (_, i) => createItem(`${i}`));
    const model = new Map<string, number>();
    for (const { index, at } of changes) {
      const item = items[index]!;
      const owner = item.name;
      heap.set(item, at);
      if (at === undefined) model.delete(owner);
      else model.set(owner, at);
      assert.equal(
        heap.earliest,
        model.size === 0 ? undefined : Math.min(...model.values()),
      );
    }
    let previous = -1;
    for (let left = model.size; left > 0; left--) {
      const owner = heap.popExpired(1_000)!.name;
      assert.ok(model.get(owner)! >= previous);
      previous = model.get(owner)!;
      model.delete(owner);
    }
    assert.equal(heap.popExpired(1_000), undefined);
  }));
});

Deno.test("DeadlineHeap.popExpired() leaves what has not come yet", () => {
  const heap = new DeadlineHeap<Item>();
  heap.set(createItem("later"), 10);
  heap.set(createItem("now"), 5);
  assert.equal(heap.popExpired(5)?.name, "now");
  assert.equal(heap.popExpired(5), undefined);
  assert.equal(heap.earliest, 10);
});

Deno.test("DeadlineHeap takes an item again that it has given back", () => {
  const heap = new DeadlineHeap<Item>();
  const [first, second] = [createItem("first"), createItem("second")];
  heap.set(first, 1);
  heap.set(second, 2);
  assert.equal(heap.popExpired(1), first);
  heap.set(first, 3);
  heap.set(second, undefined);
  assert.equal(heap.popExpired(3), first);
  assert.equal(heap.earliest, undefined);
});
