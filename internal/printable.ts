/**
 * Text of others that ends up on terminals and in logs.
 *
 * @module
 */

/** Control characters, and those that make text look like another. */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Makes text of others safe for a terminal.
 *
 * @param text Any text.
 * @returns The text, with `?` for each character that would steer the terminal
 * or turn the direction of writing.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, "?");
}

/**
 * Makes text of others safe for a line of a terminal or a log.
 *
 * @param text Any text.
 * @returns The text as {@linkcode printable} gives it, its lines joined by spaces.
 */
export function oneLine(text: string): string {
  return printable(text.replace(/\s*[\r\n]\s*/g, " ").trim());
}
