/**
 * Direct connections to other agents: one for each, shared by all calls.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import { createDeferred } from "../internal/deferred.ts";
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { Instant } from "../internal/instant.ts";
import {
  CloseCode,
  type TransportConnection,
  TransportError,
} from "../transport/mod.ts";
import { type AbortRace, LimitedRace } from "./abort.ts";
import {
  DIAL_PATIENCE_MS,
  MAX_CALLS_WITHOUT_PLACE,
  MAX_PEER_CONNECTIONS,
  MIN_PEER_CONNECT_MS,
  PEER_CONNECT_TIMEOUT_MS,
  PEER_IDLE_TIMEOUT_MS,
  RETRY_AFTER_MS,
  SILENT_PROBE_COUNT,
} from "./config.ts";
import { CallError } from "./error.ts";
import { PeerQueue } from "./peer_queue.ts";
import { RefusedPeers } from "./refused_peers.ts";

/** An agent to connect to. */
export interface Peer {
  /** Agent id, 16 bytes; nil when whoever listens there is meant. */
  readonly agentId: Uint8Array;
  /** What a person calls it. */
  readonly name: string;
  /** Numeric address or name. */
  readonly hostname: string;
  /** UDP port. */
  readonly port: number;
  /** Its static public key, when it is known. */
  readonly publicKey: Uint8Array | undefined;
}

/** A connection in use. */
export interface PeerLease {
  /** The connection. */
  readonly connection: TransportConnection;
  /** Ends the use; only the first call counts. */
  release(): void;
}

/** The right to connect to one more peer. */
export interface PeerPlace {
  /** To whom. */
  readonly peer: Peer;
  /** Gives it back, once the connection was acquired or nobody wants it. */
  release(): void;
}

/**
 * Takes a connection before its handshake is done: what is written at once to
 * streams that are opened as early ones leaves with its first datagram.
 */
export type EarlyUse = (connection: TransportConnection) => void;

/** Options of {@linkcode PeerConnections.acquire}. */
export interface AcquireOptions {
  /**
   * Called before the connection stands, when it is being made and the peer is
   * known from before. Must not throw.
   */
  readonly onEarly?: EarlyUse | undefined;
  /**
   * Whether the connection is still waited for; always when absent. Nothing more is
   * tried for the sake of who has given up.
   */
  readonly isWanted?: () => boolean;
}

/** What {@linkcode PeerConnections} is made from. */
export interface PeerConnectionsOptions {
  /** Connects to a peer, within `PEER_CONNECT_TIMEOUT_MS`. */
  readonly dial: (
    peer: Peer,
    signal: AbortSignal,
    onEarly: EarlyUse,
  ) => Promise<TransportConnection>;
  /** Called when a peer has closed its connection: it may have left. */
  readonly onClosedByPeer: (peer: Peer) => void;
  /** The clock. */
  readonly clock: Clock;
  /** @default {MAX_PEER_CONNECTIONS} */
  readonly maxConnections?: number | undefined;
  /** @default {PEER_IDLE_TIMEOUT_MS} */
  readonly idleTimeoutMs?: number | undefined;
}

interface Entry {
  readonly key: string;
  /** Nothing as long as it is only a place for those who waited for one. */
  connecting: Promise<TransportConnection> | undefined;
  connectingSince: Instant;
  /** Who wants the connection early; taken when it is there. */
  readonly earlyUses: EarlyUse[];
  connection: TransportConnection | undefined;
  userCount: number;
  idleSince: Instant;
}

/** A class and no closure: every call makes one. */
class Lease implements PeerLease {
  readonly connection: TransportConnection;
  readonly #endUse: (entry: Entry) => void;
  #entry: Entry | undefined;

  /** @param entry What counts this use already. */
  constructor(
    entry: Entry,
    connection: TransportConnection,
    endUse: (entry: Entry) => void,
  ) {
    this.#entry = entry;
    this.connection = connection;
    this.#endUse = endUse;
  }

  release(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    this.#entry = undefined;
    this.#endUse(entry);
  }
}

keepHiddenClass(
  new Lease(undefined as never, undefined as never, undefined as never),
);

