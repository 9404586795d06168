/**
 * One connection to a peer, as promises and callbacks.
 *
 * @module
 */
import { Fifo } from "../internal/fifo.ts";
import { IdTable } from "../internal/id_table.ts";
import type { Instant } from "../internal/instant.ts";
import { WaitingLine } from "../internal/waiting_line.ts";
import { isInitiatorStream } from "../protocol/mod.ts";
import type { Address } from "./core/address.ts";
import type { PriorityClass } from "./core/application_side.ts";
import { DEFAULT_DATAGRAM_BYTES } from "./core/config.ts";
import type { Connection } from "./core/connection.ts";
import type { ConnectionEvent } from "./core/connection_event.ts";
import { CloseCode, TransportError } from "./core/error.ts";
import type { ConnectionStats } from "./core/stats.ts";
import type { Suite } from "./core/suite.ts";
import {
  createDeferred,
  type Deferred,
  rejected,
} from "../internal/deferred.ts";
import { HandlerQueue, type QueueBound } from "./handler_queue.ts";
import {
  type StreamHost,
  type StreamInput,
  tellStream,
  TransportStream,
} from "./transport_stream.ts";

/** Streams of the peer that wait while `onStream` is not set. */
export const MAX_WAITING_STREAMS = 1_024;

/**
 * Datagrams of the peer that wait while `onDatagram` is not set, at most: fewer
 * than in a turn of the driver, since it may never be set.
 */
export const MAX_WAITING_DATAGRAMS = 256;

/** The same in bytes: as many of the size that passes everywhere. */
const MAX_WAITING_DATAGRAM_BYTES: number = MAX_WAITING_DATAGRAMS *
  DEFAULT_DATAGRAM_BYTES;

/**
 * Calls of {@linkcode TransportConnection.openStream} that may wait, in each direction:
 * a fifth of a second of small ones, which a host that is short of processors stands still for.
 */
export const MAX_WAITING_OPENS = 16_384;

const INCOMING_STREAMS: QueueBound<TransportStream> = {
  maxLength: MAX_WAITING_STREAMS,
  onRefused: (stream) => stream.abort(CloseCode.LIMIT_ERROR),
};

/** How urgent the bytes of a stream are. Bulk never starves. */
export type StreamPriority = "control" | "interactive" | "bulk";

const PRIORITY_CLASSES: Readonly<Record<StreamPriority, PriorityClass>> = {
  control: 0,
  interactive: 1,
  bulk: 2,
};

/** Options of {@linkcode TransportConnection.openStream}. */
export interface OpenStreamOptions {
  /**
   * How urgent its bytes are.
   *
   * @default {"interactive"}
   */
  readonly priority?: StreamPriority;
  /**
   * Whether only this side sends.
   *
   * @default {false}
   */
  readonly isUnidirectional?: boolean;
  /**
   * Whether it may be opened before the handshake is done, which takes a
   * session ticket: see `onEarly` of `Transport.connect`. Otherwise nothing
   * tells it from other streams.
   *
   * @default {false}
   */
  readonly isEarly?: boolean;
  /** Gives up waiting for the peer to allow another stream. */
  readonly signal?: AbortSignal;
}

/** What a connection asks of the driver. */
export interface ConnectionHost {
  /** Reads the clock. */
  now(): Instant;
  /**
   * Tells the driver that there may be something to send.
   *
   * @param isComplete Whether a direction of a stream ends with it.
   */
  wake(isComplete?: boolean): void;
  /** Has `task` called when the waiting events are delivered. */
  settleLater(task: () => void): void;
  /** A callback of the application threw. */
  onHandlerError(error: unknown): void;
}

/** What the driver tells a connection. */
export type ConnectionInput = (event: ConnectionEvent) => void;

/**
 * Who waits for a stream. What it throws is reported as what a callback throws.
 */
