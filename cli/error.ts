/**
 * What goes wrong in the command line itself.
 *
 * @module
 */
import { MxpError } from "../internal/error.ts";

/**
 * Codes of a {@linkcode CliError}: a node that does not conform, or on which no
 * clause could be judged, a command line that makes no sense, a file that cannot
 * be read, Ctrl-C, a reader of the output that went away, and output that cannot
 * be written.
 */
export type CliErrorCode =
  | "CLAUSES_FAILED"
  | "FILE_UNREADABLE"
  | "INTERRUPTED"
  | "NOTHING_JUDGED"
  | "OUTPUT_CLOSED"
  | "OUTPUT_FAILED"
  | "USAGE";

/** An error of the command line itself. */
export class CliError extends MxpError<CliErrorCode> {}

/**
 * A command line that makes no sense.
 *
 * @param detail What to do about it, without a final period.
 * @returns The error to throw.
 */
export function usageError(detail: string): CliError {
  return new CliError("USAGE", detail);
}
