import assert from "node:assert/strict";
import { oneLine, printable } from "./printable.ts";

Deno.test("printable() replaces what steers a terminal or turns the writing", () => {
  assert.equal(printable("a\u202eb\r\n\0é"), "a?b???é");
  assert.equal(printable("\x1b[2J\x9b31m\x7f"), "?[2J?31m?");
});

Deno.test("oneLine() joins lines by spaces and makes the rest printable", () => {
  assert.equal(
    oneLine("  first \r\n\n second\x1b]0;title\x07\t"),
    "first second?]0;title?",
  );
});
