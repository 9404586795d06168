/**
 * What the exit code of `mxp` says.
 *
 * @module
 */

/** Exit codes. Scripts rely on them: numbers are never reused. */
export const ExitCode = {
  /** It did what it was asked to do. */
  DONE: 0,
  /** It was refused, or something is wrong that none of the others says. */
  FAILED: 1,
  /** The command line is wrong; nothing was tried. */
  USAGE: 2,
  /** No answer came in time. */
  TIMED_OUT: 3,
  /** The connection broke or could not be made, or an address cannot be used. */
  CONNECTION_LOST: 4,
  /** Ctrl-C during a call or a stream: 128 and the number of SIGINT. */
  INTERRUPTED: 130,
} as const;

/** One of the exit codes. */
export type ExitCodeValue = typeof ExitCode[keyof typeof ExitCode];
