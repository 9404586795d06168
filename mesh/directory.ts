/**
 * Which agents a call can go to: discoveries, remembered for a moment.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { Instant } from "../internal/instant.ts";
import { parseAgentId } from "../protocol/mod.ts";
import type { AgentRecord } from "../registry/mod.ts";
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
  /** When calls still use it, and the node is asked beside them. */
  refreshAt: Instant;
  expiresAt: Instant;
  /** Where the next call begins: calls go round. */
  nextIndex: number;
}

/** Share of its time after which what is still in use is asked for again. */
const REFRESH_SHARE = 1 / 2;

/**
 * Finds candidates for calls. Calls that ask for the same thing at the same
 * time share one question, and those that come all the time never wait for
 * one: the node is asked before what it said is too old. While the node cannot
 * be reached, what it said last is used on: agents talk to each other without
 * it.
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
    const now = this.#options.clock.now();
    const remembered = this.findRemembered(target, now);
    if (remembered !== undefined) return remembered;
    const key = target.key;
    let entry = this.#entries.get(key);
    if (entry === undefined || now >= entry.expiresAt) {
      entry = this.#ask(key, target, entry);
    }
    return inTurn(entry, await entry.asking);
  }

  /**
   * As {@linkcode Directory.find}, from what is remembered.
   *
   * @param target What is asked for.
   * @param now The time, when the caller has read it already.
   * @returns The candidates; `undefined` when the node has to be asked.
   */
  findRemembered(
    target: RegistryTarget,
    now: Instant = this.#options.clock.now(),
  ): Peer[] | undefined {
    const key = target.key;
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.peers.length === 0) return undefined;
    if (now >= entry.expiresAt) return undefined;
    if (now >= entry.refreshAt) this.#refresh(key, target, entry);
    return inTurn(entry, entry.peers);
  }

  /**
   * Asks again next time: a candidate did not answer.
   *
   * @param target What was asked for.
   */
  forget(target: RegistryTarget): void {
    this.#entries.delete(target.key);
  }

  #ask(key: string, target: RegistryTarget, before: Entry | undefined): Entry {
    const entry: Entry = {
      asking: this.#options.discover(target).then(
        (records) => this.#take(key, entry, records),
        (error) => {
          this.#delete(key, entry);
          if (before === undefined || before.peers.length === 0) throw error;
          this.#entries.set(key, before);
          return before.peers;
        },
      ),
      peers: [],
      refreshAt: Infinity,
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

  /** Asks again while calls go on with what is known. */
  #refresh(key: string, target: RegistryTarget, entry: Entry): void {
    entry.refreshAt = Infinity;
    this.#options.discover(target).then(
      (records) => this.#take(key, entry, records),
      () => {
        // The next call asks and waits, once this is too old.
      },
    );
  }

  #take(key: string, entry: Entry, records: readonly AgentRecord[]): Peer[] {
    const now = this.#options.clock.now();
    entry.peers = this.#toPeers(records);
    entry.refreshAt = now + REFRESH_SHARE * this.#lifetimeMs;
    entry.expiresAt = now + this.#lifetimeMs;
    // An agent that registers now is to be found at once.
    if (entry.peers.length === 0) this.#delete(key, entry);
    return entry.peers;
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
