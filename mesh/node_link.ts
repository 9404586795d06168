/**
 * The connection of an agent to its node: made, kept, and made again.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { TransportConnection, TransportError } from "../transport/mod.ts";
import { LimitedRace } from "./abort.ts";
import {
  NODE_REQUEST_TIMEOUT_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
} from "./config.ts";
import { CallError } from "./error.ts";
import { toCallFailure } from "./failure.ts";
import { sleep } from "./sleep.ts";

/** What a {@linkcode NodeLink} is made from. */
export interface NodeLinkOptions {
  /** Address of the node, for messages. */
  readonly address: string;
  /** Connects to the node. */
  readonly dial: (signal: AbortSignal) => Promise<TransportConnection>;
  /** Registers and subscribes on a new connection. */
  readonly enlist: (
    connection: TransportConnection,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Sends a heartbeat; absent for an agent that is not registered. */
  readonly heartbeat?:
    | ((connection: TransportConnection, signal: AbortSignal) => Promise<void>)
    | undefined;
  /** Time between heartbeats, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** The clock. */
  readonly clock: Clock;
  /** Called with one line for a person. */
  readonly onWarning: (message: string) => void;
}

/** Options of {@linkcode NodeLink.request}. */
export interface NodeLinkRequestOptions {
  /** @default NODE_REQUEST_TIMEOUT_MS */
  readonly timeoutMs?: number;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether it is asked once more, over a new connection, when the first one
   * is lost.
   *
   * @default false
   */
  readonly isRepeatable?: boolean;
}

/** Asks the node over the connection of the moment. */
export type NodeQuestion<Answer> = (
  connection: TransportConnection,
  signal: AbortSignal,
) => Promise<Answer>;

/** Resolves when the link is up; made anew each time it goes down. */
interface Ready {
  readonly promise: Promise<TransportConnection>;
  readonly resolve: (connection: TransportConnection) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps an agent connected. When the connection ends, or the node stops
 * answering, it connects again, with pauses that double up to five seconds,
 * registers and subscribes as before. Requests wait meanwhile.
 */
export class NodeLink {
  readonly #options: NodeLinkOptions;
  readonly #closing = new AbortController();
  #ready: Ready = createReady();
  #connection: TransportConnection | undefined;
  #running: Promise<void> | undefined;

  /** @param options The node. */
  constructor(options: NodeLinkOptions) {
    this.#options = options;
  }

  /** Whether the node is connected. */
  get isConnected(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /** The node's static public key, once it is connected. */
  get publicKey(): Uint8Array | undefined {
    return this.#connection?.peerPublicKey;
  }

  /**
   * Connects for the first time: unlike later, a failure is final.
   *
   * @param signal Gives up.
   * @throws {TransportError} When the node cannot be reached.
   * @throws {CallError} When it refuses the registration.
   */
  async start(signal: AbortSignal): Promise<void> {
    const connection = await this.#connect(signal);
    this.#running = this.#keep(connection);
  }

  /**
   * Asks the node something; waits for the connection if there is none now.
   * A node that does not answer in time is connected to anew.
   *
   * @param ask Asks.
   * @param options Limits, and whether it does no harm to ask twice.
   * @returns The answer.
   * @throws {CallError} `UNAVAILABLE` without an answer in time, or what the
   * node answered.
   */
  async request<Answer>(
    ask: NodeQuestion<Answer>,
    options: NodeLinkRequestOptions = {},
  ): Promise<Answer> {
    try {
      return await this.#ask(ask, options);
    } catch (error) {
      const mayRepeat = options.isRepeatable === true && isLoss(error) &&
        !this.#closing.signal.aborted && options.signal?.aborted !== true;
      if (!mayRepeat) throw error;
      return await this.#ask(ask, options);
    }
  }

  /**
   * Ends the link.
   *
   * @param reason For the node.
   */
  async close(reason: string): Promise<void> {
    const closed = new CallError("CANCELLED", "Agent: it is closed");
    this.#closing.abort(closed);
    this.#ready.reject(closed);
    this.#connection?.close(0, reason);
    await this.#running;
  }

  async #ask<Answer>(
    ask: NodeQuestion<Answer>,
    options: NodeLinkRequestOptions,
  ): Promise<Answer> {
    const { timeoutMs = NODE_REQUEST_TIMEOUT_MS, signal } = options;
    this.#closing.signal.throwIfAborted();
    const { clock, address } = this.#options;
    const late = () =>
      new CallError(
        "UNAVAILABLE",
        `Node ${address}: no answer within ${timeoutMs} ms`,
      );
    const race = new LimitedRace({ clock, timeoutMs, late, signal });
    let connection: TransportConnection | undefined;
    try {
      connection = await race.race(this.#ready.promise);
      return await race.race(ask(connection, race.signal));
    } catch (error) {
      if (race.isLate) connection?.close(0, "no answer");
      if (connection?.isOpen === false) this.#lose(connection);
      throw toCallFailure(error);
    } finally {
      race.end();
    }
  }

  /** From here on requests wait for the next connection. */
  #lose(connection: TransportConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#ready = createReady();
  }

