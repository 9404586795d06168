/**
 * A node: the registry that agents meet at, and the hub of their events.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../internal/clock.ts";
import {
  fingerprint,
  generateKeyPair,
  type Identity,
  type KeyPair,
  loadOrCreateIdentity,
} from "../crypto/mod.ts";
import { formatMxpUrl } from "../protocol/mod.ts";
import {
  type AgentEntry,
  DEFAULT_LEASE_MS,
  MAX_LEASE_MS,
  MAX_QUERY_LIMIT,
  MemoryRegistry,
  MISSED_HEARTBEATS_TO_RETIRE,
  type Registry,
  RegistryError,
  type RegistryLimits,
  SqliteRegistry,
} from "../registry/mod.ts";
import {
  type Address,
  type Carrier,
  CloseCode,
  type EndpointObserver,
  SYSTEM_CLOCK,
  systemRandom,
  Transport,
  type TransportConfig,
  type TransportConnection,
} from "../transport/mod.ts";
import { CallError } from "./error.ts";
import { EventHub } from "./event_hub.ts";
import { QueueBudget } from "./event_queue.ts";
import { ignoreDatagram } from "./ignore_datagram.ts";
import { type HostPort, isUnspecified, parseHostPort } from "./ip_address.ts";
import { KeyTable } from "./key_table.ts";
import { MemoryLimit } from "./message_channel.ts";
import {
  DEFAULT_NODE_HOSTNAME,
  DEFAULT_NODE_PORT,
  MAX_NODE_CONNECTIONS,
  MAX_NODE_QUEUE_BYTES,
  MAX_NODE_REQUEST_BYTES,
  RESERVED_NODE_REQUEST_BYTES,
  SWEEP_INTERVAL_MS,
} from "./node_config.ts";
import type { NodeServices, NodeStatus } from "./node_requests.ts";
import { type HubEvent, type NodePeer, NodeSession } from "./node_session.ts";
import { stopOneWay } from "./one_way_stream.ts";
import {
  checkKind,
  checkMethods,
  checkTime,
  requireKind,
} from "./option_checks.ts";
import { RegistryWrites } from "./registry_writes.ts";
import { checkSharedOptions } from "./shared_options.ts";

/** Name of the key file in the data directory. */
const KEY_FILE = "node.key";

/** Name of the registry file in the data directory. */
const REGISTRY_FILE = "registry.sqlite";

/** Options of {@linkcode Node.start}. */
export interface NodeOptions {
  /**
   * `host:port`, instead of `hostname` and `port`; IPv6 in brackets. Without a
   * host, `:9000`, it is every IPv4 address of the machine.
   */
  readonly bind?: string;
  /**
   * Where to listen. `0.0.0.0` is every address of the machine.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /**
   * The UDP port; 0 lets the system choose.
   *
   * @default {9000}
   */
  readonly port?: number;
  /**
   * Where agents reach the node, `host:port`: what {@linkcode Node.url} says.
   * Absent, it is the bound address, or 127.0.0.1 when that is every address.
   */
  readonly advertise?: string;
  /** Who the node is; wins over the key file of `dataDir`. */
  readonly identity?: Identity;
  /** The same, without a file around it; not with `identity`. */
  readonly keyPair?: KeyPair;
  /**
   * Where the node keeps its key (`node.key`) and its registry
   * (`registry.sqlite`); made when missing. Absent, both end with the process,
   * and the node has a new key each time.
   */
  readonly dataDir?: string;
  /** A registry to use instead; it stays open when the node closes. */
  readonly store?: Registry;
  /** Bounds of the registry that the node makes. */
  readonly limits?: RegistryLimits;
  /**
   * How long an agent stays registered without a heartbeat, in milliseconds.
   *
   * @default {15,000}
   */
  readonly leaseMs?: number;
  /** The same as a third of the lease, in milliseconds; not with `leaseMs`. */
  readonly heartbeatIntervalMs?: number;
  /** Called with one line for a person, and what was thrown if something was. */
  readonly onWarning?: (message: string, cause?: unknown) => void;
  /** What moves datagrams; a UDP socket when absent. It is closed with the node. */
  readonly carrier?: Carrier;
  /** Limits and timing of the transport. */
  readonly transport?: TransportConfig;
  /** Who watches the transport: the `observe` of a packet log, for example. */
  readonly observe?: (local: Address) => EndpointObserver;
  /** The clock of leases and request limits; the system's when absent. */
  readonly clock?: Clock;
}

/** The parts of a node, for its constructor. */
interface NodeParts {
  readonly options: NodeOptions;
  readonly keyPair: KeyPair;
  readonly registry: Registry;
  readonly leaseMs: number;
  readonly advertised: HostPort | undefined;
}

/**
 * A running node.
 *
 * @example Usage
 * ```ts
 * import { Node } from "@mxp/core/mesh";
 * import assert from "node:assert/strict";
 *
 * const node = await Node.start({ port: 0 });
 * assert.match(node.url, /^mxp:\/\/127\.0\.0\.1:\d+\?pk=/);
 * assert.deepEqual(await node.agents(), []);
 * await node.close();
 * ```
 */
