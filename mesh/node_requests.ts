/**
 * What a node does with each request: one decoded message in, one content out.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import {
  type Content,
  ContentType,
  decodeAgentDiscover,
  decodeAgentHeartbeat,
  decodeAgentRegister,
  decodeEnvelopedCall,
  decodeValue,
  encodeAgentRegister,
  formatAgentId,
  isNilAgentId,
  joinAgentList,
  type Message,
  MessageFlags,
  MessageType,
} from "../protocol/mod.ts";
import {
  type AgentEntry,
  type AgentRecord,
  DEFAULT_QUERY_LIMIT,
  isSameKey,
  type Lease,
  type Registry,
  type RegistryQuery,
} from "../registry/mod.ts";
import type { Address } from "../transport/mod.ts";
import { CallError } from "./error.ts";
import { limit } from "./failure.ts";
import { contentOf, NO_CONTENT } from "./node_answer.ts";
import {
  MAX_CONTROL_PAYLOAD_BYTES,
  MAX_DISCOVER_REPLY_BYTES,
  MAX_REQUESTED_LEASE_MS,
  MIN_REQUESTED_LEASE_MS,
} from "./node_config.ts";
import {
  listElementOf,
  queryOf,
  recordOf,
  type Registration,
  statusFromNumber,
} from "./registry_wire.ts";
import type { RegistryWrites } from "./registry_writes.ts";
import { SENDING_TURNS } from "./sending_turns.ts";

/** Records that are looked at in the time of one chunk, 2 µs. */
const RECORDS_SEARCHED_PER_CHUNK = 50;

/** Chunks that are sent in the time of one record of an answer, 5 µs. */
const CHUNKS_PER_RECORD_FOUND = 2.5;

/** What the node gives a request to work with. */
export interface NodeServices {
  /** The registry. */
  readonly registry: Registry;
  /** The clock. */
  readonly clock: Clock;
  /** Wall-clock time, in milliseconds of the Unix epoch. */
  readonly wallClock: () => number;
  /** The lease of an agent that wishes for none, in milliseconds. */
  readonly leaseMs: number;
  /**
   * Over which connection each agent was registered last, by the agent's id: the
   * `token` of its {@linkcode Requester}.
   */
  readonly registrants: Map<string, symbol>;
  /**
   * Over which connections each agent is being registered, by its id and key, in the
   * order in which that began: a registry behind a network may have the record before
   * it says so.
   */
  readonly registering: Map<string, symbol[]>;
  /** Who has the registry written to, and when. */
  readonly writes: RegistryWrites;
  /** What `mxp.status` answers. */
  readonly status: () => NodeStatus;
}

/** Counters of a node. */
export interface NodeStatus {
  /** Records in the registry, expired ones included until swept. */
  readonly agents: number;
  /** Connections. */
  readonly connections: number;
  /** Subscriptions of all connections. */
  readonly subscriptions: number;
  /** Events that were dropped because their subscriber was slow. */
  readonly droppedEvents: number;
}

/** Who asks. */
export interface Requester {
  /** Tells its connection from all others, and keeps none of it. */
  readonly token: symbol;
  /** The key that the connection proves. */
  readonly publicKey: Uint8Array;
  /** Where the connection comes from. */
  readonly address: Address;
  /**
   * Counts a registration, and waits for its turn to be written.
   *
   * @param byteCount What is held of it meanwhile.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when there were too many, `CANCELLED`
   * when the connection has ended.
   */
  takeRegistration(byteCount: number): Promise<void>;
  /** Waits for the turn of an agent that leaves to be removed. */
  takeRemoval(): Promise<void>;
  /** Subscribes; returns whether it is new. */
  subscribe(pattern: string): boolean;
  /** Unsubscribes; returns whether there was one. */
  unsubscribe(pattern: string): boolean;
}

/**
 * Carries out a request that is not an event.
 *
 * @param services The node.
 * @param requester Who asks.
 * @param message The request.
 * @returns The content of the response.
 * @throws {CallError} Or a `ProtocolError` or `RegistryError`: see `toRefusal`.
 */