  async #connect(signal: AbortSignal): Promise<TransportConnection> {
    const connection = await this.#options.dial(signal);
    try {
      await this.#options.enlist(connection, signal);
    } catch (error) {
      connection.close(0, "not registered");
      throw error;
    }
    this.#connection = connection;
    this.#ready.resolve(connection);
    return connection;
  }

  async #keep(first: TransportConnection): Promise<void> {
    const { address, onWarning } = this.#options;
    let connection: TransportConnection | undefined = first;
    while (connection !== undefined) {
      const error: TransportError = await this.#attend(connection);
      if (this.#closing.signal.aborted) return;
      this.#lose(connection);
      onWarning(`Node ${address}: lost (${error.message}), connecting again`);
      connection = await this.#reconnect();
    }
  }

  /** Sends heartbeats until the connection ends. */
  async #attend(connection: TransportConnection): Promise<TransportError> {
    const { clock, heartbeat, heartbeatIntervalMs } = this.#options;
    const end = new AbortController();
    connection.closed.then(() => end.abort());
    while (heartbeat !== undefined && !end.signal.aborted) {
      await sleep(clock, heartbeatIntervalMs, end.signal);
      if (end.signal.aborted) break;
      try {
        await this.request(heartbeat);
      } catch (error) {
        // A node that answers with an error is there; the next one may do.
        if (connection.isOpen) this.#warn("heartbeat", error);
      }
    }
    return await connection.closed;
  }

  async #reconnect(): Promise<TransportConnection | undefined> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    let pauseMs = RECONNECT_MIN_MS;
    while (!signal.aborted) {
      try {
        return await this.#connect(signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#warn("connecting", error);
      }
      // Many agents that lost one node do not come back in one moment.
      await sleep(clock, pauseMs * (0.5 + Math.random() / 2), signal);
      pauseMs = Math.min(2 * pauseMs, RECONNECT_MAX_MS);
    }
    return undefined;
  }

  #warn(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#options.onWarning(
      `Node ${this.#options.address}: ${what} failed: ${text}`,
    );
  }
}

function createReady(): Ready {
  // Node 20 has no Promise.withResolvers.
  let resolve!: Ready["resolve"];
  let reject!: Ready["reject"];
  const promise = new Promise<TransportConnection>((onReady, onFailed) => {
    [resolve, reject] = [onReady, onFailed];
  });
  promise.catch(() => {
    // Nobody may be waiting.
  });
  return { promise, resolve, reject };
}

function isLoss(error: unknown): boolean {
  return error instanceof CallError &&
    (error.code === "UNAVAILABLE" || error.code === "CONNECTION_LOST");
}
