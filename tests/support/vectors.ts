/**
 * Published test vectors, which lie beside the repository and not in it.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../../shared/vectors/", import.meta.url);

/**
 * Registers a test that reads a vector file. Without the file it is ignored,
 * under a name that says why.
 *
 * @param name What the tested symbol does.
 * @param file The vector file's name.
 * @param run Gets the parsed file.
 */
export function testVectors<T>(
  name: string,
  file: string,
  run: (vectors: T) => void,
): void {
  const url = new URL(file, FOLDER);
  const isPresent = existsSync(url);
  Deno.test({
    name: isPresent ? name : `${name} (ignored: ${file} is not here)`,
    ignore: !isPresent,
    fn: () => run(JSON.parse(readFileSync(url, "utf8")) as T),
  });
}

/**
 * Reads hexadecimal digits.
 *
 * @param digits An even number of them.
 * @returns The bytes.
 */
export function fromHex(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = parseInt(digits.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}

/**
 * Writes hexadecimal digits.
 *
 * @param bytes The bytes.
 * @returns Two digits for each byte.
 */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
