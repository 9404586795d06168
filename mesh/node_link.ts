/**
 * The connection of an agent to its node: made, kept, and made again.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import type { Instant } from "../internal/instant.ts";
import { type TransportConnection, TransportError } from "../transport/mod.ts";
import { type AbortRace, LimitedRace } from "./abort.ts";
import {
  HEARTBEAT_PACE,
  MAX_NODE_REQUEST_TIMEOUT_MS,
  MAX_NODE_REQUESTS_IN_FLIGHT,
  MIN_HEARTBEAT_TIMEOUT_MS,
  NODE_REQUEST_TIMEOUT_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
} from "./config.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import { textOf, toCallFailure } from "./failure.ts";
import { RequestTurns } from "./request_turns.ts";
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
  /** Takes back an `enlist` that was given up, within a moment; never rejects. */
  readonly withdraw: (connection: TransportConnection) => Promise<void>;
  /** How long `dial` and `enlist` may take together the first time, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Sends a heartbeat; absent for an agent that is not registered. */
  readonly heartbeat?:
    | ((connection: TransportConnection, signal: AbortSignal) => Promise<void>)
    | undefined;
  /** How often the node expects a heartbeat, in milliseconds; each is sent a little early. */
  readonly heartbeatIntervalMs: () => number;
  /** The clock. */
  readonly clock: Clock;
  /** Called with one line for a person. */
  readonly onWarning: (message: string) => void;
}

/** Options of {@linkcode NodeLink.request}. */
export interface NodeLinkRequestOptions {
  /**
   * Time for all of it, in milliseconds. When it has passed the request is
   * given up, and the connection kept: somebody was impatient.
   *
   * @default {NODE_REQUEST_TIMEOUT_MS} for each thing that has to be waited for:
   * a turn, the connection, and the answer; for that one, longer where the path
   * is slow. A node of which nothing at all was heard by then is connected to anew.
   */
  readonly timeoutMs?: number;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether it is asked once more, over a new connection, when the first one
   * is lost.
   *
   * @default {false}
   */
  readonly isRepeatable?: boolean;
  /**
   * Whether it waits for no turn: a heartbeat, or what the node does not count.
   *
   * @default {false}
   */
  readonly isUrgent?: boolean;
  /**
   * Whether the question has a limit of its own for the answer, which ends it
   * with `DEADLINE_EXCEEDED`.
   *
   * @default {false}
   */
  readonly hasOwnLimit?: boolean;
}

/**
 * Asks the node over the connection of the moment; `onProgress` says that a limit
 * of its own has started anew.
 */
export type NodeQuestion<Answer> = (
  connection: TransportConnection,
  signal: AbortSignal,
  onProgress?: () => void,
) => Promise<Answer>;

/** A request, and when its `timeoutMs` ends. */
interface TimedRequest extends NodeLinkRequestOptions {
  readonly endsAt: Instant | undefined;
  /** When it was made, if it is asked once more. */
  readonly repeatedSince?: Instant;
}

/**
 * Keeps an agent connected. When the connection ends, or the node has fallen
 * silent, it connects again, with pauses that double up to five seconds,
 * registers and subscribes as before. Requests wait meanwhile. A node that is
 * heard but does not answer in time fails the request, and costs no connection.
 */