/**
 * Keeps connections by the agent's id, address and key, so that an agent that
 * came back under a new id is never reached over the connection of the old one.
 *
 * At the bound the one that was idle for longest gives way to a new one. When all
 * are in use, calls wait: as long as one does, none is idle, so nobody who comes
 * later can take what becomes free.
 */
export class PeerConnections {
  readonly #options: PeerConnectionsOptions;
  readonly #maxConnections: number;
  readonly #idleTimeoutMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new PeerQueue<Entry>();
  readonly #refused: RefusedPeers;
  /** A function of its own: every lease has it. */
  readonly #endUse = (entry: Entry): void => {
    if (--entry.userCount > 0) return;
    entry.idleSince = this.#options.clock.now();
    if (entry.connecting === undefined) this.#forget(entry);
    else if (this.#queue.count > 0) this.#givePlaces();
  };
  readonly #closing = new AbortController();
  #cancelSweep: (() => void) | undefined;

  /** @param options How to connect, and bounds. */
  constructor(options: PeerConnectionsOptions) {
    this.#options = options;
    this.#maxConnections = options.maxConnections ?? MAX_PEER_CONNECTIONS;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? PEER_IDLE_TIMEOUT_MS;
    this.#refused = new RefusedPeers(this.#maxConnections);
  }

  /** How many connections there are, those being made included. */
  get size(): number {
    return this.#entries.size;
  }

  /** What keeps a call that waits for a place, in words. */
  get obstacle(): string {
    return `all ${this.#maxConnections} connections (limits.maxPeerConnections) are in use`;
  }

  /**
   * Takes the connection to a peer, making it if there is none. Whoever asks
   * meanwhile waits for the same attempt; when that ends without an answer, for
   * one more, until the time of an attempt has passed since it asked. A peer that
   * has just said that it takes no more connections is not asked for one.
   *
   * @param peer The peer.
   * @param options Who is told early, and how long anybody waits.
   * @returns A lease; release it when the call is over.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when all connections are in use: see
   * {@linkcode isOutOfConnections} and {@linkcode PeerConnections.waitForPlace}.
   * @throws {TransportError} When the peer cannot be reached, or has refused.
   */
  async acquire(peer: Peer, options: AcquireOptions = {}): Promise<PeerLease> {
    const { clock } = this.#options;
    const { onEarly, isWanted } = options;
    const endsAt = clock.now() + PEER_CONNECT_TIMEOUT_MS;
    let wasEarly = false;
    const use: EarlyUse | undefined = onEarly && ((connection) => {
      wasEarly = true;
      onEarly(connection);
    });
    try {
      return await this.#acquire(peer, use);
    } catch (error) {
      const leftMs = endsAt - clock.now();
      if (
        !isUnanswered(error) || leftMs < MIN_PEER_CONNECT_MS || wasEarly ||
        isWanted?.() === false
      ) throw error;
      const acquiring = this.#acquire(peer, use);
      const late = (): unknown => error;
      const race = new LimitedRace({ clock, timeoutMs: leftMs, late });
      // What comes after that is used by nobody.
      acquiring.then((lease) => race.isLate && lease.release(), () => {});
      return await race.race(acquiring).finally(() => race.end());
    }
  }

  async #acquire(peer: Peer, onEarly?: EarlyUse): Promise<PeerLease> {
    const key = peerKey(peer);
    let entry = this.#entries.get(key);
    if (entry?.connection?.isOpen === false) {
      this.#forget(entry);
      entry = this.#entries.get(key);
    }
    if (entry?.connecting === undefined) {
      const refusal = this.#refused.find(this.#options.clock.now(), key);
      if (refusal !== undefined) throw refusal;
    }
    entry ??= this.#add(key);
    entry.connecting ??= this.#connect(entry, peer);
    if (onEarly !== undefined && entry.connection === undefined) {
      entry.earlyUses.push(onEarly);
    }
    // In use from here on: nobody evicts it while it is being made.
    entry.userCount++;
    try {
      const connection = await entry.connecting;
      return new Lease(entry, connection, this.#endUse);
    } catch (error) {
      entry.userCount--;
      throw error;
    }
  }