export async function handleRequest(
  services: NodeServices,
  requester: Requester,
  message: Message,
): Promise<Content> {
  const { payload } = message;
  checkFlags(message, 0);
  if (payload.length > MAX_CONTROL_PAYLOAD_BYTES) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `Request: ${payload.length} bytes, at most ${MAX_CONTROL_PAYLOAD_BYTES}`,
    );
  }
  switch (message.type) {
    case MessageType.AGENT_REGISTER:
      return await register(services, requester, payload);
    case MessageType.AGENT_HEARTBEAT:
      return await heartbeat(services, requester, payload);
    case MessageType.AGENT_DISCOVER:
      return await discover(services, payload);
    case MessageType.CALL:
      return call(services, requester, payload);
    default:
      throw new CallError(
        "UNIMPLEMENTED",
        `Node: it does not take messages of type 0x${
          message.type.toString(16)
        }`,
      );
  }
}

/**
 * Refuses what a node would have to open first.
 *
 * @param message The message.
 * @param allowed Flags that are fine although they change the payload.
 * @throws {CallError} `UNIMPLEMENTED`.
 */
export function checkFlags(message: Message, allowed: number): void {
  const opaque = MessageFlags.COMPRESSED | MessageFlags.ENCRYPTED;
  if ((message.flags & opaque & ~allowed) !== 0) {
    throw new CallError(
      "UNIMPLEMENTED",
      "Node: requests are neither compressed nor sealed",
    );
  }
}

async function register(
  services: NodeServices,
  requester: Requester,
  payload: Uint8Array,
): Promise<Content> {
  const { leaseMs } = services;
  await requester.takeRegistration(payload.length);
  const registration = decodeAgentRegister(payload);
  const record = recordOf(registration, {
    publicKey: requester.publicKey,
    observed: requester.address,
    ttlMs: grantedLeaseMs(registration.ttlMs, leaseMs),
    registeredAtMs: services.wallClock(),
  });
  const lease = await registerLast(services, requester, record);
  const answer: Registration = {
    leaseMs: lease.ttlMs,
    heartbeatIntervalMs: lease.heartbeatIntervalMs,
    hostname: record.hostname,
    port: record.port,
  };
  return contentOf(answer);
}

/** Registers an agent; who begins last, and does not fail, speaks for it from then on. */
async function registerLast(
  services: NodeServices,
  { publicKey, token }: Requester,
  record: AgentRecord,
): Promise<Lease> {
  const { registry, registrants, registering, clock } = services;
  const { agentId } = record;
  const key = registrationKey(agentId, publicKey);
  const tokens = registering.get(key) ?? [];
  registering.set(key, tokens);
  tokens.push(token);
  /** How many began before this one, and are under way; -1 if a later one is done. */
  const place = (): number => tokens.indexOf(token);
  try {
    const lease = await registry.register(clock.now(), record);
    if (place() >= 0) {
      registrants.set(agentId, token);
      tokens.splice(0, place());
    }
    return lease;
  } finally {
    if (place() >= 0) tokens.splice(place(), 1);
    if (tokens.length === 0 && registering.get(key) === tokens) {
      registering.delete(key);
    }
  }
}

/** Of an agent and its key: what others try to register concerns nobody. */
function registrationKey(id: string, publicKey: Uint8Array): string {
  return id + String.fromCharCode(...publicKey);
}

/** A wish within bounds that always include the node's own lease. */
function grantedLeaseMs(wishMs: number | undefined, leaseMs: number): number {
  const shortest = Math.min(MIN_REQUESTED_LEASE_MS, leaseMs);
  const longest = Math.max(MAX_REQUESTED_LEASE_MS, leaseMs);
  return Math.min(longest, Math.max(shortest, wishMs ?? leaseMs));
}

