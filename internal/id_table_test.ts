import assert from "node:assert/strict";
import fc from "fast-check";
import { IdTable } from "./id_table.ts";

Deno.test("IdTable does what a Map does, for any operations", () => {
  const operation = fc.record({
    action: fc.constantFrom("set", "delete", "clear", "set", "delete"),
    id: fc.oneof(fc.nat(8), fc.constantFrom(2 ** 32 - 1, 2 ** 53 - 1)),
    value: fc.nat(),
  });
  fc.assert(fc.property(fc.array(operation), (operations) => {
    const table = new IdTable<number>();
    const map = new Map<number, number>();
    for (const { action, id, value } of operations) {
      if (action === "set") {
        table.set(id, value);
        map.set(id, value);
      } else if (action === "delete") {
        assert.equal(table.delete(id), map.delete(id));
      } else {
        table.clear();
        map.clear();
      }
      assert.equal(table.size, map.size);
      assert.equal(table.get(id), map.get(id));
      const inOrder = [...map].sort(([a], [b]) => a - b);
      assert.deepEqual(table.values(), inOrder.map(([, kept]) => kept));
    }
  }));
});

Deno.test("IdTable keeps bursts of any size apart, and single values after them", () => {
  const table = new IdTable<number>();
  let id = 0;
  for (const burst of [3, 100, 100, 1_000, 100, 20, 100, 1, 1]) {
    for (let round = 0; round < 300; round++) {
      const ids = Array.from({ length: burst }, () => id += 4);
      for (const each of ids) table.set(each, -each);
      assert.equal(table.size, burst);
      for (const each of ids) assert.equal(table.get(each), -each);
      assert.deepEqual(table.values(), ids.map((each) => -each));
      for (const each of ids) assert.ok(table.delete(each));
      assert.equal(table.size, 0);
    }
  }
});

Deno.test("IdTable keeps thousands apart while others come and go", () => {
  const table = new IdTable<number>();
  const map = new Map<number, number>();
  const set = (id: number): void => {
    table.set(id, id);
    map.set(id, id);
  };
  for (let id = 0; id < 20_000; id += 4) set(id);
  for (let id = 20_000; id < 60_000; id += 4) {
    set(id);
    for (const old of [id - 8, id - 60_000 + 20_000]) {
      assert.equal(table.delete(old), map.delete(old));
    }
  }
  assert.equal(table.size, map.size);
  assert.deepEqual(table.values(), [...map.values()].sort((a, b) => a - b));
  for (const id of [...map.keys()]) assert.ok(table.delete(id));
  assert.deepEqual(table.values(), []);
});
