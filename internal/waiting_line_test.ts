import assert from "node:assert/strict";
import fc from "fast-check";
import { WaitingLine } from "./waiting_line.ts";

function fill(count: number): WaitingLine<number> {
  const line = new WaitingLine<number>();
  for (let item = 0; item < count; item++) line.add(item, undefined);
  return line;
}

/** Serves all who wait. */
function serveAll(line: WaitingLine<number>): number[] {
  const served: number[] = [];
  for (let item = line.peek(); item !== undefined; item = line.peek()) {
    line.serve(item);
    served.push(item);
  }
  return served;
}

Deno.test("WaitingLine serves the oldest first, and keeps what each waits with", () => {
  const line = new WaitingLine<string, number>();
  line.add("a", 1);
  line.add("b", 2);
  line.add("c", 3);
  assert.equal(line.peek(), "a");
  assert.equal(line.get("b"), 2);
  assert.equal(line.delete("a"), true);
  assert.equal(line.delete("a"), false);
  assert.equal(line.get("a"), undefined);
  assert.deepEqual([...line.keys()], ["b", "c"]);
  assert.equal(line.peek(), "b");
  assert.deepEqual(serveAll(fill(5)), [0, 1, 2, 3, 4]);
});

Deno.test("WaitingLine serves the newest first when that is preferred, until nobody waits", () => {
  const line = fill(5);
  line.preferNewest();
  line.add(5, undefined);
  assert.equal(line.peek(), 5);
  line.delete(4);
  assert.deepEqual(serveAll(line), [5, 3, 2, 1, 0]);
  line.preferNewest();
  for (let item = 0; item < 3; item++) line.add(item, undefined);
  assert.deepEqual(serveAll(line), [0, 1, 2]);
});

Deno.test("WaitingLine lets nobody wait for ever while newer ones come", () => {
  const line = fill(10);
  line.preferNewest();
  const served: number[] = [];
  for (let item = 10; item < 90; item++) {
    line.add(item, undefined);
    const next = line.peek()!;
    // It is looked at more than once before there is something for it.
    assert.equal(line.peek(), next);
    line.serve(next);
    served.push(next);
  }
  assert.deepEqual(
    served.filter((item) => item < 10),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

Deno.test("WaitingLine agrees with a list, whoever comes, leaves and is served", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "add", "serve", "delete", "prefer"),
    at: fc.nat(1_000),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 1_000 }), (steps) => {
    const line = new WaitingLine<number>();
    const list: number[] = [];
    let turns: number | undefined;
    for (const [item, { what, at }] of steps.entries()) {
      const isNewest = turns !== undefined && turns % 8 !== 7;
      const next = list.at(isNewest ? -1 : 0);
      assert.equal(line.peek(), next);
      if (what === "add") {
        line.add(item, undefined);
        list.push(item);
      } else if (what === "prefer") {
        line.preferNewest();
        if (list.length > 0) turns ??= 0;
      } else if (list.length > 0) {
        const leaving = what === "serve" ? next! : list[at % list.length]!;
        list.splice(list.indexOf(leaving), 1);
        if (what === "serve") line.serve(leaving);
        else assert.equal(line.delete(leaving), true);
        if (what === "serve" && turns !== undefined) turns++;
        if (list.length === 0) turns = undefined;
      }
      assert.equal(line.size, list.length);
    }
    assert.deepEqual([...line.keys()], list);
  }));
});
