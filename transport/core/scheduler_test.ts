import assert from "node:assert/strict";
import { Priority } from "../../protocol/frame/mod.ts";
import { type Schedulable, Scheduler } from "./scheduler.ts";

class Item implements Schedulable {
  isScheduled = false;
  constructor(readonly name: string, readonly priority: Priority) {}
}

/** Gives `count` turns of `byteCount` to items that always have more. */
function turns(
  scheduler: Scheduler<Item>,
  count: number,
  byteCount = 1000,
): string[] {
  return Array.from({ length: count }, () => {
    const item = scheduler.peek()!;
    scheduler.endTurn(byteCount, true);
    return item.name;
  });
}

Deno.test("Scheduler goes round the items of a class", () => {
  const scheduler = new Scheduler<Item>();
  for (const name of ["a", "b", "c"]) {
    scheduler.add(new Item(name, Priority.INTERACTIVE));
  }
  assert.deepEqual(turns(scheduler, 7), ["a", "b", "c", "a", "b", "c", "a"]);
});

Deno.test("Scheduler takes control strictly first", () => {
  const scheduler = new Scheduler<Item>();
  scheduler.add(new Item("bulk", Priority.BULK));
  scheduler.add(new Item("interactive", Priority.INTERACTIVE));
  turns(scheduler, 5);
  scheduler.add(new Item("control", Priority.CONTROL));
  assert.deepEqual(new Set(turns(scheduler, 50)), new Set(["control"]));
});

Deno.test("Scheduler shares interactive and bulk 50 to 10, in bytes", () => {
  for (const [interactiveBytes, bulkBytes] of [[1000, 1000], [100, 1400]]) {
    const scheduler = new Scheduler<Item>();
    scheduler.add(new Item("i", Priority.INTERACTIVE));
    scheduler.add(new Item("b", Priority.BULK));
    const sent = { i: 0, b: 0 };
    for (let turn = 0; turn < 3000; turn++) {
      const name = scheduler.peek()!.name as "i" | "b";
      const byteCount = name === "i" ? interactiveBytes! : bulkBytes!;
      sent[name] += byteCount;
      scheduler.endTurn(byteCount, true);
    }
    const share = sent.i / sent.b;
    assert(share > 4.8 && share < 5.2, `share is ${share}`);
  }
});

Deno.test("Scheduler gives bulk everything while interactive is idle, without a debt", () => {
  const scheduler = new Scheduler<Item>();
  scheduler.add(new Item("b", Priority.BULK));
  turns(scheduler, 100);
  scheduler.add(new Item("i", Priority.INTERACTIVE));
  assert.deepEqual(turns(scheduler, 7), ["i", "b", "i", "i", "i", "i", "i"]);
});

Deno.test("Scheduler.add() queues an item once, drop() lets it be added again", () => {
  const scheduler = new Scheduler<Item>();
  const item = new Item("a", Priority.INTERACTIVE);
  scheduler.add(item);
  scheduler.add(item);
  assert.equal(scheduler.length, 1);
  scheduler.drop();
  assert.equal(scheduler.length, 0);
  assert.equal(scheduler.peek(), undefined);
  scheduler.add(item);
  assert.equal(scheduler.peek(), item);
  scheduler.endTurn(10, false);
  assert.equal(scheduler.peek(), undefined);
  scheduler.drop();
  scheduler.endTurn(0, true);
  assert.equal(scheduler.length, 0);
});
