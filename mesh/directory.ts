/**
 * Which agents a call can go to: discoveries, remembered for a moment.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { parseAgentId } from "../protocol/mod.ts";
import type { AgentRecord } from "../registry/mod.ts";
import type { Clock } from "./clock.ts";
import { DISCOVERY_CACHE_MS, MAX_DISCOVERY_CACHE } from "./config.ts";
import type { Peer } from "./peer_connections.ts";
import type { RegistryTarget } from "./target.ts";

/** What a {@linkcode Directory} is made from. */
export interface DirectoryOptions {
  /** Asks the node. */
  readonly discover: (target: RegistryTarget) => Promise<AgentRecord[]>;
  /** The clock. */
  readonly clock: Clock;
  /** Id of this agent, a UUID: it calls itself only when there is no other. */
  readonly ownId: string;
  /** @default DISCOVERY_CACHE_MS */
  readonly lifetimeMs?: number | undefined;
}

interface Entry {
  readonly asking: Promise<Peer[]>;
  peers: Peer[];
  expiresAt: Instant;
  /** Where the next call begins: calls go round. */
  nextIndex: number;
}

/**
 * Finds candidates for calls. Calls that ask for the same thing at the same
 * time share one question. While the node cannot be reached, what it said last
 * is used on: agents talk to each other without it.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #lifetimeMs: number;
  readonly #entries = new Map<string, Entry>();

  /** @param options Whom to ask. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#lifetimeMs = options.lifetimeMs ?? DISCOVERY_CACHE_MS;
  }

  /**
   * Finds the agents that a call can go to.
   *
   * @param target What is asked for.
   * @returns The candidates; a different one comes first each time.
   * @throws {CallError} Or another error of the node, when it cannot be asked
   * and nothing is remembered.
   */
  async find(target: RegistryTarget): Promise<Peer[]> {
    const key = keyOf(target);
    let entry = this.#entries.get(key);
    const now = this.#options.clock.now();
    if (entry === undefined || now >= entry.expiresAt) {
      entry = this.#ask(key, target, entry);
    }
    return inTurn(entry, await entry.asking);
  }

  /**
   * As {@linkcode Directory.find}, from what is remembered.
   *
   * @param target What is asked for.
   * @returns The candidates; `undefined` when the node has to be asked.
   */
  findRemembered(target: RegistryTarget): Peer[] | undefined {
    const entry = this.#entries.get(keyOf(target));
    const isFresh = entry !== undefined && entry.peers.length > 0 &&
      this.#options.clock.now() < entry.expiresAt;
    return isFresh ? inTurn(entry, entry.peers) : undefined;
  }

  /**
   * Asks again next time: a candidate did not answer.
   *
   * @param target What was asked for.
   */
  forget(target: RegistryTarget): void {
    this.#entries.delete(keyOf(target));
  }

  #ask(key: string, target: RegistryTarget, before: Entry | undefined): Entry {
    const entry: Entry = {
      asking: this.#options.discover(target).then((records) => {
        entry.peers = this.#toPeers(records);
        entry.expiresAt = this.#options.clock.now() + this.#lifetimeMs;
        // An agent that registers now is to be found at once.
        if (entry.peers.length === 0) this.#delete(key, entry);
        return entry.peers;
      }, (error) => {
        this.#delete(key, entry);
        if (before === undefined || before.peers.length === 0) throw error;
        this.#entries.set(key, before);
        return before.peers;
      }),
      peers: [],
      expiresAt: Infinity,
      nextIndex: before?.nextIndex ?? 0,
    };
    if (this.#entries.size >= MAX_DISCOVERY_CACHE) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, entry);
    return entry;
  }

  #delete(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #toPeers(records: readonly AgentRecord[]): Peer[] {
    const others = records.filter(({ agentId }) =>
      agentId !== this.#options.ownId
    );
    return (others.length === 0 ? records : others).map((record) => ({
      agentId: parseAgentId(record.agentId),
      name: record.name,
      hostname: record.hostname,
      port: record.port,
      publicKey: record.publicKey,
    }));
  }
}

/** Begins with another one each time: calls go round. */
function inTurn(entry: Entry, peers: Peer[]): Peer[] {
  if (peers.length < 2) return peers;
  const index = entry.nextIndex++ % peers.length;
  return [...peers.slice(index), ...peers.slice(0, index)];
}

function keyOf(target: RegistryTarget): string {
  return `${target.kind} ${target.term}`;
}
