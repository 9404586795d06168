import assert from "node:assert/strict";
import fc from "fast-check";
import { DeadlineHeap } from "./deadline_heap.ts";

Deno.test("DeadlineHeap agrees with a sorted list after any sequence of changes", () => {
  const change = fc.record({
    owner: fc.integer({ min: 0, max: 20 }),
    at: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  });
  fc.assert(fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
    const heap = new DeadlineHeap<number>();
    const model = new Map<number, number>();
    for (const { owner, at } of changes) {
      heap.set(owner, at);
      if (at === undefined) model.delete(owner);
      else model.set(owner, at);
      assert.equal(
        heap.earliest,
        model.size === 0 ? undefined : Math.min(...model.values()),
      );
    }
    let previous = -1;
    for (let left = model.size; left > 0; left--) {
      const owner = heap.popExpired(1_000)!;
      assert.ok(model.get(owner)! >= previous);
      previous = model.get(owner)!;
      model.delete(owner);
    }
    assert.equal(heap.popExpired(1_000), undefined);
  }));
});

Deno.test("DeadlineHeap.popExpired() leaves what has not come yet", () => {
  const heap = new DeadlineHeap<string>();
  heap.set("later", 10);
  heap.set("now", 5);
  assert.equal(heap.popExpired(5), "now");
  assert.equal(heap.popExpired(5), undefined);
  assert.equal(heap.earliest, 10);
});
