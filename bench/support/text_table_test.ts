import assert from "node:assert/strict";
import { alignColumns } from "./text_table.ts";

Deno.test("alignColumns() puts heads to the left and numbers to the right", () => {
  assert.deepEqual(
    alignColumns([["", "a", "bcd"], ["head", "12", ""], ["x", "3", "4"]], 1),
    ["       a  bcd", "head  12", "x      3    4"],
  );
});
