/**
 * What can go wrong with a call.
 *
 * @module
 */
import {
  type Fault,
  MxpError,
  type MxpErrorOptions,
} from "../internal/error.ts";
import { oneLine } from "../internal/printable.ts";
import { StatusCode, type StatusName, statusName } from "./status_code.ts";

/**
 * Codes of a {@linkcode CallError}: the call status names, and
 * `CONNECTION_LOST` for a peer that vanished before it had answered.
 */
export type CallErrorCode = Exclude<StatusName, "OK"> | "CONNECTION_LOST";

/** Options of a {@linkcode CallError}. */
export interface CallErrorOptions extends MxpErrorOptions {
  /** When a repetition may succeed, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** The capability that was asked for, when the caller named one. */
  readonly capability?: string | undefined;
  /** The method that was called. */
  readonly method?: string | undefined;
}

/** Who has to act, by code; the rest are the peer's. */
const FAULTS: Partial<Record<CallErrorCode, Fault>> = {
  CANCELLED: "caller",
  INVALID_ARGUMENT: "caller",
  NOT_FOUND: "caller",
  ALREADY_EXISTS: "caller",
  PERMISSION_DENIED: "caller",
  FAILED_PRECONDITION: "caller",
  OUT_OF_RANGE: "caller",
  UNIMPLEMENTED: "caller",
  UNAUTHENTICATED: "caller",
  DEADLINE_EXCEEDED: "network",
  UNAVAILABLE: "network",
  CONNECTION_LOST: "network",
};

/**
 * A call, or a message to a node, that did not succeed. A handler throws it to
 * answer with a status of its choice.
 *
 * @example Answer with a status
 * ```ts
 * import { CallError } from "@mxp/core/mesh";
 * import assert from "node:assert/strict";
 *
 * const error = new CallError("RESOURCE_EXHAUSTED", "Quota: used up for today", {
 *   retryAfterMs: 60_000,
 * });
 * assert.equal(error.status, 8);
 * ```
 */
export class CallError extends MxpError<CallErrorCode> {
  /** The call status as a number; that of `UNAVAILABLE` for `CONNECTION_LOST`. */
  readonly status: number;
  /** When a repetition may succeed, in milliseconds from when it was received. */
  readonly retryAfterMs: number | undefined;
  /** The capability that was asked for, when the caller named one. */
  readonly capability: string | undefined;
  /** The method that was called. */
  readonly method: string | undefined;

  /**
   * Makes the error.
   *
   * @param code Why the call did not succeed.
   * @param message One line for a person: `Subject: detail`.
   * @param options Facts about the call.
   */
  constructor(
    code: CallErrorCode,
    message: string,
    options: CallErrorOptions = {},
  ) {
    super(code, message, {
      fault: options.fault ?? FAULTS[code] ?? "peer",
      cause: options.cause,
    });
    this.status = code === "CONNECTION_LOST"
      ? StatusCode.UNAVAILABLE
      : StatusCode[code];
    this.retryAfterMs = options.retryAfterMs;
    this.capability = options.capability;
    this.method = options.method;
  }

  /**
   * Builds the error that a peer reported.
   *
   * @param status Its status number; an unknown one, or OK, becomes `UNKNOWN`.
   * @param message Its message; control characters in it become `?`.
   * @param options Facts about the call.
   * @returns The error to throw at the caller.
   */
  static fromStatus(
    status: number,
    message: string,
    options: CallErrorOptions = {},
  ): CallError {
    const name = statusName(status);
    return new CallError(
      name === "OK" ? "UNKNOWN" : name,
      oneLine(message),
      options,
    );
  }
}
