import assert from "node:assert/strict";
import { WordTable } from "./word_table.ts";

Deno.test("WordTable.top() gives the most frequent words, equals by alphabet", () => {
  const table = new WordTable();
  for (const word of ["b", "a", "c", "b"]) table.add(word);
  assert.deepEqual(table.top(2), [
    { word: "b", count: 2 },
    { word: "a", count: 1 },
  ]);
  assert.equal(table.isExact, true);
  assert.equal(table.total, 4);
});

Deno.test("WordTable keeps frequent words within its bound, and says that it is inexact", () => {
  const table = new WordTable(100);
  for (let index = 0; index < 5_000; index++) {
    table.add("often");
    table.add(`rare${index}`);
  }
  assert.deepEqual(table.top(1), [{ word: "often", count: 5_000 }]);
  assert.ok(table.top(1_000).length <= 100);
  assert.equal(table.isExact, false);
});
