/**
 * What an agent is made from.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { KeyPair } from "../crypto/mod.ts";
import type {
  Address,
  Carrier,
  EndpointObserver,
  TransportConfig,
} from "../transport/mod.ts";
import { MISSED_HEARTBEATS_TO_RETIRE } from "../registry/mod.ts";
import { MAX_TIMEOUT_MS } from "./config.ts";
import { CallError } from "./error.ts";
import { type HostPort, parseHostPort } from "./ip_address.ts";
import {
  checkCount,
  checkKind,
  checkMetadata,
  checkSignal,
  checkTexts,
  checkTime,
  requireKind,
} from "./option_checks.ts";
import { checkSharedOptions } from "./shared_options.ts";

/** Longest time between heartbeats: the lease that it makes is a u32 on the wire. */
const MAX_HEARTBEAT_INTERVAL_MS = MAX_TIMEOUT_MS / MISSED_HEARTBEATS_TO_RETIRE;

/** Bounds of an agent. */
export interface AgentLimits {
  /**
   * Handlers that run at a time. One caller gets half of them when it is alone, or
   * 64 if that is more; fewer when others have many. What it calls beyond that
   * waits, until it has as many calls as this that run or wait.
   *
   * @default {1,024}
   */
  readonly maxHandlersInFlight?: number;
  /**
   * Direct connections to other agents, and as many discoveries at least. While
   * all of them are in use, calls to further agents wait within their own limits.
   *
   * @default {256}
   */
  readonly maxPeerConnections?: number;
  /**
   * When an unused direct connection is closed, in milliseconds.
   *
   * @default {60,000}
   */
  readonly peerIdleTimeoutMs?: number;
  /**
   * How long a discovery is reused for calls, in milliseconds.
   *
   * @default {1,000}
   */
  readonly discoveryCacheMs?: number;
}

/** Options of `Agent.connect`. */
export interface AgentOptions {
  /** What others find it by, and what traces show. Without a name the agent only calls. */
  readonly name?: string;
  /** What it can do; with a name, as tags and metadata are. */
  readonly capabilities?: readonly string[];
  /** Words to find it by. */
  readonly tags?: readonly string[];
  /** Pairs of text for whoever discovers it. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Whether it registers with the node.
   *
   * @default {true with a name, false without}
   */
  readonly register?: boolean;
  /** Its id, a UUID; a new one for each agent when absent. */
  readonly id?: string;
  /** Who it is: the key pair of an identity file, for example. A new one when absent. */
  readonly keyPair?: KeyPair;
  /**
   * The same, as `loadIdentity` or `loadOrCreateIdentity` gives it; not with
   * `keyPair`.
   */
  readonly identity?: { readonly keyPair: KeyPair };
  /** File of keys seen before; see `KnownPeers`. Without it, keys that nothing pins are taken as they come. */
  readonly knownPeersPath?: string;
  /**
   * Where it listens: `host:port`, port 0 for any.
   *
   * @default {this machine only for a node on this machine, else every interface}
   */
  readonly bind?: string;
  /**
   * Where others reach it, `host:port`: for an agent behind a NAT or in a
   * container.
   *
   * @default {the address that the node sees it come from}
   */
  readonly advertise?: string;
  /**
   * Time between heartbeats, in milliseconds; three missed ones retire it. Less
   * where the node grants a shorter lease: 5 minutes, or its own if that is
   * longer, is the longest.
   *
   * @default {what the node grants, 5,000 as a rule}
   */
  readonly heartbeatIntervalMs?: number;
  /**
   * How long the first connection may take, the registration included, in
   * milliseconds.
   *
   * @default {5,000}
   */
  readonly connectTimeoutMs?: number;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** Limits and timing of the transport below. */
  readonly transport?: TransportConfig;
  /** Moves the datagrams instead of a UDP socket, for tests. */
  readonly carrier?: Carrier;
  /** Who watches the transport: the `observe` of a packet log, for example. */
  readonly observe?: (local: Address) => EndpointObserver;
  /** The clock, for tests: `drainMs` of a close goes by it, and no wait of the transport. */
  readonly clock?: Clock;
  /**
   * Called with one line for a person: a new key, a lost node. What it throws is
   * rethrown in a microtask, where the runtime reports it as uncaught.
   */
  readonly onWarning?: (message: string) => void;
  /** Bounds. */
  readonly limits?: AgentLimits;
}

