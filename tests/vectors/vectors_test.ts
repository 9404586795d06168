/**
 * The files of vectors are what `deno task vectors` makes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { VECTOR_FILES } from "./make/mod.ts";
import { stringify } from "./make/vector_file.ts";

/** What all files together may have, in bytes. */
const MAX_TOTAL_BYTES = 1_000_000;

const FOLDER = new URL("./", import.meta.url);

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), "utf8");
}

for (const [name, make] of Object.entries(VECTOR_FILES)) {
  Deno.test(`tests/vectors/${name} is what the source makes: deno task vectors`, () => {
    const file = make();
    assert.equal(stringify(file), read(name));
    assert.equal(stringify(make()), read(name), "it is the same every time");
    const [page, section] = file.spec.split("#");
    const headings = readFileSync(
      new URL(`../../docs/spec/${page}`, FOLDER),
      "utf8",
    ).split("\n").filter((line) => line.startsWith("#"))
      .map((line) => line.replace(/^#+ /, "").toLowerCase());
    assert.ok(headings.includes(section!.replaceAll("-", " ")), file.spec);
  });
}

Deno.test("tests/vectors holds no other file, is documented, and stays small", () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  assert.deepEqual(names.toSorted(), Object.keys(VECTOR_FILES).toSorted());
  const page = read("README.md");
  for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
  const total = names.reduce((sum, name) => sum + read(name).length, 0);
  assert.ok(total < MAX_TOTAL_BYTES, `${total} bytes`);
});