export interface StreamWaiter {
  /** Where it is in its line, which the connection alone changes: -1 to begin with. */
  lineIndex: number;
  /** Takes the stream. */
  resolve(stream: TransportStream): void;
  /** There will be none: as {@linkcode TransportConnection.openStream} rejects. */
  reject(reason: unknown): void;
}

type OpenQueue = WaitingLine<StreamWaiter, OpenStreamOptions>;

/** Who waits for a stream: apart, because the peer limits each direction on its own. */
class WaitingOpens {
  readonly #bidirectional: OpenQueue = new WaitingLine();
  readonly #unidirectional: OpenQueue = new WaitingLine();
  readonly queues: readonly OpenQueue[] = [
    this.#bidirectional,
    this.#unidirectional,
  ];

  /** The queue for such a stream. */
  queueFor({ isUnidirectional = false }: OpenStreamOptions): OpenQueue {
    return isUnidirectional ? this.#unidirectional : this.#bidirectional;
  }
}

const SETTLE: StreamInput = { type: "settle" };

/** The streams of a connection, and what they ask of the driver. */
class Streams implements StreamHost {
  readonly core: Connection;
  readonly byId: IdTable<TransportStream> = new IdTable();
  readonly #host: ConnectionHost;
  readonly #settling = new Fifo<TransportStream>();
  #isSettlePlanned = false;
  readonly #settle = (): void => {
    this.#isSettlePlanned = false;
    for (
      let stream = this.#settling.shift();
      stream !== undefined;
      stream = this.#settling.shift()
    ) this.tell(stream, SETTLE);
  };

  constructor(core: Connection, host: ConnectionHost) {
    this.core = core;
    this.#host = host;
  }

  /** Tells a stream what happened; whatever comes of it, others are told as well. */
  tell(stream: TransportStream, input: StreamInput): void {
    try {
      tellStream(stream, input);
    } catch (error) {
      this.#host.onHandlerError(error);
    }
  }

  wake(isComplete?: boolean): void {
    this.#host.wake(isComplete);
  }

  settleLater(stream: TransportStream): void {
    this.#settling.push(stream);
    // Once for all that are read in the same turn.
    if (this.#isSettlePlanned) return;
    this.#isSettlePlanned = true;
    this.#host.settleLater(this.#settle);
  }

  forget(streamId: number): void {
    this.byId.delete(streamId);
  }

  onHandlerError(error: unknown): void {
    this.#host.onHandlerError(error);
  }
}

/** An encrypted connection, its peer proven by its static public key. */
export class TransportConnection {
  /**
   * Fulfilled with the reason when the connection has ended: `CLOSED` when
   * this side closed it, `CLOSED_BY_PEER`, `CONNECTION_LOST`, or the peer's
   * violation. It never rejects.
   */
  readonly closed: Promise<TransportError>;

  readonly #core: Connection;
  readonly #host: ConnectionHost;
  readonly #streams: Streams;
  readonly #incoming: HandlerQueue<TransportStream>;
  readonly #datagrams: HandlerQueue<Uint8Array>;
  /** Fulfils {@linkcode TransportConnection.closed}. */
  #resolveClosed!: (reason: TransportError) => void;
  /** Made for the first one. */
  #waitingOpens: WaitingOpens | undefined;
  #ping: Deferred<number> | undefined;
  #error: TransportError | undefined;

