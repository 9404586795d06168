/**
 * Which agents a call can go to: discoveries, remembered for a moment.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { Instant } from "../internal/instant.ts";
import { formatAgentId, parseAgentId } from "../protocol/mod.ts";
import type { AgentRecord } from "../registry/mod.ts";
import { TransportError } from "../transport/mod.ts";
import {
  DISCOVERY_CACHE_MS,
  DISCOVERY_PATIENCE_MS,
  MAX_DISCOVERY_CACHE,
} from "./config.ts";
import { type Peer, peerKey } from "./peer_connections.ts";
import type { RegistryTarget } from "./target.ts";

/** What a {@linkcode Directory} is made from. */
export interface DirectoryOptions {
  /** Asks the node. */
  readonly discover: (target: RegistryTarget) => Promise<AgentRecord[]>;
  /** Whether it is known that the node cannot be asked just now. */
  readonly isNodeAway: () => boolean;
  /** Whether an agent does not answer just now: others are tried first. */
  readonly isSilent: (peer: Peer) => boolean;
  /** The clock. */
  readonly clock: Clock;
  /** Id of this agent, a UUID: it calls itself only when there is no other. */
  readonly ownId: string;
  /** @default {DISCOVERY_CACHE_MS} */
  readonly lifetimeMs?: number | undefined;
  /**
   * How many discoveries are remembered.
   *
   * @default {MAX_DISCOVERY_CACHE}
   */
  readonly maxEntries?: number | undefined;
}

interface Entry {
  peers: Peer[];
  /** When calls still use it, and the node is asked beside them. */
  refreshAt: Instant;
  expiresAt: Instant;
  /** Where the next call begins: calls go round. */
  nextIndex: number;
  /** The question that calls wait for, while it is under way. */
  asking: Promise<void> | undefined;
  /** The last question: the answers of those before it are out of date. */
  question: Question | undefined;
  /** Whether all of its peers may have left: the node is asked before they are tried. */
  isDoubtful: boolean;
}

/** Keys of those who may have left since it was asked. */
type Question = Set<string>;

/** Share of its time after which what is still in use is asked for again. */
const REFRESH_SHARE = 1 / 2;

