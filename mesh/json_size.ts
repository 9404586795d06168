/**
 * How much a JSON text is, before it is parsed.
 *
 * @module
 */
import type { Fault } from "../internal/error.ts";
import { ProtocolError } from "../protocol/mod.ts";

/**
 * Most units of a JSON text that is taken. One of the worst kind, 200,000 objects
 * each of which has another name in it, or 700,000 strings, takes some 0.3 s to
 * parse; 4 MiB of ordinary records are 4.6 million units.
 */
export const MAX_JSON_UNITS = 5_000_000;

/** About what a unit takes once it is parsed, in bytes. */
const UNIT_BYTES = 6;

/** No byte is more units than this. */
const MAX_UNITS_PER_BYTE = 10;

/**
 * Units of each byte, by how long it takes to parse: a number in an array is one,
 * a string seven, an empty array eleven.
 */
const UNITS = new Uint8Array(256);
UNITS[",".charCodeAt(0)] = 1;
UNITS['"'.charCodeAt(0)] = 3;
UNITS[":".charCodeAt(0)] = 8;
UNITS["[".charCodeAt(0)] = 10;
UNITS["{".charCodeAt(0)] = 10;

/**
 * Counts the units of a JSON text, of which parsing takes time and memory for each.
 * What stands in strings counts as well: to know it from the rest would take as long
 * as parsing, and a nanosecond for a byte is what this takes.
 *
 * @param body The text in UTF-8; borrowed.
 * @returns How many there are.
 */
export function countJsonUnits(body: Uint8Array): number {
  let count = 0;
  for (let index = 0; index < body.length; index++) {
    count += UNITS[body[index]!]!;
  }
  return count;
}

/**
 * Estimates what a JSON text takes once it is parsed.
 *
 * @param body The text in UTF-8; borrowed.
 * @returns A size in bytes, not below that of the text.
 */
export function estimateParsedBytes(body: Uint8Array): number {
  return Math.max(body.length, UNIT_BYTES * countJsonUnits(body));
}

/**
 * Refuses a JSON text that would take too long to parse, or too much memory. Only
 * one of more than 500,000 bytes is looked at.
 *
 * @param body The text in UTF-8; borrowed.
 * @param fault Who would have to send less.
 * @throws {ProtocolError} `PAYLOAD_TOO_LARGE` above {@linkcode MAX_JSON_UNITS}.
 */
export function checkJsonSize(body: Uint8Array, fault: Fault): void {
  if (body.length * MAX_UNITS_PER_BYTE <= MAX_JSON_UNITS) return;
  const count = countJsonUnits(body);
  if (count <= MAX_JSON_UNITS) return;
  throw new ProtocolError(
    "PAYLOAD_TOO_LARGE",
    `JSON: ${count} units of values and names are above ${MAX_JSON_UNITS}`,
    { fault },
  );
}