async function heartbeat(
  services: NodeServices,
  requester: Requester,
  payload: Uint8Array,
): Promise<Content> {
  const { agentId, status, load, sequence } = decodeAgentHeartbeat(payload);
  const id = formatAgentId(agentId);
  const { registry, registrants, clock } = services;
  // In the order of its registration, which may not have had its turn yet.
  if (statusFromNumber(status) === "leaving") await requester.takeRemoval();
  const { publicKey } = requester;
  const tokens = services.registering.get(registrationKey(id, publicKey));
  const registrant = tokens?.at(-1) ?? registrants.get(id);
  if (registrant !== undefined && registrant !== requester.token) {
    throw await refuseStranger(services, requester, id);
  }
  const update = {
    status: statusFromNumber(status),
    load,
    sequence,
    publicKey,
  };
  const isKnown = await registry.heartbeat(clock.now(), id, update);
  const isOver = !isKnown || update.status === "leaving";
  if (isOver && registrants.get(id) === requester.token) registrants.delete(id);
  if (!isKnown) throw notRegistered(id);
  return NO_CONTENT;
}

/** Why a connection that did not register an agent last does not speak for it. */
async function refuseStranger(
  { registry, clock }: NodeServices,
  requester: Requester,
  id: string,
): Promise<CallError> {
  const [entry] = await registry.find(clock.now(), { kind: "id", term: id });
  if (entry === undefined) return notRegistered(id);
  // An instance that was replaced must not take its successor along.
  const reason = isSameKey(entry.publicKey, requester.publicKey)
    ? "another connection has registered it since"
    : "it is registered by another key";
  return new CallError("PERMISSION_DENIED", `Agent ${id}: ${reason}`);
}

function notRegistered(id: string): CallError {
  return new CallError("NOT_FOUND", `Agent ${id}: not registered`);
}

async function discover(
  services: NodeServices,
  payload: Uint8Array,
): Promise<Content> {
  const query = queryOf(decodeAgentDiscover(payload));
  const { registry, clock } = services;
  // Before the search: what waits for its turn is a question, not an answer.
  const waiting = SENDING_TURNS.take(workOf(registry, query));
  if (waiting !== undefined) await waiting;
  const found = await registry.find(clock.now(), query);
  return {
    contentType: ContentType.BYTES,
    body: joinAgentList(encodeFitting(found)),
  };
}

/**
 * How long a discovery keeps the event loop, in chunks of a stream. Many large
 * ones at a time would keep it for seconds.
 */
function workOf(registry: Registry, query: RegistryQuery): number {
  const searched = registry.candidateCount?.(query) ?? registry.size;
  const found = Math.min(query.limit ?? DEFAULT_QUERY_LIMIT, searched);
  return 1 + Math.ceil(
    searched / RECORDS_SEARCHED_PER_CHUNK + found * CHUNKS_PER_RECORD_FOUND,
  );
}

/** As many of the first entries as fit into an answer. */
function encodeFitting(entries: readonly AgentEntry[]): Uint8Array[] {
  const records: Uint8Array[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const record = encodeAgentRegister(listElementOf(entry));
    bytes += record.length;
    if (bytes > MAX_DISCOVER_REPLY_BYTES) break;
    records.push(record);
  }
  return records;
}

function call(
  services: NodeServices,
  requester: Requester,
  payload: Uint8Array,
): Content {
  const { target, data } = decodeEnvelopedCall(payload);
  if (!isNilAgentId(target)) {
    throw new CallError(
      "NOT_FOUND",
      `Node: calls to agents go to them directly, not to ${
        formatAgentId(target)
      }`,
    );
  }
  const { method, contentType, body } = data;
  switch (method) {
    case "mxp.ping":
      return { contentType, body };
    case "mxp.status":
      return contentOf(services.status());
    case "mxp.subscribe": {
      const isNew = requester.subscribe(textOf(contentType, body));
      return contentOf({ isNew });
    }
    case "mxp.unsubscribe": {
      const wasSubscribed = requester.unsubscribe(textOf(contentType, body));
      return contentOf({ wasSubscribed });
    }
    default:
      throw new CallError(
        "UNIMPLEMENTED",
        `Node: it has no method ${limit(method)}`,
      );
  }
}

function textOf(contentType: number, body: Uint8Array): string {
  const value = decodeValue(contentType, body);
  if (typeof value !== "string") {
    throw new CallError("INVALID_ARGUMENT", "Node: the topic must be text");
  }
  return value;
}
