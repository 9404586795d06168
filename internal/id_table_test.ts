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
      assert.deepEqual(table.values().sort(), [...map.values()].sort());
    }
  }));
});
