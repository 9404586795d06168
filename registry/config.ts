/**
 * Defaults and bounds of the registry. Whatever a peer can make the registry
 * keep is bounded here.
 *
 * @module
 */
import { RegistryError } from "./error.ts";

/** How many heartbeats may be missed before an agent is retired. */
export const MISSED_HEARTBEATS_TO_RETIRE = 3;

/** How often an agent sends a heartbeat when nobody says otherwise, in milliseconds. */
export const DEFAULT_HEARTBEAT_INTERVAL_MS = 5_000;

/** How long a lease lasts when nobody says otherwise, in milliseconds. */
export const DEFAULT_LEASE_MS: number = MISSED_HEARTBEATS_TO_RETIRE *
  DEFAULT_HEARTBEAT_INTERVAL_MS;

/** Longest lease, in milliseconds: a day. */
export const MAX_LEASE_MS: number = 24 * 60 * 60 * 1000;

/** Longest agent name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 256;

/** Most capabilities of one agent. */
export const MAX_CAPABILITY_COUNT = 64;

/** Most tags of one agent. */
export const MAX_TAG_COUNT = 32;

/** Longest capability or tag, in bytes of UTF-8. */
export const MAX_LABEL_BYTES = 128;

/** Most metadata entries of one agent. */
export const MAX_METADATA_COUNT = 32;

/** Longest metadata key, in bytes of UTF-8. */
export const MAX_METADATA_KEY_BYTES = 128;

/** Longest metadata value, in bytes of UTF-8. */
export const MAX_METADATA_VALUE_BYTES = 1024;

/** Longest host name, in characters (RFC 1035 §2.3.4). */
export const MAX_HOSTNAME_LENGTH = 253;

/** How many records a query gives when it names no limit. */
export const DEFAULT_QUERY_LIMIT = 100;

/** Most records that one query gives. */
export const MAX_QUERY_LIMIT = 1000;

/** Most records of a registry when nobody says otherwise: about 150 MB at the worst. */
export const DEFAULT_MAX_RECORDS = 10_000;

/** Most records under one public key when nobody says otherwise. */
export const DEFAULT_MAX_RECORDS_PER_KEY = 64;

/** Bounds on what a registry keeps. */
export interface RegistryLimits {
  /**
   * Most records, expired ones included until they are swept.
   *
   * @default {10,000}
   */
  readonly maxRecords?: number;
  /**
   * Most records under one public key.
   *
   * @default {64}
   */
  readonly maxRecordsPerKey?: number;
}

/**
 * Fills in and checks the limits.
 *
 * @param limits What the caller wants; the rest is taken from the defaults.
 * @returns Every limit.
 * @throws {RegistryError} `RECORD_INVALID` when a limit is not a positive integer.
 */
export function resolveRegistryLimits(
  limits: RegistryLimits = {},
): Required<RegistryLimits> {
  const resolved = {
    maxRecords: limits.maxRecords ?? DEFAULT_MAX_RECORDS,
    maxRecordsPerKey: limits.maxRecordsPerKey ?? DEFAULT_MAX_RECORDS_PER_KEY,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RegistryError(
        "RECORD_INVALID",
        `Registry limit: ${name} must be a positive integer, got ${value}`,
      );
    }
  }
  return resolved;
}
