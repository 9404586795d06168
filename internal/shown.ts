/**
 * Values that were given wrongly, in the words of an error.
 *
 * @module
 */

/**
 * Says what was given in place of a number. It never throws.
 *
 * @param value Any value.
 * @returns The number; of what is none only what it is: a text that looks like one
 * would seem to be one, and not everything can be made a text.
 */
export function shown(value: unknown): string {
  if (typeof value === "number") return String(value);
  return value === null ? "null" : typeof value;
}