export class Node {
  readonly #options: NodeOptions;
  readonly #keyPair: KeyPair;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #advertised: HostPort | undefined;
  readonly #services: NodeServices;
  readonly #hub = new EventHub<HubEvent>();
  readonly #queueBudget = new QueueBudget(MAX_NODE_QUEUE_BYTES);
  readonly #memory = new MemoryLimit(MAX_NODE_REQUEST_BYTES);
  readonly #peers = new KeyTable<NodePeer>((keyText) => ({
    keyText,
    memory: this.#memory.share(RESERVED_NODE_REQUEST_BYTES),
    subscriptionCount: 0,
    holderCount: 0,
  }));
  readonly #sessions = new Map<TransportConnection, NodeSession>();
  #transport!: Transport;
  #droppedEventCount = 0;
  #cancelSweep: () => void = () => {};
  #closing: Promise<void> | undefined;

  private constructor(parts: NodeParts) {
    const { options, keyPair, registry, leaseMs, advertised } = parts;
    this.#options = options;
    this.#keyPair = keyPair;
    this.#registry = registry;
    this.#advertised = advertised;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#services = {
      registry,
      clock: this.#clock,
      wallClock: () => Date.now(),
      leaseMs,
      registrants: new Map(),
      registering: new Map(),
      writes: new RegistryWrites(),
      status: () => this.status,
    };
  }

  /**
   * Starts a node.
   *
   * @param options Where, who, and what it keeps.
   * @returns The running node; close it, it keeps the process alive.
   * @throws {CallError} `INVALID_ARGUMENT` for an option.
   * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`, `CARRIER_FAILED`,
   * or `INVALID_CONFIG` for `port` or `transport`.
   * @throws {CryptoError} When the key file cannot be used.
   * @throws {RegistryError} `STORE_FAILED` when `dataDir` or the registry file
   * in it cannot be used: another node holds it, or the runtime has no SQLite;
   * `RECORD_INVALID` for `limits`.
   */
  static async start(options: NodeOptions = {}): Promise<Node> {
    checkNodeOptions(options);
    const address = bindAddress(options);
    const advertised = advertisedAddress(options);
    const leaseMs = leaseOf(options);
    // Before the key: a directory that cannot be used gets none.
    const registry = options.store ?? await openRegistry(options);
    let node: Node;
    try {
      const keyPair = keyPairOf(options);
      node = new Node({ options, keyPair, registry, leaseMs, advertised });
      node.#transport = await node.#bind(address);
    } catch (error) {
      if (options.store === undefined) await registry.close();
      throw error;
    }
    node.#scheduleSweep();
    return node;
  }

  /** Where agents connect to: `mxp://host:port?pk=…`, the key pinned. */
  get url(): string {
    const { hostname, port } = this.#transport.localAddress;
    const loopback = hostname.includes(":") ? "::1" : "127.0.0.1";
    return formatMxpUrl({
      hostname: isUnspecified(hostname) ? loopback : hostname,
      port,
      ...this.#advertised,
      publicKey: this.publicKey,
    });
  }

  /** Where it is bound. */
  get localAddress(): Address {
    return this.#transport.localAddress;
  }

  /** Its static public key, 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#keyPair.publicKey;
  }

  /** Fingerprint of its public key, for a person to compare. */
  get fingerprint(): string {
    return fingerprint(this.publicKey);
  }

  /** Counters. */
  get status(): NodeStatus {
    let droppedEvents = this.#droppedEventCount;
    for (const session of this.#sessions.values()) {
      droppedEvents += session.droppedEventCount;
    }
    return {
      agents: this.#registry.size,
      connections: this.#sessions.size,
      subscriptions: this.#hub.subscriptionCount,
      droppedEvents,
    };
  }

  /**
   * Lists the agents.
   *
   * @returns At most 1,000, the least loaded first.
   * @throws {RegistryError} `STORE_FAILED`, `CLOSED`.
   */
  async agents(): Promise<AgentEntry[]> {
    const query = { kind: "all", limit: MAX_QUERY_LIMIT } as const;
    return await this.#registry.find(this.#clock.now(), query);
  }

  /**
   * Closes every connection and the socket. Registered agents stay in a
   * registry that is durable. A second call waits for the first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@linkcode Node.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#cancelSweep();
    try {
      await this.#transport.close();
    } finally {
      if (this.#options.store === undefined) await this.#registry.close();
    }
  }

  async #bind(address: HostPort): Promise<Transport> {
    const { carrier, observe, transport } = this.#options;
    return await Transport.bind({
      ...address,
      keyPair: this.#keyPair,
      onConnection: (connection) => this.#accept(connection),
      onWarning: (message, cause) => this.#warn(message, cause),
      ...(carrier === undefined ? {} : { carrier }),
      ...(transport === undefined ? {} : { config: transport }),
      ...(observe === undefined ? {} : { observe }),
    });
  }

  #accept(connection: TransportConnection): void {
    if (this.#sessions.size >= MAX_NODE_CONNECTIONS) {
      connection.close(CloseCode.CONNECTION_REFUSED, "node is full");
      return;
    }
    const peer = this.#peers.take(connection.peerPublicKey);
    const session = new NodeSession({
      connection,
      services: this.#services,
      hub: this.#hub,
      queueBudget: this.#queueBudget,
      peer,
      onWarning: (message, cause) => this.#warn(message, cause),
    });
    this.#sessions.set(connection, session);
    connection.onStream = (stream) => {
      if (!stopOneWay(stream)) session.accept(stream);
    };
    connection.onDatagram = ignoreDatagram;
    connection.closed.then(() => {
      this.#sessions.delete(connection);
      this.#peers.release(peer);
      this.#droppedEventCount += session.droppedEventCount;
    });
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.#clock.schedule(SWEEP_INTERVAL_MS, () => {
      this.#sweep().catch((error) => {
        if (this.#closing === undefined) {
          this.#warn("Node: ended leases could not be swept", error);
        }
      }).finally(() => {
        if (this.#closing === undefined) this.#scheduleSweep();
      });
    });
  }

  async #sweep(): Promise<void> {
    const { registrants, writes } = this.#services;
    writes.sweep(this.#clock.now());
    for (const { agentId } of await this.#registry.expire(this.#clock.now())) {
      registrants.delete(agentId);
    }
  }

  #warn(message: string, cause: unknown): void {
    this.#options.onWarning?.(message, cause);
  }
}

/** Before anything is opened or made. */
function checkNodeOptions(options: NodeOptions): void {
  requireKind("Node: options", options, "object");
  checkSharedOptions("Node", options);
  checkKind("Node: hostname", options.hostname, "string");
  checkKind("Node: dataDir", options.dataDir, "string");
  checkMethods("Node: store", options.store, ["register", "find", "expire"]);
  checkTime("Node: heartbeatIntervalMs", options.heartbeatIntervalMs);
}

