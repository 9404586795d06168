/**
 * Errors of observability.
 *
 * @module
 */
import { MxpError } from "../internal/error.ts";

/** Codes of an {@linkcode ObservabilityError}: stable, never renamed, never reused. */
export type ObservabilityErrorCode =
  /** An option is out of its bounds, or nothing was asked for. */
  | "INVALID_CONFIG"
  /** A log cannot be written where it was asked for. */
  | "LOG_UNAVAILABLE"
  /** A file that would hold keys is open to others. */
  | "LOG_PERMISSIONS";

/** An error of observability: thrown when a log is opened, never while it runs. */
export class ObservabilityError extends MxpError<ObservabilityErrorCode> {}
