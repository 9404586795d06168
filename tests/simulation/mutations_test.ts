import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { MUTATIONS } from "./mutations.ts";

Deno.test("MUTATIONS change text that stands in its file once", () => {
  for (const { name, file, from } of MUTATIONS) {
    const path = new URL(`../../${file}`, import.meta.url);
    const count = readFileSync(path, "utf8").split(from).length - 1;
    assert.equal(count, 1, `${name}: ${file}`);
  }
});