  /**
   * Waits until there may be a connection to one of several peers. Those who wait
   * for the same peer have one turn; the first came first.
   *
   * @param peers Of whom none could be connected to.
   * @param race Gives the wait up.
   * @returns To whom, and the right to do so; release it when it was used.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when too many wait; otherwise what the
   * race was aborted with, or all of this was closed with.
   */
  async waitForPlace(
    peers: readonly Peer[],
    race: AbortRace,
  ): Promise<PeerPlace> {
    this.#closing.signal.throwIfAborted();
    const place = this.#tryPlace(peers);
    if (place !== undefined) return place;
    if (this.#queue.count >= MAX_CALLS_WITHOUT_PLACE) {
      throw new CallError(
        "RESOURCE_EXHAUSTED",
        `Agent: ${this.obstacle}, and ${this.#queue.count} calls wait for one`,
        { fault: "caller", retryAfterMs: RETRY_AFTER_MS },
      );
    }
    // One connection is all that those who can do with either of two need.
    const peer = peers.find((other) => this.#queue.has(peerKey(other))) ??
      peers[0]!;
    const key = peerKey(peer);
    const turn = createDeferred<Entry>();
    this.#queue.add(key, turn);
    try {
      return this.#createPlace(peer, await race.race(turn.promise));
    } catch (error) {
      // Its turn may have come in the moment in which it gave up.
      if (!this.#queue.delete(key, turn)) {
        turn.promise.then(this.#endUse, () => {});
      }
      throw error;
    }
  }

  /** What has become free, or was connected, since the peers were tried. */
  #tryPlace(peers: readonly Peer[]): PeerPlace | undefined {
    const peer = peers.find((other) => this.#entries.has(peerKey(other))) ??
      peers[0]!;
    const key = peerKey(peer);
    let entry = this.#entries.get(key);
    if (entry === undefined && !this.#makeRoom()) return undefined;
    entry ??= this.#createEntry(key);
    entry.userCount++;
    return this.#createPlace(peer, entry);
  }

  #createPlace(peer: Peer, entry: Entry): PeerPlace {
    return { peer, release: () => this.#endUse(entry) };
  }

  /**
   * Takes the connection to a peer if there is an open one.
   *
   * @param peer The peer.
   * @returns A lease as of {@linkcode PeerConnections.acquire}, or `undefined`.
   */
  tryAcquire(peer: Peer): PeerLease | undefined {
    const entry = this.#entries.get(peerKey(peer));
    const connection = entry?.connection;
    if (entry === undefined || connection?.isOpen !== true) return undefined;
    entry.userCount++;
    return new Lease(entry, connection, this.#endUse);
  }

  /**
   * Whether a peer does not answer just now: on its connection, or to a hello that
   * one nearby would have answered; or is left alone, as it has refused one.
   *
   * @param peer The peer.
   */
  isSilent(peer: Peer): boolean {
    const { clock } = this.#options;
    const key = peerKey(peer);
    const entry = this.#entries.get(key);
    if (entry?.connecting === undefined) {
      return this.#refused.find(clock.now(), key) !== undefined;
    }
    if (entry.connection !== undefined) {
      return entry.connection.unansweredProbes >= SILENT_PROBE_COUNT;
    }
    return clock.now() - entry.connectingSince >= DIAL_PATIENCE_MS;
  }

  /**
   * Finds out whether a connection has ended of which it was not told yet how.
   *
   * @param peer The peer.
   * @returns Resolves when that was told; `undefined` when there is none.
   */
  findEnding(peer: Peer): Promise<unknown> | undefined {
    const connection = this.#entries.get(peerKey(peer))?.connection;
    return connection?.isOpen === false ? connection.closed : undefined;
  }

  /**
   * Throws what all of this was closed with, if it was: whatever fails from then on
   * does so because of that.
   */
  throwIfClosed(): void {
    this.#closing.signal.throwIfAborted();
  }

  /**
   * Closes every connection.
   *
   * @param reason For the peers.
   */
  close(reason: string): void {
    const error = new CallError("CANCELLED", `Agent: ${reason}`);
    this.#closing.abort(error);
    this.#cancelSweep?.();
    this.#queue.clear(error);
    for (const entry of this.#entries.values()) {
      entry.connection?.close(0, reason);
    }
    this.#entries.clear();
  }

  #connect(entry: Entry, peer: Peer): Promise<TransportConnection> {
    const { signal } = this.#closing;
    const { earlyUses } = entry;
    entry.connectingSince = this.#options.clock.now();
    const connecting = this.#options.dial(peer, signal, (connection) => {
      for (const use of earlyUses.splice(0)) use(connection);
    });
    connecting.then((connection) => {
      entry.connection = connection;
      earlyUses.length = 0;
      if (signal.aborted) connection.close();
      connection.closed.then((error) => {
        this.#forget(entry);
        if (error.code !== "CLOSED_BY_PEER") return;
        if (error.closeCode === CloseCode.CONNECTION_REFUSED) {
          this.#refused.add(this.#options.clock.now(), entry.key, error);
        }
        this.#options.onClosedByPeer(peer);
      });
    }, () => this.#forget(entry));
    return connecting;
  }

  #add(key: string): Entry {
    this.#closing.signal.throwIfAborted();
    if (this.#makeRoom()) return this.#createEntry(key);
    throw new CallError("RESOURCE_EXHAUSTED", `Agent: ${this.obstacle}`, {
      fault: "caller",
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  #createEntry(key: string): Entry {
    const entry: Entry = {
      key,
      connecting: undefined,
      connectingSince: 0,
      earlyUses: [],
      connection: undefined,
      userCount: 0,
      idleSince: 0,
    };
    this.#entries.set(key, entry);
    this.#scheduleSweep();
    return entry;
  }

  /** Whether there may be one more: the one that has been idle longest is closed for it. */
  #makeRoom(): boolean {
    if (this.#entries.size < this.#maxConnections) return true;
    let oldest: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.userCount > 0) continue;
      if (oldest === undefined || entry.idleSince < oldest.idleSince) {
        oldest = entry;
      }
    }
    if (oldest === undefined) return false;
    this.#drop(oldest);
    return true;
  }

  /** Lets those go on who wait, as far as there is room. */
  #givePlaces(): void {
    while (this.#queue.count > 0 && this.#makeRoom()) {
      const { key, waiting } = this.#queue.shift()!;
      const entry = this.#createEntry(key);
      entry.userCount = waiting.size;
      for (const { resolve } of waiting) resolve(entry);
    }
  }

  #scheduleSweep(): void {
    this.#cancelSweep ??= this.#options.clock.schedule(
      this.#idleTimeoutMs / 2,
      () => {
        this.#cancelSweep = undefined;
        const before = this.#options.clock.now() - this.#idleTimeoutMs;
        for (const entry of [...this.#entries.values()]) {
          const isIdle = entry.userCount === 0 && entry.idleSince <= before;
          if (isIdle && entry.connection !== undefined) this.#drop(entry);
        }
        if (this.#entries.size > 0) this.#scheduleSweep();
      },
    );
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.key);
    entry.connection?.close(0, "idle");
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#givePlaces();
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof TransportError && error.code === "HANDSHAKE_TIMEOUT";
}

/**
 * Whether it is this agent that has no connection left to give: nobody was asked.
 *
 * @param error What {@linkcode PeerConnections.acquire} threw, or something else.
 */
export function isOutOfConnections(error: unknown): boolean {
  return error instanceof CallError && error.code === "RESOURCE_EXHAUSTED" &&
    error.fault === "caller";
}

/** The same peer comes with every call, as long as the registry's answer is used. */
const keys = new WeakMap<Peer, string>();

/**
 * Tells one peer from another.
 *
 * @param peer The peer.
 * @returns The same text for the same agent id, address and key.
 */
export function peerKey(peer: Peer): string {
  let key = keys.get(peer);
  if (key === undefined) {
    const publicKey = String.fromCharCode(...peer.publicKey ?? []);
    const id = String.fromCharCode(...peer.agentId);
    key = `${id}${publicKey}@${peer.hostname}:${peer.port}`;
    keys.set(peer, key);
  }
  return key;
}
