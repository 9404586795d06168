/**
 * Paths in command lines.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";

/**
 * Reads a path: a variable of the shell that is not set makes an empty one.
 *
 * @param text The path.
 * @returns The same.
 * @throws {InvalidArgumentError} When it is empty.
 */
export function parsePath(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}