/**
 * Finds candidates for calls. Calls that ask for the same thing at the same
 * time share one question, and those that come all the time never wait for
 * one: the node is asked before what it said is too old. While the node cannot
 * be reached, what it said last is used on: agents talk to each other without
 * it, and without waiting for it.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #lifetimeMs: number;
  /** When the node is asked again that could not be. */
  readonly #retryMs: number;
  readonly #maxEntries: number;
  /** In the order in which the node was asked for them last. */
  readonly #entries = new Map<string, Entry>();
  /** Those under way. */
  readonly #questions = new Set<Question>();
  /** Questions whether one agent is still where it was, by its key. */
  readonly #confirming = new Map<string, Promise<boolean>>();

  /** @param options Whom to ask. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#lifetimeMs = options.lifetimeMs ?? DISCOVERY_CACHE_MS;
    this.#retryMs = REFRESH_SHARE *
      Math.min(this.#lifetimeMs, DISCOVERY_CACHE_MS);
    this.#maxEntries = options.maxEntries ?? MAX_DISCOVERY_CACHE;
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
    for (;;) {
      const remembered = this.findRemembered(target);
      if (remembered !== undefined) return remembered;
      const entry = this.#entries.get(target.key) ?? this.#add(target.key);
      entry.asking ??= this.#askAndWait(target, entry);
      await entry.asking;
      // Else they have left while the node was asked.
      if (!entry.isDoubtful) return this.#inTurn(entry);
    }
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
    const entry = this.#entries.get(target.key);
    if (entry === undefined || entry.peers.length === 0) return undefined;
    if (now >= entry.expiresAt && !this.#options.isNodeAway()) return undefined;
    if (now >= entry.refreshAt) {
      this.#ask(target, entry).catch(() => {
        // Nobody waits for it: who asks next hears of it.
      });
    }
    return this.#inTurn(entry);
  }

  /**
   * Asks again next time: a candidate did not take a call.
   *
   * @param target What was asked for.
   * @param peer The candidate.
   * @param failure Why not. One that could not be reached is left out until the
   * node names it again, unless there is no other.
   */
  forget(target: RegistryTarget, peer: Peer, failure: unknown): void {
    const isGone = failure instanceof TransportError;
    // Too many calls that wait for a stream, for example: the peer is well.
    if (isGone && failure.fault === "caller") return;
    const { key } = target;
    const entry = this.#entries.get(key);
    // The node has been asked since, or the candidate is left out already.
    if (entry === undefined || !entry.peers.includes(peer)) return;
    if (isGone && entry.peers.length > 1) {
      entry.peers = entry.peers.filter((other) => other !== peer);
    }
    if (entry.expiresAt === -Infinity) return;
    // A new one: what the node is saying now it may have said before it knew.
    const { peers, nextIndex } = entry;
    this.#entries.set(key, { ...createEntry(), peers, nextIndex });
  }

  /**
   * Leaves an agent out until the node names it again, having been asked from now
   * on. When there is no other, the node is asked before it is tried.
   *
   * @param peer Who has closed its connection, as an agent does when it leaves.
   */
  dismiss(peer: Peer): void {
    const left = new Set([peerKey(peer)]);
    for (const question of this.#questions) question.add(peerKey(peer));
    for (const entry of this.#entries.values()) leaveOut(entry, left);
  }

  /**
   * Asks the node whether an agent is still where it was. Those who ask at the same
   * time share the question; what is remembered is used on meanwhile.
   *
   * @param peer The agent.
   * @returns Whether the node says so, or cannot be asked.
   */
  confirm(peer: Peer): Promise<boolean> {
    const key = peerKey(peer);
    let confirming = this.#confirming.get(key);
    if (confirming === undefined) {
      confirming = this.#confirm(peer).finally(() =>
        this.#confirming.delete(key)
      );
      this.#confirming.set(key, confirming);
    }
    return confirming;
  }

  async #confirm(peer: Peer): Promise<boolean> {
    // By its id: of all that have a capability the node names the first few only.
    const term = formatAgentId(peer.agentId);
    const target = { kind: "id", term, key: `id ${term}` } as const;
    try {
      const key = peerKey(peer);
      const named = this.#toPeers(await this.#options.discover(target));
      if (named.some((other) => peerKey(other) === key)) return true;
    } catch {
      return true;
    }
    this.dismiss(peer);
    return false;
  }

  #add(key: string): Entry {
    if (this.#entries.size >= this.#maxEntries) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    const entry = createEntry();
    this.#entries.set(key, entry);
    return entry;
  }

  #askAndWait(target: RegistryTarget, entry: Entry): Promise<void> {
    const answer = this.#ask(target, entry).finally(() => {
      if (entry.asking === waiting) entry.asking = undefined;
    });
    const waiting = entry.peers.length > 0
      ? this.#waitBriefly(answer, entry)
      : answer;
    return waiting;
  }

  async #ask(target: RegistryTarget, entry: Entry): Promise<void> {
    entry.refreshAt = Infinity;
    // What is in use is asked for all the time, so what is not comes to the front.
    if (this.#entries.get(target.key) === entry) {
      this.#entries.delete(target.key);
      this.#entries.set(target.key, entry);
    }
    const question: Question = new Set();
    entry.question = question;
    this.#questions.add(question);
    try {
      const records = await this.#options.discover(target);
      if (entry.question === question) this.#take(target.key, entry, records);
    } catch (error) {
      // What is known is used on.
      if (entry.question === question) {
        entry.isDoubtful = false;
        entry.refreshAt = this.#options.clock.now() + this.#retryMs;
      }
      if (entry.peers.length > 0) return;
      this.#delete(target.key, entry);
      throw error;
    } finally {
      this.#questions.delete(question);
    }
  }

  /** What is known does for a call when the node takes its time. */
  #waitBriefly(answer: Promise<void>, entry: Entry): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(DISCOVERY_PATIENCE_MS, () => {
        // Who has left may have come back where it was.
        entry.isDoubtful = false;
        resolve();
      });
      answer.then(resolve, resolve).then(cancel);
    });
  }

  #take(key: string, entry: Entry, records: readonly AgentRecord[]): void {
    const now = this.#options.clock.now();
    entry.peers = this.#toPeers(records);
    entry.isDoubtful = false;
    entry.refreshAt = now + REFRESH_SHARE * this.#lifetimeMs;
    entry.expiresAt = now + this.#lifetimeMs;
    // An agent that registers now is to be found at once.
    if (entry.peers.length === 0) this.#delete(key, entry);
    leaveOut(entry, entry.question!);
  }

  /** Begins with another one each time: calls go round those that answer. */
  #inTurn(entry: Entry): Peer[] {
    const { peers } = entry;
    const { length } = peers;
    if (length < 2) return peers;
    let index = entry.nextIndex % length;
    // When nobody answers, it is the turn of the one that it was.
    for (let passed = 0; passed < length; passed++) {
      if (!this.#options.isSilent(peers[index]!)) break;
      index = (index + 1) % length;
    }
    entry.nextIndex = index + 1;
    return [...peers.slice(index), ...peers.slice(0, index)];
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

/** Of nobody, and too old. */
function createEntry(): Entry {
  return {
    peers: [],
    refreshAt: Infinity,
    expiresAt: -Infinity,
    nextIndex: 0,
    asking: undefined,
    question: undefined,
    isDoubtful: false,
  };
}

/** Leaves out who may have left, unless that is everybody. */
function leaveOut(entry: Entry, left: ReadonlySet<string>): void {
  const others = entry.peers.filter((peer) => !left.has(peerKey(peer)));
  if (others.length === entry.peers.length) return;
  if (others.length > 0) {
    entry.peers = others;
    // They are as good as before: nobody waits, but the node is asked.
    if (entry.refreshAt !== Infinity) entry.refreshAt = -Infinity;
    return;
  }
  entry.isDoubtful = true;
  entry.expiresAt = -Infinity;
  // What is being asked was asked too early.
  entry.asking = undefined;
}
