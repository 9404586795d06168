/**
 * Writes the files of vectors: `deno task vectors`.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { stdout } from "node:process";
import { VECTOR_FILES } from "./make/mod.ts";
import { stringify } from "./make/vector_file.ts";

let length = 0;
for (const [name, make] of Object.entries(VECTOR_FILES)) {
  const text = stringify(make());
  length += text.length;
  writeFileSync(new URL(name, import.meta.url), text);
}
stdout.write(
  `${Object.keys(VECTOR_FILES).length} files, ${length} bytes\n`,
);