export class NodeLink {
  readonly #options: NodeLinkOptions;
  readonly #closing = new AbortController();
  readonly #turns = new RequestTurns(MAX_NODE_REQUESTS_IN_FLIGHT);
  /** Resolves when the link is up; made anew each time it goes down. */
  #ready: Deferred<TransportConnection> = createDeferred();
  #connection: TransportConnection | undefined;
  /** Why there is none, once an attempt to come back has failed. */
  #connectFailure: unknown;
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
   * @throws {CallError} When it refuses the registration; `UNAVAILABLE` when it
   * does not answer in time.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, connectTimeoutMs } = this.#options;
    const endsAt = clock.now() + connectTimeoutMs;
    const connection = await this.#connect(signal, endsAt);
    this.#running = this.#keep(connection);
  }

  /**
   * Asks the node something; waits for the connection if there is none now, and
   * for its turn when too many requests are under way.
   *
   * @param ask Sends the request.
   * @param options Limits.
   * @returns Its answer.
   * @throws {CallError} What the node answers; `UNAVAILABLE` when there is no
   * turn, no connection or no answer in time, `DEADLINE_EXCEEDED` when
   * `timeoutMs` was given and there is no answer, `UNAUTHENTICATED` when who is
   * there now does not hold the node's key.
   */
  async request<Answer>(
    ask: NodeQuestion<Answer>,
    options: NodeLinkRequestOptions = {},
  ): Promise<Answer> {
    const { timeoutMs, isUrgent = false } = options;
    const request = {
      ...options,
      endsAt: timeoutMs === undefined
        ? undefined
        : this.#options.clock.now() + timeoutMs,
    };
    if (!isUrgent && !this.#turns.tryTake()) {
      await this.#wait(request, "no turn", (race) => this.#turns.take(race));
    }
    try {
      return await this.#ask(ask, request);
    } finally {
      if (!isUrgent) this.#turns.giveBack();
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
    request: TimedRequest,
  ): Promise<Answer> {
    const madeAt = this.#options.clock.now();
    let mayRepeat = request.isRepeatable === true;
    for (;;) {
      const connection = await this.#reach(request);
      try {
        return await this.#askOver(connection, ask, request);
      } catch (error) {
        if (connection.isOpen) throw error;
        this.#lose(connection);
        if (!mayRepeat || request.signal?.aborted === true) throw error;
        mayRepeat = false;
        request = { ...request, repeatedSince: madeAt };
      }
    }
  }

  async #reach(request: TimedRequest): Promise<TransportConnection> {
    this.#closing.signal.throwIfAborted();
    const connection = this.#connection;
    if (connection?.isOpen === true) return connection;
    if (connection !== undefined) this.#lose(connection);
    const failure = this.#connectFailure;
    if (isWrongKey(failure)) throw toCallFailure(failure);
    return await this.#wait(
      request,
      "no connection",
      (race) => race.race(this.#ready.promise),
    );
  }

  /** Waits for what a request needs before it is sent. */
  async #wait<Result>(
    request: TimedRequest,
    missing: string,
    wait: (race: AbortRace) => Promise<Result>,
  ): Promise<Result> {
    const race = this.#limit(request, "UNAVAILABLE", missing);
    try {
      return await wait(race);
    } finally {
      race.end();
    }
  }

  async #askOver<Answer>(
    connection: TransportConnection,
    ask: NodeQuestion<Answer>,
    request: TimedRequest,
  ): Promise<Answer> {
    if (request.hasOwnLimit === true) {
      return await this.#askUnlimited(connection, ask);
    }
    const heardCount = connection.packetsReceived;
    const isImpatient = request.endsAt !== undefined;
    const code = isImpatient ? "DEADLINE_EXCEEDED" : "UNAVAILABLE";
    const limitMs = answerTimeoutMs(connection);
    const race = this.#limit(request, code, "no answer", limitMs);
    try {
      return await race.race(ask(connection, race.signal));
    } catch (error) {
      if (race.isLate && !isImpatient) giveUpSilent(connection, heardCount);
      throw toCallFailure(error);
    } finally {
      race.end();
    }
  }

  /** Asks what has a limit of its own. */
  async #askUnlimited<Answer>(
    connection: TransportConnection,
    ask: NodeQuestion<Answer>,
  ): Promise<Answer> {
    let heardCount = connection.packetsReceived;
    try {
      return await ask(connection, this.#closing.signal, () => {
        heardCount = connection.packetsReceived;
      });
    } catch (error) {
      if (isLate(error)) giveUpSilent(connection, heardCount);
      throw error;
    }
  }

  #limit(
    request: TimedRequest,
    code: CallErrorCode,
    missing: string,
    defaultMs: number = NODE_REQUEST_TIMEOUT_MS,
  ): LimitedRace {
    const { clock, address } = this.#options;
    const { endsAt, timeoutMs = defaultMs, repeatedSince, signal } = request;
    return new LimitedRace({
      clock,
      timeoutMs: endsAt === undefined
        ? timeoutMs
        : Math.max(0, endsAt - clock.now()),
      late: () => {
        const cause = this.#connectFailure;
        const reason = cause === undefined
          ? ""
          : ` (connecting failed: ${textOf(cause)})`;
        const whole = repeatedSince === undefined
          ? ""
          : `, ${Math.round(clock.now() - repeatedSince)} ms in all`;
        return new CallError(
          code,
          `Node ${address}: ${missing} within ${timeoutMs} ms${whole}${reason}`,
          { cause },
        );
      },
      signal,
    });
  }

  /** From here on requests wait for the next connection. */
  #lose(connection: TransportConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#ready = createDeferred();
  }

  /**
   * @param signal Gives up.
   * @param endsAt When `enlist` has to be done; whoever comes back with many
   * subscriptions takes the time that they need.
   */
  async #connect(
    signal: AbortSignal,
    endsAt?: Instant,
  ): Promise<TransportConnection> {
    const { dial, enlist, withdraw } = this.#options;
    const connection = await dial(signal);
    const race = endsAt === undefined
      ? undefined
      : this.#limitStart(endsAt, signal);
    try {
      const enlisting = enlist(connection, race?.signal ?? signal);
      await (race?.race(enlisting) ?? enlisting);
    } catch (error) {
      // The node may have heard it, and would send callers to nobody. One that
      // is late would hear this no sooner.
      if (signal.aborted) await withdraw(connection);
      connection.close(0, "not registered");
      throw error;
    } finally {
      race?.end();
    }
    this.#connection = connection;
    this.#connectFailure = undefined;
    this.#ready.resolve(connection);
    return connection;
  }

  #limitStart(endsAt: Instant, signal: AbortSignal): LimitedRace {
    const { address, clock, connectTimeoutMs } = this.#options;
    return new LimitedRace({
      clock,
      timeoutMs: Math.max(0, endsAt - clock.now()),
      late: () =>
        new CallError(
          "UNAVAILABLE",
          `Node ${address}: no answer within ${connectTimeoutMs} ms`,
        ),
      signal,
    });
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
    let sentAt = clock.now();
    /** When the first heartbeat was sent since which nothing was heard. */
    let silentSince = sentAt;
    let heardCount: number | undefined;
    while (heartbeat !== undefined && !end.signal.aborted) {
      const paceMs = Math.ceil(HEARTBEAT_PACE * heartbeatIntervalMs());
      const pauseMs = Math.max(0, sentAt + paceMs - clock.now());
      await sleep(clock, pauseMs, end.signal);
      if (end.signal.aborted) break;
      sentAt = clock.now();
      if (connection.packetsReceived !== heardCount) {
        heardCount = connection.packetsReceived;
        silentSince = sentAt;
      }
      const limitMs = answerTimeoutMs(connection);
      try {
        // One without an answer neither holds up the next one nor costs the
        // connection: it has renewed the lease if the node has it, however late
        // its answer is.
        const timeoutMs = heartbeatTimeoutMs(paceMs, limitMs);
        await this.request(heartbeat, { isUrgent: true, timeoutMs });
      } catch (error) {
        if (isLate(error) && clock.now() - silentSince >= limitMs) {
          giveUpSilent(connection, heardCount);
        }
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
        this.#fail(error);
      }
      // Many agents that lost one node do not come back in one moment.
      await sleep(clock, pauseMs * (0.5 + Math.random() / 2), signal);
      pauseMs = Math.min(2 * pauseMs, RECONNECT_MAX_MS);
    }
    return undefined;
  }

  /** Requests learn why there is no connection. */
  #fail(error: unknown): void {
    this.#connectFailure = error;
    if (isWrongKey(error)) {
      // Another node, most likely for good: nobody waits for the right one.
      this.#ready.reject(toCallFailure(error));
      this.#ready = createDeferred();
    }
    this.#warn("connecting", error);
  }

  #warn(what: string, error: unknown): void {
    this.#options.onWarning(
      `Node ${this.#options.address}: ${what} failed: ${textOf(error)}`,
    );
  }
}

