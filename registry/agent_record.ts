/**
 * What a registry knows about one agent.
 *
 * @module
 */
import {
  MAX_CAPABILITY_COUNT,
  MAX_HOSTNAME_LENGTH,
  MAX_LABEL_BYTES,
  MAX_LEASE_MS,
  MAX_METADATA_COUNT,
  MAX_METADATA_KEY_BYTES,
  MAX_METADATA_VALUE_BYTES,
  MAX_NAME_BYTES,
  MAX_TAG_COUNT,
} from "./config.ts";
import { RegistryError } from "./error.ts";

/** Size of a static public key, in bytes. */
const PUBLIC_KEY_LENGTH = 32;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const HOSTNAME = /^[A-Za-z0-9._:-]+$/;
// Names end up on terminals: C0, DEL and C1 control characters stay out.
const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * Whether an agent takes new calls. An agent that is `leaving` is retired at
 * once, so no stored record is ever in that state.
 */
export type AgentStatus = "available" | "draining" | "leaving";

/** What an agent registers. */
export interface AgentRecord {
  /** The UUID in its 36-character, lower-case form. */
  readonly agentId: string;
  /** 1 to 256 bytes of UTF-8. Several agents may have the same name. */
  readonly name: string;
  /** At most 64, each 1 to 128 bytes of UTF-8, without repeats. */
  readonly capabilities: readonly string[];
  /** At most 32, each 1 to 128 bytes of UTF-8, without repeats. */
  readonly tags: readonly string[];
  /** At most 32 entries; keys 1 to 128 bytes, values up to 1,024. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the agent is reached: an IP address or a host name. */
  readonly hostname: string;
  /** UDP port, 1 to 65,535. */
  readonly port: number;
  /** The static public key that the agent proved to own, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** How long the record stays without a heartbeat, in milliseconds. */
  readonly ttlMs: number;
  /** When the agent registered, in milliseconds of the Unix epoch. */
  readonly registeredAtMs?: number;
}

/** A record as a query gives it: with what the last heartbeat said. */
export interface AgentEntry extends AgentRecord {
  /** Whether the agent takes new calls. */
  readonly status: AgentStatus;
  /** How busy the agent is, from 0 (idle) to 1. */
  readonly load: number;
}

/**
 * Checks a record and copies it, so that nothing the caller does later can
 * change what the registry holds.
 *
 * @param record The record; borrowed.
 * @returns A frozen copy with repeated capabilities and tags removed.
 * @throws {RegistryError} `RECORD_INVALID` when a rule or a limit is broken.
 */
export function validateRecord(record: AgentRecord): AgentRecord {
  require(UUID.test(record.agentId), "agent id is not a lower-case UUID");
  checkText("name", record.name, MAX_NAME_BYTES);
  require(
    record.hostname.length <= MAX_HOSTNAME_LENGTH &&
      HOSTNAME.test(record.hostname),
    "hostname is neither an IP address nor a host name",
  );
  checkInteger("port", record.port, 65_535);
  checkInteger("ttlMs", record.ttlMs, MAX_LEASE_MS);
  require(
    record.publicKey.length === PUBLIC_KEY_LENGTH,
    `public key is ${record.publicKey.length} bytes, not ${PUBLIC_KEY_LENGTH}`,
  );
  return Object.freeze({
    agentId: record.agentId,
    name: record.name,
    capabilities: copyLabels(
      "capability",
      record.capabilities,
      MAX_CAPABILITY_COUNT,
    ),
    tags: copyLabels("tag", record.tags, MAX_TAG_COUNT),
    metadata: copyMetadata(record.metadata),
    hostname: record.hostname,
    port: record.port,
    publicKey: record.publicKey.slice(),
    ttlMs: record.ttlMs,
    ...(record.registeredAtMs === undefined
      ? {}
      : { registeredAtMs: record.registeredAtMs }),
  });
}

/**
 * Whether two records say the same, `registeredAtMs` aside.
 *
 * @param a One record.
 * @param b Another record.
 */
export function isSameRecord(a: AgentRecord, b: AgentRecord): boolean {
  return a.agentId === b.agentId && a.name === b.name &&
    a.hostname === b.hostname && a.port === b.port && a.ttlMs === b.ttlMs &&
    isSameKey(a.publicKey, b.publicKey) &&
    isSameList(a.capabilities, b.capabilities) && isSameList(a.tags, b.tags) &&
    isSameList(
      Object.entries(a.metadata).flat(),
      Object.entries(b.metadata).flat(),
    );
}

/**
 * Whether two public keys are equal. Not in constant time: they are public.
 *
 * @param a One key.
 * @param b Another key.
 */
export function isSameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

function copyLabels(
  what: string,
  labels: readonly string[],
  maxCount: number,
): readonly string[] {
  require(
    labels.length <= maxCount,
    `${labels.length} of ${what}, at most ${maxCount} allowed`,
  );
  for (const label of labels) checkText(what, label, MAX_LABEL_BYTES);
  return Object.freeze([...new Set(labels)]);
}

function copyMetadata(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(metadata);
  require(
    entries.length <= MAX_METADATA_COUNT,
    `${entries.length} of metadata, at most ${MAX_METADATA_COUNT} allowed`,
  );
  for (const [key, value] of entries) {
    checkText("metadata key", key, MAX_METADATA_KEY_BYTES);
    require(
      value.isWellFormed() && utf8Length(value) <= MAX_METADATA_VALUE_BYTES,
      `metadata value is over ${MAX_METADATA_VALUE_BYTES} bytes or not Unicode`,
    );
  }
  // fromEntries defines own properties, so a key "__proto__" stays a plain key.
  return Object.freeze(Object.fromEntries(entries));
}

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function checkText(what: string, text: string, maxBytes: number): void {
  require(
    text.length > 0 && text.length <= maxBytes && text.isWellFormed() &&
      !CONTROL_CHARACTER.test(text) && utf8Length(text) <= maxBytes,
    `${what} must be 1 to ${maxBytes} bytes of text without control characters`,
  );
}

function checkInteger(what: string, value: number, maximum: number): void {
  require(
    Number.isInteger(value) && value >= 1 && value <= maximum,
    `${what} must be from 1 to ${maximum}, got ${value}`,
  );
}

function require(condition: boolean, detail: string): void {
  if (!condition) {
    throw new RegistryError("RECORD_INVALID", `Agent record: ${detail}`, {
      fault: "peer",
    });
  }
}
