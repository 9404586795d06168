/**
 * Where agents are found: records, leases and queries over a store.
 *
 * This folder knows what an agent says about itself and how long that is worth
 * believing. It knows no network: `mesh` serves a registry to agents. Time is
 * an argument everywhere.
 *
 * @module
 */
export {
  type AgentEntry,
  type AgentRecord,
  type AgentStatus,
  isSameKey,
  isSameRecord,
  validateRecord,
} from "./agent_record.ts";
export {
  DEFAULT_HEARTBEAT_INTERVAL_MS,
  DEFAULT_LEASE_MS,
  DEFAULT_MAX_RECORDS,
  DEFAULT_MAX_RECORDS_PER_KEY,
  DEFAULT_QUERY_LIMIT,
  MAX_CAPABILITY_COUNT,
  MAX_HOSTNAME_LENGTH,
  MAX_LABEL_BYTES,
  MAX_LEASE_MS,
  MAX_METADATA_COUNT,
  MAX_METADATA_KEY_BYTES,
  MAX_METADATA_VALUE_BYTES,
  MAX_NAME_BYTES,
  MAX_QUERY_LIMIT,
  MAX_TAG_COUNT,
  MISSED_HEARTBEATS_TO_RETIRE,
  type RegistryLimits,
} from "./config.ts";
export { RegistryError, type RegistryErrorCode } from "./error.ts";
export { heartbeatIntervalMs, type Lease } from "./lease.ts";
export { type AgentSelector, type RegistryQuery } from "./query.ts";
export type { HeartbeatUpdate, Registry } from "./registry.ts";
export { MemoryRegistry } from "./store/memory.ts";
export { SqliteRegistry, type SqliteRegistryOptions } from "./store/sqlite.ts";
export {
  type Fault,
  MxpError,
  type MxpErrorOptions,
} from "../internal/error.ts";
export type { Instant } from "../internal/instant.ts";
