/**
 * The files of a run.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes files.
 *
 * @param folder Where; made when it is not there.
 * @param files Their names and contents.
 * @param say Told of each.
 */
export function saveFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
  say: (line: string) => void,
): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content);
    say(`Written: ${join(folder, name)}`);
  }
}
