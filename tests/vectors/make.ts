/**
 * Writes the files of vectors: `deno task vectors`.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { printLine } from "../../tools/print_line.ts";
import { parseNothing, taskOptions } from "../../tools/task.ts";
import { VECTOR_FILES } from "./make/mod.ts";
import { stringify } from "./make/vector_file.ts";

/** What `--help` prints. */
const HELP: string =
  `Writes the known answers, tests/vectors/*.json. Takes no options.
`;

taskOptions({ name: "vectors", help: HELP, parse: parseNothing });
let length = 0;
for (const [name, make] of Object.entries(VECTOR_FILES)) {
  const text = stringify(make());
  length += text.length;
  writeFileSync(new URL(name, import.meta.url), text);
}
printLine(`${Object.keys(VECTOR_FILES).length} files, ${length} bytes`);
