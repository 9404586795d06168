/**
 * Errors of the registry.
 *
 * @module
 */
import { MxpError } from "../internal/error.ts";

/** Codes of a {@linkcode RegistryError}: stable, never renamed, never reused. */
export type RegistryErrorCode =
  /** A record, or a limit of the registry, breaks a rule. */
  | "RECORD_INVALID"
  /** A query breaks a rule. */
  | "QUERY_INVALID"
  /** The registry holds as many records as it may. */
  | "REGISTRY_FULL"
  /** One public key holds as many records as it may. */
  | "KEY_LIMIT"
  /** The agent id belongs to another public key. */
  | "NOT_OWNER"
  /** The storage below refused, or cannot be read. */
  | "STORE_FAILED"
  /** The registry was closed. */
  | "CLOSED";

/** An error of the registry. After any of them the registry is as it was. */
export class RegistryError extends MxpError<RegistryErrorCode> {}
