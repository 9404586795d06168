/**
 * What agents and nodes say about agents, between its shapes on the wire and
 * in the registry.
 *
 * Spec: docs/spec/registry.md.
 *
 * @module
 */
import { allocateBytes } from "../internal/byte_pool.ts";
import {
  type AgentDiscoverPayload,
  type AgentRegisterPayload,
  DiscoverKind,
  type Extension,
  formatAgentId,
  HeartbeatStatus,
  isNilAgentId,
  parseAgentId,
  type RegisterEndpoint,
} from "../protocol/mod.ts";
import {
  type AgentEntry,
  type AgentRecord,
  type AgentSelector,
  type AgentStatus,
  DEFAULT_LEASE_MS,
  isSameKey,
  MAX_LEASE_MS,
  RegistryError,
  type RegistryQuery,
  validateRecord,
} from "../registry/mod.ts";
import type { Address } from "../transport/mod.ts";
import { CallError } from "./error.ts";
import {
  canonicalHostname,
  formatIp,
  IPV4_LENGTH,
  parseHostPort,
  parseIpv4,
  parseIpv6,
} from "./ip_address.ts";

/** Extension of a record list's elements: status u8, load u16. */
export const PRESENCE_EXTENSION = 7;

const PRESENCE_LENGTH = 3;
const FULL_LOAD = 0xffff;

const STATUS_NUMBERS: Readonly<Record<AgentStatus, HeartbeatStatus>> = {
  available: HeartbeatStatus.AVAILABLE,
  draining: HeartbeatStatus.DRAINING,
  leaving: HeartbeatStatus.LEAVING,
};

const STATUS_NAMES = Object.keys(STATUS_NUMBERS) as AgentStatus[];

/** Those of agents in a list: who leaves is in none. */
const PRESENT_STATUSES = ["available", "draining"] as const;

const KIND_NUMBERS: Readonly<Record<AgentSelector["kind"], DiscoverKind>> = {
  all: DiscoverKind.ALL,
  capability: DiscoverKind.CAPABILITY,
  name: DiscoverKind.NAME,
  tag: DiscoverKind.TAG,
  id: DiscoverKind.AGENT_ID,
};

const KIND_NAMES = Object.keys(KIND_NUMBERS) as AgentSelector["kind"][];

/** The wire's number of a status. */
export function statusToNumber(status: AgentStatus): HeartbeatStatus {
  return STATUS_NUMBERS[status];
}

/** The status of a number that a decoder has checked. */
export function statusFromNumber(number: HeartbeatStatus): AgentStatus {
  return STATUS_NAMES.find((name) => STATUS_NUMBERS[name] === number)!;
}

/** What a node knows about the sender of a registration. */
export interface RegistrationContext {
  /** The key that the connection proves. */
  readonly publicKey: Uint8Array;
  /** Where the connection comes from. */
  readonly observed: Address;
  /** The lease to record, in milliseconds. */
  readonly ttlMs: number;
  /** Wall-clock time, in milliseconds of the Unix epoch. */
  readonly registeredAtMs: number;
}

/**
 * Turns a registration into a record.
 *
 * @param register What the agent says.
 * @param context What the node knows.
 * @returns The record, not yet checked against the registry's rules.
 * @throws {CallError} `PERMISSION_DENIED` for a key that is not the
 * connection's, `INVALID_ARGUMENT` for the nil id or a bad address.
 */
export function recordOf(
  register: AgentRegisterPayload,
  context: RegistrationContext,
): AgentRecord {
  const { staticPublicKey } = register;
  if (
    staticPublicKey !== undefined &&
    !isSameKey(staticPublicKey, context.publicKey)
  ) {
    throw new CallError(
      "PERMISSION_DENIED",
      "Registration: the public key is not that of the connection",
    );
  }
  if (isNilAgentId(register.agentId)) {
    throw new CallError(
      "INVALID_ARGUMENT",
      "Registration: the agent id is nil",
    );
  }
  return {
    agentId: formatAgentId(register.agentId),
    name: register.name,
    capabilities: register.capabilities,
    tags: register.tags ?? [],
    metadata: register.metadata ?? {},
    ...endpointOf(register, context.observed),
    publicKey: context.publicKey,
    ttlMs: context.ttlMs,
    registeredAtMs: context.registeredAtMs,
  };
}

/** Where an agent is reached: the four rules of docs/spec/registry.md. */
function endpointOf(
  register: AgentRegisterPayload,
  observed: Address,
): Address {
  const { advertisedAddress, endpoint, ipv6Endpoint } = register;
  if (advertisedAddress !== undefined) {
    const parsed = parseHostPort(advertisedAddress);
    if (parsed === undefined || parsed.hostname === "" || parsed.port === 0) {
      throw new CallError(
        "INVALID_ARGUMENT",
        "Registration: the advertised address is not host:port",
      );
    }
    return parsed;
  }
  const port = endpoint.port || (ipv6Endpoint?.port ?? 0) || observed.port;
  const specified = [endpoint, ipv6Endpoint].find(isSpecified);
  return {
    hostname: specified === undefined
      ? canonicalHostname(observed.hostname)
      : formatIp(specified.address),
    port: specified?.port || port,
  };
}

