/**
 * Lines for whoever runs a developer task. They are written when the call
 * returns, so that a process may end right after.
 *
 * @module
 */
import { writeSync } from "node:fs";

const STDOUT = 1;
const STDERR = 2;

/**
 * Prints a line on standard output.
 *
 * @param line Without its end.
 */
export function printLine(line: string): void {
  writeLine(STDOUT, line);
}

/**
 * Prints a line on standard error: progress, or what went wrong.
 *
 * @param line Without its end.
 */
export function noteLine(line: string): void {
  writeLine(STDERR, line);
}

function writeLine(file: number, line: string): void {
  let rest = new TextEncoder().encode(`${line}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
}