/**
 * How long the node may take to answer, with time for a loss on the way.
 *
 * @param connection To the node.
 * @returns Milliseconds.
 */
export function answerTimeoutMs(
  connection: Pick<TransportConnection, "answerMarginMs">,
): number {
  return Math.min(
    MAX_NODE_REQUEST_TIMEOUT_MS,
    Math.max(NODE_REQUEST_TIMEOUT_MS, Math.ceil(connection.answerMarginMs)),
  );
}

/** How long a heartbeat is waited for: until the next one as a rule. */
function heartbeatTimeoutMs(paceMs: number, limitMs: number): number {
  return Math.min(limitMs, Math.max(MIN_HEARTBEAT_TIMEOUT_MS, paceMs));
}

/**
 * Ends a connection whose peer has not answered in time, unless it is there: an
 * acknowledgement is a sign of life.
 *
 * @param connection The connection.
 * @param heardCount What had been heard over it when the time began.
 */
function giveUpSilent(
  connection: TransportConnection,
  heardCount: number,
): void {
  if (connection.packetsReceived !== heardCount) return;
  connection.close(0, "the node is silent");
}

function isLate(error: unknown): boolean {
  return error instanceof CallError && error.code === "DEADLINE_EXCEEDED";
}

function isWrongKey(error: unknown): boolean {
  return error instanceof TransportError && error.code === "PEER_KEY_MISMATCH";
}