  /**
   * For the transport: an application gets connections from
   * `Transport.connect` and `Transport.onConnection`.
   *
   * @param core The state machine.
   * @param host The driver.
   * @param attach Takes the function through which the driver speaks to the
   * connection.
   */
  constructor(
    core: Connection,
    host: ConnectionHost,
    attach: (input: ConnectionInput) => void,
  ) {
    this.#core = core;
    this.#host = host;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#incoming = new HandlerQueue(host, INCOMING_STREAMS);
    this.#datagrams = new HandlerQueue(host, {
      maxLength: Math.min(core.maxDatagramEvents, MAX_WAITING_DATAGRAMS),
      maxBytes: MAX_WAITING_DATAGRAM_BYTES,
      sizeOf: (data) => data.length,
      onRefused: () => core.handleDatagramRefused(),
    });
    this.#streams = new Streams(core, host);
    attach((event) => this.#handle(event));
  }

  /** The peer's static public key, 32 bytes, proven by the handshake. */
  get peerPublicKey(): Uint8Array {
    const key = this.#core.peerStaticPublicKey;
    if (key === undefined) {
      throw new TransportError("CLOSED", "Connection: it was not established");
    }
    return key;
  }

  /** Where the peer is. */
  get remoteAddress(): Address {
    return this.#core.remoteAddress;
  }

  /** What the handshake settled on: how keys were agreed on, and the cipher. */
  get suite(): Suite {
    const { suite } = this.#core;
    if (suite === undefined) {
      throw new TransportError("CLOSED", "Connection: it was not established");
    }
    return suite;
  }

  /** Whether this side sent the hello. */
  get isInitiator(): boolean {
    return this.#core.isInitiator;
  }

  /** Whether streams can be opened and bytes sent. */
  get isOpen(): boolean {
    return this.#error === undefined && this.#core.state === "established";
  }

  /** Why the connection ended; `undefined` while it has not. */
  get error(): TransportError | undefined {
    return this.#error;
  }

  /** Counters and estimates. */
  get stats(): ConnectionStats {
    return this.#core.stats;
  }

  /**
   * How many packets have arrived and authenticated, as in `stats`: whether
   * anything was heard from the peer meanwhile.
   */
  get packetsReceived(): number {
    return this.#core.packetsReceived;
  }

  /**
   * The time in which a peer that is there is heard after something was sent to
   * it, though one packet was lost, in milliseconds: three probe timeouts, 12
   * seconds at most.
   */
  get answerMarginMs(): number {
    return this.#core.endMarginMs;
  }

  /**
   * How many probe timeouts have passed in a row without an acknowledgement: 0 for
   * a peer that answers, and as long as it owes no answer.
   */
  get unansweredProbes(): number {
    return this.#core.countUnansweredProbes(this.#host.now());
  }

  /** Largest payload of {@linkcode TransportConnection.sendDatagram}, in bytes. */
  get maxDatagramPayloadBytes(): number {
    return this.#core.maxDatagramPayloadBytes;
  }

  /** Called with each stream that the peer opens. */
  get onStream(): ((stream: TransportStream) => void) | undefined {
    return this.#incoming.handler;
  }

  /** Streams that came before it was set follow in a microtask. */
  set onStream(handler: ((stream: TransportStream) => void) | undefined) {
    this.#incoming.handler = handler;
  }

  /** Called with each datagram of the peer; the bytes belong to the callback. */
  get onDatagram(): ((data: Uint8Array) => void) | undefined {
    return this.#datagrams.handler;
  }

  /**
   * Datagrams that came before it was set follow in a microtask: the first 256, or
   * `maxDatagramEvents` where that is fewer, of 307,200 bytes at most. Others were
   * dropped, and counted as past that limit.
   */
  set onDatagram(handler: ((data: Uint8Array) => void) | undefined) {
    this.#datagrams.handler = handler;
  }

  /**
   * Opens a stream if the peer allows one at once, without a promise.
   *
   * @param options Priority and direction; a signal has nothing to end.
   * @returns The stream, or `undefined` when `openStream` would wait.
   * @throws {TransportError} Why the connection ended; `INVALID_CONFIG` for a
   * priority that there is not.
   */
  tryOpenStream(options: OpenStreamOptions = {}): TransportStream | undefined {
    if (this.#error !== undefined) throw this.#error;
    const { priority = "interactive" } = options;
    // Nothing of a stream without a class would ever leave.
    if (typeof PRIORITY_CLASSES[priority] !== "number") {
      throw new TransportError(
        "INVALID_CONFIG",
        `Stream: there is no priority ${String(priority)}`,
      );
    }
    const isBehind = this.#waitingOpens !== undefined &&
      this.#waitingOpens.queueFor(options).size > 0;
    return isBehind ? undefined : this.#tryOpen(options);
  }

  /**
   * Opens a stream; waits while the peer allows no more.
   *
   * @param options Priority, direction, and a signal that ends the wait.
   * @returns The stream. The peer learns of it with its first bytes.
   * @throws {TransportError} As a rejection: `STREAM_LIMIT` when 16,384 calls
   * wait for a stream of the same direction, `INVALID_CONFIG` for a priority that
   * there is not, or why the connection ended.
   */
  openStream(options: OpenStreamOptions = {}): Promise<TransportStream> {
    const { signal } = options;
    if (signal?.aborted) return rejected(signal.reason);
    try {
      const stream = this.tryOpenStream(options);
      if (stream !== undefined) return Promise.resolve(stream);
    } catch (error) {
      return rejected(error);
    }
    const opened = { ...createDeferred<TransportStream>(), lineIndex: -1 };
    this.openStreamWith(options, opened);
    if (signal !== undefined) {
      const onAbort = (): void => {
        this.stopWaiting(opened);
        opened.reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const release = (): void => signal.removeEventListener("abort", onAbort);
      opened.promise.then(release, release);
    }
    return opened.promise;
  }

  /**
   * Waits for a stream where {@linkcode TransportConnection.tryOpenStream} gave
   * none, for whoever has a promise of its own.
   *
   * @param options Priority and direction; its signal is not looked at.
   * @param waiter Told once, perhaps at once.
   */
  openStreamWith(options: OpenStreamOptions, waiter: StreamWaiter): void {
    if (this.#error !== undefined) return waiter.reject(this.#error);
    const waitingOpens = this.#waitingOpens ??= new WaitingOpens();
    const queue = waitingOpens.queueFor(options);
    if (queue.size >= MAX_WAITING_OPENS) {
      return waiter.reject(
        new TransportError(
          "STREAM_LIMIT",
          `Connection: ${MAX_WAITING_OPENS} such streams wait to be opened already`,
        ),
      );
    }
    queue.add(waiter, options);
  }

  /**
   * Has a waiter of {@linkcode TransportConnection.openStreamWith} told nothing.
   *
   * @param waiter Who waits no longer.
   */
  stopWaiting(waiter: StreamWaiter): void {
    for (const queue of this.#waitingOpens?.queues ?? []) queue.delete(waiter);
  }

  /**
   * Has the newest of those who wait for a stream come before others, until nobody
   * waits: for whoever learns that it is too late for the oldest.
   */
  preferNewest(): void {
    for (const queue of this.#waitingOpens?.queues ?? []) queue.preferNewest();
  }

  /**
   * Sends bytes that may be lost, without a stream.
   *
   * @param data At most {@linkcode maxDatagramPayloadBytes}; copied.
   * @returns Whether it was queued without pushing out an older one.
   * @throws {TransportError} `DATAGRAM_TOO_LARGE`, or why the connection ended.
   */
  sendDatagram(data: Uint8Array): boolean {
    if (this.#error !== undefined) throw this.#error;
    const isQueued = this.#core.sendDatagram(data);
    this.#host.wake();
    return isQueued;
  }

  /**
   * Asks the peer for a sign of life. Calls made while one is under way share
   * its answer.
   *
   * @returns The round trip in milliseconds.
   * @throws {TransportError} As a rejection: why the connection ended.
   */
  ping(): Promise<number> {
    if (this.#error !== undefined) return rejected(this.#error);
    if (this.#ping === undefined) {
      try {
        this.#core.ping();
      } catch (error) {
        return rejected(error);
      }
      this.#ping = createDeferred();
      this.#host.wake();
    }
    return this.#ping.promise;
  }

  /**
   * Replaces the keys that seal what this side sends with the next packet, as soon
   * as the protocol allows it; the peer follows. It happens anyway after a number
   * of packets and after a time. Does nothing on a connection that has ended.
   */
  updateKeys(): void {
    if (this.#error !== undefined || this.#core.state !== "established") return;
    this.#core.updateKeys();
  }

  /**
   * Waits until what was written to the streams of the peer is delivered: the
   * answers to what it asked, before the connection is closed.
   *
   * @returns Fulfilled when our direction of each stream on which something is
   * under way now is over: acknowledged, or given up. It never rejects.
   */
  async answersDelivered(): Promise<void> {
    const answering = this.#streams.byId.values().filter((stream) =>
      isInitiatorStream(stream.id) !== this.isInitiator && stream.isDelivering
    );
    await Promise.allSettled(answering.map((stream) => stream.finished));
  }

  /**
   * Ends the connection and tells the peer. Bytes that were not delivered are
   * lost: await `finished` of the streams first, or
   * {@linkcode TransportConnection.answersDelivered}. A second call does nothing.
   *
   * @param code Close code; applications use 0 and from 0x100 on, of which 0x100 is
   * the mesh's: left.
   * @param reason For a person; 256 bytes of it travel.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding, or a
   * reason that is no text: the connection stays.
   */
  close(code = 0, reason = ""): void {
    this.#core.close(this.#host.now(), code, reason);
    this.#host.wake();
  }

  // ── What the driver says ──────────────────────────────────────────────────

  #handle(event: ConnectionEvent): void {
    switch (event.type) {
      case "established":
        return;
      case "closed":
        this.#handleClosed(event.error);
        return;
      case "datagram-received":
        this.#datagrams.push(event.data);
        return;
      case "pong":
        this.#ping?.resolve(event.rttMs);
        this.#ping = undefined;
        return;
      case "stream-opened":
        this.#incoming.push(this.#createStream(event.id));
        return;
      case "streams-available":
        for (const queue of this.#waitingOpens?.queues ?? []) {
          this.#serveOpens(queue);
        }
        return;
      default: {
        const stream = this.#streams.byId.get(event.id);
        if (stream !== undefined) this.#streams.tell(stream, event);
      }
    }
  }

  #handleClosed(error: TransportError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    const streams = this.#streams.byId.values();
    this.#streams.byId.clear();
    const input: StreamInput = { type: "connection-closed", error };
    for (const stream of streams) this.#streams.tell(stream, input);
    for (const queue of this.#waitingOpens?.queues ?? []) {
      for (const waiter of queue.list()) {
        // One that was told before may have had this one wait no longer.
        if (queue.delete(waiter)) this.#refuse(waiter, error);
      }
    }
    this.#waitingOpens = undefined;
    this.#ping?.reject(error);
    this.#ping = undefined;
    this.#resolveClosed(error);
  }

  #tryOpen(options: OpenStreamOptions): TransportStream | undefined {
    const id = this.#core.openStream({
      priority: PRIORITY_CLASSES[options.priority ?? "interactive"],
      isUnidirectional: options.isUnidirectional ?? false,
      isEarly: options.isEarly ?? false,
    });
    return id === undefined ? undefined : this.#createStream(id);
  }

  #serveOpens(queue: OpenQueue): void {
    for (;;) {
      const waiter = queue.peek();
      if (waiter === undefined) return;
      let stream: TransportStream | undefined;
      try {
        stream = this.#tryOpen(queue.get(waiter)!);
      } catch {
        // Closed meanwhile: the event that says so settles everything.
        return;
      }
      if (stream === undefined) return;
      queue.serve(waiter);
      try {
        waiter.resolve(stream);
      } catch (error) {
        this.#host.onHandlerError(error);
      }
    }
  }

  #refuse(waiter: StreamWaiter, reason: TransportError): void {
    try {
      waiter.reject(reason);
    } catch (error) {
      this.#host.onHandlerError(error);
    }
  }

  #createStream(id: number): TransportStream {
    const stream = new TransportStream(this.#streams, id);
    this.#streams.byId.set(id, stream);
    return stream;
  }
}
