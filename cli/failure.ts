/**
 * Whatever was thrown, as an exit code, one line and a JSON value.
 *
 * @module
 */
import { CommanderError } from "commander";
import { MxpError } from "../internal/error.ts";
import { CallError } from "../mesh/mod.ts";
import { CliError } from "./error.ts";
import { ExitCode, type ExitCodeValue } from "./exit_code.ts";
import { oneLine } from "../internal/printable.ts";

/** What is said about a failure. */
export interface Failure {
  /** How the process ends. */
  readonly exitCode: ExitCodeValue;
  /** Stable name of what went wrong. */
  readonly code: string;
  /** One line for a person; empty when there is nobody to read it. */
  readonly message: string;
  /** The capability that was asked for. */
  readonly capability?: string;
  /** The method that was called. */
  readonly method?: string;
  /** When a repetition may succeed, in milliseconds. */
  readonly retryAfterMs?: number;
}

const EXIT_CODES: Readonly<Record<string, ExitCodeValue>> = {
  ADDRESS_IN_USE: ExitCode.CONNECTION_LOST,
  BIND_FAILED: ExitCode.CONNECTION_LOST,
  CARRIER_FAILED: ExitCode.CONNECTION_LOST,
  CLOSED: ExitCode.CONNECTION_LOST,
  CLOSED_BY_PEER: ExitCode.CONNECTION_LOST,
  CONNECTION_LOST: ExitCode.CONNECTION_LOST,
  DATA_LOSS: ExitCode.CONNECTION_LOST,
  DEADLINE_EXCEEDED: ExitCode.TIMED_OUT,
  HANDSHAKE_TIMEOUT: ExitCode.TIMED_OUT,
  INTERRUPTED: ExitCode.INTERRUPTED,
  INVALID_AGENT_ID: ExitCode.USAGE,
  INVALID_URL: ExitCode.USAGE,
  USAGE: ExitCode.USAGE,
};

/**
 * Describes a failure.
 *
 * @param thrown Any value.
 * @returns What to say about it; never a stack.
 */
export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof CommanderError) {
    const detail = thrown.message.replace(/^error: /, "");
    return {
      exitCode: ExitCode.USAGE,
      code: "USAGE",
      message: oneLine(detail),
    };
  }
  const error = MxpError.from(thrown);
  const message = error instanceof CliError && error.code === "OUTPUT_CLOSED"
    ? ""
    : oneLine(error.message) || "Failed without a reason";
  return {
    exitCode: exitCodeOf(error),
    code: error.code,
    message,
    ...(error instanceof CallError ? factsOf(error) : {}),
  };
}

function exitCodeOf(error: MxpError): ExitCodeValue {
  // An agent or node that cannot be reached: the transport says how.
  const isUnreachable = error.code === "UNAVAILABLE" &&
    error.cause instanceof MxpError;
  const code = isUnreachable ? (error.cause as MxpError).code : error.code;
  return EXIT_CODES[code] ?? ExitCode.FAILED;
}

function factsOf(
  { capability, method, retryAfterMs }: CallError,
): Partial<Failure> {
  return {
    ...(capability === undefined ? {} : { capability }),
    ...(method === undefined ? {} : { method }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