function bindAddress(options: NodeOptions): HostPort {
  const { bind, hostname, port } = options;
  if (bind === undefined) {
    return {
      hostname: hostname ?? DEFAULT_NODE_HOSTNAME,
      port: port ?? DEFAULT_NODE_PORT,
    };
  }
  if (hostname !== undefined || port !== undefined) {
    throw invalid("bind already says hostname and port");
  }
  const parsed = parseHostPort(bind);
  if (parsed === undefined) throw invalid(`bind ${bind} is not host:port`);
  return parsed.hostname === "" ? { ...parsed, hostname: "0.0.0.0" } : parsed;
}

function advertisedAddress(options: NodeOptions): HostPort | undefined {
  const { advertise } = options;
  if (advertise === undefined) return undefined;
  const parsed = parseHostPort(advertise);
  if (parsed === undefined || parsed.hostname === "" || parsed.port === 0) {
    throw invalid(`advertise ${advertise} is not host:port`);
  }
  return parsed;
}

function leaseOf(options: NodeOptions): number {
  const { leaseMs, heartbeatIntervalMs } = options;
  if (leaseMs !== undefined && heartbeatIntervalMs !== undefined) {
    throw invalid("leaseMs and heartbeatIntervalMs say the same: give one");
  }
  const resolved = leaseMs ??
    (heartbeatIntervalMs === undefined
      ? DEFAULT_LEASE_MS
      : heartbeatIntervalMs * MISSED_HEARTBEATS_TO_RETIRE);
  if (!Number.isInteger(resolved) || resolved < 1 || resolved > MAX_LEASE_MS) {
    throw invalid(`a lease of ${resolved} ms is not from 1 to ${MAX_LEASE_MS}`);
  }
  return resolved;
}

function keyPairOf(options: NodeOptions): KeyPair {
  const { identity, keyPair, dataDir } = options;
  if (keyPair !== undefined) return keyPair;
  if (identity !== undefined) return identity.keyPair;
  if (dataDir === undefined) return generateKeyPair(systemRandom);
  return loadOrCreateIdentity(join(dataDir, KEY_FILE), systemRandom).keyPair;
}

async function openRegistry(options: NodeOptions): Promise<Registry> {
  const { dataDir, limits = {}, clock = SYSTEM_CLOCK } = options;
  if (dataDir === undefined) return new MemoryRegistry(limits);
  if (dataDir === "") throw invalid("dataDir is empty");
  makeDirectory(dataDir);
  return await SqliteRegistry.open(join(dataDir, REGISTRY_FILE), {
    ...limits,
    now: clock.now(),
  });
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new RegistryError(
      "STORE_FAILED",
      `Data directory ${path}: it cannot be made (${(cause as Error).message})`,
      { cause },
    );
  }
}

function invalid(detail: string): CallError {
  return new CallError("INVALID_ARGUMENT", `Node: ${detail}`);
}
