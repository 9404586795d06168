/**
 * Reads the defaults of options from their doc comments, so that a test can
 * compare them with what the code does.
 *
 * @module
 */
import { readPage } from "./markdown_table.ts";

/** Sizes that stand behind a number; milliseconds are what times are kept in. */
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/**
 * Finds the defaults in the doc comments of an interface.
 *
 * @param path Where the interface is, from the root of the repository.
 * @param name Its name.
 * @returns The text between the braces of each tag, by property.
 * @throws {Error} When there is no such interface.
 */
export function defaultsOf(path: string, name: string): Map<string, string> {
  const source = readPage(path);
  const start = source.indexOf(`export interface ${name} `);
  if (start < 0) throw new Error(`${path} has no interface ${name}`);
  const body = source.slice(start, source.indexOf("\n}", start));
  const tag = /@default \{([^}]+)\}\s*\*\/\s*readonly (\w+)\?/g;
  return new Map(
    [...body.matchAll(tag)].map((match) => [
      match[2]!,
      match[1]!.replaceAll(/\s*\n\s*\*\s*/g, " "),
    ]),
  );
}

/**
 * Reads a default.
 *
 * @param text What stands between the braces: `10,000`, `250 ms`, `8 MiB`, or
 * JSON.
 * @returns The value; `undefined` when it is described in words.
 */
export function valueOf(text: string): unknown {
  const [, digits, unit] = /^([\d.,]+)(?: (\w+))?$/.exec(text) ?? [];
  if (digits !== undefined) {
    return Number(digits.replaceAll(",", "")) * (UNITS[unit ?? "ms"] ?? NaN);
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