/**
 * Checks what can be checked before anything is opened.
 *
 * @param options What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` names the option.
 */
export function checkAgentOptions(options: AgentOptions): void {
  requireKind("Agent: options", options, "object");
  checkSharedOptions("Agent", options);
  const { name, advertise, limits = {} } = options;
  checkKind("Agent: name", name, "string");
  checkTexts("Agent: capabilities", options.capabilities);
  checkTexts("Agent: tags", options.tags);
  checkMetadata("Agent: metadata", options.metadata);
  checkKind("Agent: register", options.register, "boolean");
  if (name === undefined || name === "") checkNameless(options);
  checkKind("Agent: id", options.id, "string");
  checkKind("Agent: knownPeersPath", options.knownPeersPath, "string");
  if (advertise !== undefined) parseAddressOption(advertise, "advertise");
  checkSignal("Agent: signal", options.signal);
  checkTime("Agent: heartbeatIntervalMs", options.heartbeatIntervalMs, {
    minMs: 1,
    maxMs: MAX_HEARTBEAT_INTERVAL_MS,
  });
  checkTime("Agent: connectTimeoutMs", options.connectTimeoutMs);
  checkCount("Agent: limits.maxHandlersInFlight", limits.maxHandlersInFlight);
  checkCount("Agent: limits.maxPeerConnections", limits.maxPeerConnections);
  checkTime("Agent: limits.peerIdleTimeoutMs", limits.peerIdleTimeoutMs, {
    minMs: 1,
  });
  checkTime("Agent: limits.discoveryCacheMs", limits.discoveryCacheMs);
}

/** Without a name it only calls: nothing that is said for others reaches them. */
function checkNameless(options: AgentOptions): void {
  const { register, capabilities = [], tags = [], metadata = {} } = options;
  if (register === true) {
    throw new CallError("INVALID_ARGUMENT", "Agent: it registers with a name");
  }
  const isSaid = capabilities.length > 0 || tags.length > 0 ||
    Object.keys(metadata).length > 0;
  if (register === false || !isSaid) return;
  throw new CallError(
    "INVALID_ARGUMENT",
    "Agent: capabilities, tags and metadata are registered with a name",
  );
}

/**
 * Keeps an agent whole when the user's `onWarning` throws.
 *
 * @param options What the user gave.
 * @returns The same, but what `onWarning` throws is rethrown in a microtask,
 * where the runtime reports it as uncaught.
 */
export function shieldWarnings(options: AgentOptions): AgentOptions {
  const { onWarning } = options;
  if (onWarning === undefined) return options;
  return {
    ...options,
    onWarning: (message) => {
      try {
        onWarning(message);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    },
  };
}

/**
 * Reads an option that names an address.
 *
 * @param text What the user wrote: `host:port`, IPv6 in brackets.
 * @param option Name of the option, for the error.
 * @returns Both parts; a missing host is every interface.
 * @throws {CallError} `INVALID_ARGUMENT` when it is none.
 */
export function parseAddressOption(text: string, option: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed === undefined) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `Agent: ${option} must be host:port, got ${JSON.stringify(text)}`,
    );
  }
  return parsed.hostname === "" ? { ...parsed, hostname: "0.0.0.0" } : parsed;
}

/**
 * Chooses where an agent listens when nobody says: next to a local node, only
 * for this machine.
 *
 * @param nodeHostname Host of the node's URL.
 * @returns Host and port 0.
 */
export function defaultBind(nodeHostname: string): HostPort {
  const host = nodeHostname.toLowerCase();
  if (host === "::1") return { hostname: "::1", port: 0 };
  if (host === "localhost" || host.startsWith("127.")) {
    return { hostname: "127.0.0.1", port: 0 };
  }
  return { hostname: host.includes(":") ? "::" : "0.0.0.0", port: 0 };
}