function isSpecified(
  endpoint: RegisterEndpoint | undefined,
): endpoint is RegisterEndpoint {
  return endpoint?.address.some((byte) => byte !== 0) ?? false;
}

/**
 * Turns a record into an element of a record list.
 *
 * @param entry The record.
 */
export function listElementOf(entry: AgentEntry): AgentRegisterPayload {
  const { hostname, port } = entry;
  const ipv4 = parseIpv4(hostname);
  const ipv6 = ipv4 === undefined ? parseIpv6(hostname) : undefined;
  const isName = ipv4 === undefined && ipv6 === undefined;
  return {
    agentId: parseAgentId(entry.agentId),
    name: entry.name,
    capabilities: entry.capabilities,
    endpoint: { address: ipv4 ?? new Uint8Array(IPV4_LENGTH), port },
    staticPublicKey: entry.publicKey,
    ...(ipv6 === undefined ? {} : { ipv6Endpoint: { address: ipv6, port } }),
    ttlMs: entry.ttlMs,
    tags: entry.tags,
    metadata: entry.metadata,
    ...(isName ? { advertisedAddress: `${hostname}:${port}` } : {}),
    unknownExtensions: [encodePresence(entry)],
  };
}

/**
 * Turns an element of a record list into a record.
 *
 * @param element The element; copied.
 * @returns The record; `undefined` for one that this version cannot use, such
 * as one without a key, or with a presence that it does not know.
 */
export function entryOf(element: AgentRegisterPayload): AgentEntry | undefined {
  const { staticPublicKey, ttlMs } = element;
  if (staticPublicKey === undefined || isNilAgentId(element.agentId)) {
    return undefined;
  }
  try {
    const record = recordOf(element, {
      publicKey: staticPublicKey,
      observed: { hostname: "", port: 0 },
      ttlMs: Math.min(ttlMs ?? DEFAULT_LEASE_MS, MAX_LEASE_MS),
      registeredAtMs: 0,
    });
    const { registeredAtMs: _, ...checked } = validateRecord(record);
    return { ...checked, ...decodePresence(element.unknownExtensions ?? []) };
  } catch (error) {
    if (error instanceof RegistryError || error instanceof CallError) {
      return undefined;
    }
    throw error;
  }
}

function encodePresence(entry: AgentEntry): Extension {
  const value = allocateBytes(PRESENCE_LENGTH);
  const load = Math.round(entry.load * FULL_LOAD);
  value[0] = statusToNumber(entry.status);
  value[1] = load;
  value[2] = load >>> 8;
  return { type: PRESENCE_EXTENSION, value };
}

function decodePresence(
  extensions: readonly Extension[],
): { status: AgentStatus; load: number } {
  const values = extensions.filter(({ type }) => type === PRESENCE_EXTENSION)
    .map(({ value }) => value);
  const [value] = values;
  if (value === undefined) return { status: "available", load: 0 };
  const status = PRESENT_STATUSES.find((name) =>
    STATUS_NUMBERS[name] === value[0]
  );
  if (
    values.length > 1 || value.length !== PRESENCE_LENGTH ||
    status === undefined
  ) {
    throw new CallError("INVALID_ARGUMENT", "Agent list: a presence is none");
  }
  return { status, load: (value[1]! + value[2]! * 256) / FULL_LOAD };
}

/**
 * Turns a question into a query.
 *
 * @param discover The question.
 */
export function queryOf(discover: AgentDiscoverPayload): RegistryQuery {
  const { term, limit } = discover;
  const kind = KIND_NAMES.find((name) => KIND_NUMBERS[name] === discover.kind)!;
  const bound = limit === 0 ? {} : { limit };
  if (kind === "all") return { kind, ...bound };
  return { kind, term: kind === "id" ? term.toLowerCase() : term, ...bound };
}

/**
 * Turns a query into a question.
 *
 * @param query The query.
 */
export function discoverOf(query: RegistryQuery): AgentDiscoverPayload {
  return {
    kind: KIND_NUMBERS[query.kind],
    limit: query.limit ?? 0,
    term: query.kind === "all" ? "" : query.term,
  };
}

/** What a node answers to a registration. */
export interface Registration {
  /** How long the record stays without a heartbeat, in milliseconds. */
  readonly leaseMs: number;
  /** How often to send a heartbeat, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** Where other agents are told to go. */
  readonly hostname: string;
  /** The UDP port there. */
  readonly port: number;
}

/**
 * Checks the answer to a registration.
 *
 * @param value The decoded body.
 * @returns Its members that are known here.
 * @throws {CallError} `INTERNAL` when one of them is missing or wrong.
 */
export function checkRegistration(value: unknown): Registration {
  const { leaseMs, heartbeatIntervalMs, hostname, port } =
    (value ?? {}) as Partial<Record<keyof Registration, unknown>>;
  if (
    !isInterval(leaseMs) || !isInterval(heartbeatIntervalMs) ||
    typeof hostname !== "string" || !isInterval(port)
  ) {
    throw new CallError(
      "INTERNAL",
      "Node: its answer has not the agreed shape",
    );
  }
  return { leaseMs, heartbeatIntervalMs, hostname, port };
}

function isInterval(value: unknown): value is number {
  return typeof value === "number" && value >= 1 && value <= MAX_LEASE_MS;
}
