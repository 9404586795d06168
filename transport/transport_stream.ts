/**
 * One stream of a connection, as promises.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { isInitiatorStream, isUnidirectional } from "../protocol/mod.ts";
import type { Connection } from "./core/connection.ts";
import { TransportError } from "./core/error.ts";
import type { StreamEvent } from "./core/stream/stream_event.ts";
import {
  createDeferred,
  type Deferred,
  rejected,
} from "../internal/deferred.ts";

/** Calls of {@linkcode TransportStream.write} that may wait for room. */
export const MAX_WAITING_WRITES = 1_024;

/** What a connection tells one of its streams. */
export type StreamInput =
  | StreamEvent
  | { readonly type: "settle" }
  | { readonly type: "connection-closed"; readonly error: TransportError };

/** What a stream asks of its connection. */
export interface StreamHost {
  /** The state machine. */
  readonly core: Connection;
  /**
   * Tells the driver that there may be something to send.
   *
   * @param isComplete Whether a direction of a stream ends with it.
   */
  wake(isComplete?: boolean): void;
  /** Tells `stream` to settle when the waiting events are delivered. */
  settleLater(stream: TransportStream): void;
  /** The stream is over in both directions. */
  forget(streamId: number): void;
  /** A callback of the application threw. */
  onHandlerError(error: unknown): void;
}

/**
 * Who waits for the next bytes of a stream; a `Deferred` is one. What it throws is
 * reported as what a callback throws.
 */
export interface ReadWaiter {
  /** Takes the bytes, which belong to it; `undefined` at the end. */
  resolve(chunk: Uint8Array | undefined): void;
  /** There will be no more: as {@linkcode TransportStream.read} rejects. */
  reject(reason: unknown): void;
}

interface WaitingWrite {
  readonly bytes: Uint8Array;
  offset: number;
  readonly accepted: Deferred<void>;
}

/** Set by {@linkcode TransportStream}, whose applications are not to call it. */
let tell: (stream: TransportStream, input: StreamInput) => void;

/**
 * Tells a stream what happened.
 *
 * @param stream The stream.
 * @param input What happened.
 */
export function tellStream(stream: TransportStream, input: StreamInput): void {
  tell(stream, input);
}

const ACCEPTED: Promise<void> = Promise.resolve();
const ENDED: Promise<undefined> = Promise.resolve(undefined);

/**
 * An ordered, reliable stream of bytes in one or both directions.
 *
 * Each direction ends on its own: {@linkcode TransportStream.finish} or
 * {@linkcode TransportStream.reset} ends ours, the peer's `finish` or `reset`
 * the other. A stream whose connection dies rejects: it never looks finished.
 * Read to the end or call {@linkcode TransportStream.stopSending}, or the
 * stream counts against the peer's limit for as long as the connection lives.
 */
export class TransportStream {
  /** Number of the stream in its connection. */
  readonly id: number;
  readonly #host: StreamHost;

  #waitingRead: ReadWaiter | undefined;
  /** Where the read that waits has its bytes put. */
  #readTarget: Uint8Array | undefined;
  /** What had arrived when the connection closed. */
  #rescued: Uint8Array[] | undefined;
  #isReadEnded = false;
  #readError: TransportError | undefined;

  /** Made for the first write that waits: few streams have one. */
  #waitingWrites: WaitingWrite[] | undefined;
  #isFinishing = false;
  #writeError: TransportError | undefined;
  #isDelivered = false;
  #delivery: Deferred<void> | undefined;

  #stopCode: number | undefined;
  #onStopped: ((code: number) => void) | undefined;

  /**
   * For connections: an application gets streams from `openStream` and
   * `onStream`.
   *
   * @param host The connection.
   * @param id Number of the stream.
   */
  constructor(host: StreamHost, id: number) {
    this.#host = host;
    this.id = id;
    if (isUnidirectional(id)) {
      const isOurs = isInitiatorStream(id) === host.core.isInitiator;
      const error = new TransportError(
        "STREAM_STATE",
        `Stream ${id}: it runs in the other direction only`,
      );
      if (isOurs) this.#readError = error;
      else this.#writeError = error;
    }
  }

  static {
    tell = (stream, input) => stream.#handle(input);
  }

  /** How many bytes {@linkcode TransportStream.read} finds without waiting. */
  get readableBytes(): number {
    let byteCount = this.#host.core.streamState(this.id)?.readableBytes ?? 0;
    for (const chunk of this.#rescued ?? []) byteCount += chunk.length;
    return byteCount;
  }

  /**
   * Whether something that was written, or the end, waits to be acknowledged by
   * the peer.
   */
  get isDelivering(): boolean {
    if (this.#isDelivered || this.#writeError !== undefined) return false;
    if (this.#isFinishing || this.#hasWaitingWrites) return true;
    return (this.#host.core.streamState(this.id)?.heldBytes ?? 0) > 0;
  }

  /** How many bytes were written that the peer has not acknowledged. */
  get undeliveredBytes(): number {
    let byteCount = this.#host.core.streamState(this.id)?.heldBytes ?? 0;
    for (const { bytes, offset } of this.#waitingWrites ?? []) {
      byteCount += bytes.length - offset;
    }
    return byteCount;
  }

  /**
   * Whether what was written waits for the peer to read: it has all that was sent,
   * and grants no credit for more.
   */
  get isHeldBack(): boolean {
    return this.#host.core.streamState(this.id)?.isHeldBack ?? false;
  }

  /** The code with which the peer stopped our direction, if it did. */
  get stopCode(): number | undefined {
    return this.#stopCode;
  }

  /** Called once when the peer stops our direction, with its code. */
  get onStopped(): ((code: number) => void) | undefined {
    return this.#onStopped;
  }

  /** Set after the peer has stopped, it is called in a microtask. */
  set onStopped(handler: ((code: number) => void) | undefined) {
    this.#onStopped = handler;
    if (this.#stopCode !== undefined) queueMicrotask(() => this.#callStopped());
  }

  /**
   * Settles when our direction is over: fulfilled once the peer has
   * acknowledged every byte and the end, rejected when that cannot happen any
   * more. Nobody has to observe it.
   */
  get finished(): Promise<void> {
    if (this.#delivery === undefined) {
      this.#delivery = createDeferred();
      if (this.#isDelivered) this.#delivery.resolve();
      else if (this.#writeError !== undefined) {
        this.#delivery.reject(this.#writeError);
      }
    }
    return this.#delivery.promise;
  }

  /**
   * Sends bytes. Calls need not wait for each other: their order is kept.
   *
   * @param bytes Any number of bytes. They are copied, those that find no room
   * later: leave them alone until the promise settles.
   * @returns A promise that is fulfilled when the send buffer has taken all of
   * them. Waiting for it is the backpressure.
   * @throws {TransportError} As a rejection: `STREAM_STATE` after `finish` or
   * `reset`, `STREAM_STOPPED` when the peer wants no more, `LIMIT` when 1,024
   * writes wait, or why the connection ended.
   */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#writeError !== undefined) return rejected(this.#writeError);
    if (this.#isFinishing) return rejected(this.#stateError("is finished"));
    let offset = 0;
    if (!this.#hasWaitingWrites) {
      try {
        offset = this.#host.core.writeStream(this.id, bytes);
      } catch (error) {
        return rejected(error);
      }
      this.#host.wake();
      if (offset === bytes.length) return ACCEPTED;
    } else if (this.#waitingWrites!.length >= MAX_WAITING_WRITES) {
      return rejected(
        new TransportError(
          "LIMIT",
          `Stream ${this.id}: ${MAX_WAITING_WRITES} writes wait already`,
          { fault: "caller" },
        ),
      );
    }
    const accepted = createDeferred<void>();
    (this.#waitingWrites ??= []).push({ bytes, offset, accepted });
    return accepted.promise;
  }

  /**
   * Sends bytes if there is room for all of them at once, without a promise.
   *
   * @param bytes Any number of bytes; they are copied.
   * @param isLast Whether our direction ends with them, as after `finish`.
   * @returns Whether they were taken. If not, nothing was: `write` waits for
   * room, or says why there will be none.
   */
  tryWrite(bytes: Uint8Array, isLast = false): boolean {
    if (this.#writeError !== undefined || this.#isFinishing) return false;
    if (this.#hasWaitingWrites) return false;
    const { core } = this.#host;
    if (!core.tryWriteStream(this.id, bytes, isLast)) return false;
    this.#isFinishing = isLast;
    this.#host.wake(isLast);
    return true;
  }

  /**
   * Ends our direction after everything that was written. A second call, or
   * one after the end, does nothing.
   */
  finish(): void {
    if (this.#isFinishing || this.#writeError !== undefined) return;
    this.#isFinishing = true;
    if (!this.#hasWaitingWrites) this.#finishNow();
  }

  /**
   * Ends our direction at once; what was not delivered is dropped.
   *
   * @param code Tells the peer why.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  reset(code = 0): void {
    if (this.#writeError !== undefined || this.#isDelivered) return;
    this.#inCore((core) => core.resetStream(this.id, code));
    this.#failWriting(
      new TransportError("STREAM_RESET", `Stream ${this.id}: reset here`, {
        fault: "caller",
        closeCode: code,
      }),
    );
  }

  /**
   * Asks the peer to send no more; what it sent is dropped.
   *
   * @param code Tells the peer why.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  stopSending(code = 0): void {
    if (this.#readError !== undefined || this.#isReadEnded) return;
    this.#inCore((core) => core.stopSending(this.id, code));
    this.#failReading(this.#stateError("is not read any more"));
  }

  /**
   * Ends both directions at once.
   *
   * @param code Tells the peer why.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  abort(code = 0): void {
    this.reset(code);
    this.stopSending(code);
  }

  /**
   * Takes the next bytes. One call at a time.
   *
   * @param into Where they are put, as many as there are and fit: at least one
   * byte, left alone until the promise settles. Without it they get memory of
   * their own.
   * @returns Bytes that the caller owns, at least one, a view of `into` where
   * that was given; `undefined` when the peer has ended its direction and
   * everything was read. The `buffer` of short ones may be shared with other
   * bytes, and cannot be transferred then: transfer that of a `slice()`.
   * @throws {TransportError} As a rejection: `STREAM_RESET` (with `closeCode`)
   * when the peer gave up, `STREAM_STATE` while another read waits or after
   * `stopSending`, or why the connection ended: `CONNECTION_LOST`,
   * `CLOSED_BY_PEER`, `CLOSED`.
   */
  read(into?: Uint8Array): Promise<Uint8Array | undefined> {
    const chunk = this.tryRead(into);
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.isReadOver) return ENDED;
    const waitingRead = createDeferred<Uint8Array | undefined>();
    this.readWith(waitingRead, into);
    return waitingRead.promise;
  }

  /**
   * As {@linkcode TransportStream.read}, for whoever has a promise of its own, or
   * none.
   *
   * @param waiter Told once, perhaps at once.
   * @param into As of `read`.
   */
  readWith(waiter: ReadWaiter, into?: Uint8Array): void {
    if (this.#waitingRead !== undefined) {
      return waiter.reject(this.#stateError("is being read already"));
    }
    this.#waitingRead = waiter;
    this.#readTarget = into;
    this.#serveRead(false);
  }

  /**
   * Takes the next bytes if they are there, without a promise.
   *
   * @param into As of `read`.
   * @returns Bytes as of `read`, with a `buffer` that may be shared; `undefined`
   * when `read` would wait, end or reject.
   */
  tryRead(into?: Uint8Array): Uint8Array | undefined {
    return this.#waitingRead === undefined
      ? this.#takeNext(false, into)
      : undefined;
  }

  /** Whether the peer has ended its direction and everything was read. */
  get isReadOver(): boolean {
    return this.#isReadEnded && !(this.#rescued?.length);
  }

  // ── What the connection says ──────────────────────────────────────────────

  #handle(input: StreamInput): void {
    switch (input.type) {
      case "stream-readable":
        if (!this.#isReadEnded) this.#host.settleLater(this);
        return;
      case "stream-writable":
        this.#pumpWrites();
        return;
      case "stream-finished":
        this.#isDelivered = true;
        this.#delivery?.resolve();
        this.#forgetWhenOver();
        return;
      case "stream-reset":
        this.#failReading(
          new TransportError(
            "STREAM_RESET",
            `Stream ${this.id}: reset by the peer with code ${input.code}`,
            { closeCode: input.code },
          ),
        );
        return;
      case "stream-stopped":
        this.#handleStopped(input.code);
        return;
      case "settle":
        this.#serveRead(true);
        this.#noteEnd();
        return;
      case "connection-closed":
        this.#handleConnectionClosed(input.error);
        return;
    }
  }

  #handleStopped(code: number): void {
    if (this.#stopCode !== undefined || this.#isDelivered) return;
    this.#stopCode = code;
    this.#failWriting(
      new TransportError(
        "STREAM_STOPPED",
        `Stream ${this.id}: the peer stopped it with code ${code}`,
        { closeCode: code },
      ),
    );
    this.#callStopped();
  }

  #callStopped(): void {
    const handler = this.#onStopped;
    if (handler === undefined || this.#stopCode === undefined) return;
    this.#onStopped = undefined;
    try {
      handler(this.#stopCode);
    } catch (error) {
      this.#host.onHandlerError(error);
    }
  }

  #handleConnectionClosed(error: TransportError): void {
    // What arrived before the end is still the application's.
    while (this.#readError === undefined && !this.#isReadEnded) {
      const chunk = this.#takeChunk(true);
      if (chunk === undefined) break;
      (this.#rescued ??= []).push(chunk);
    }
    this.#serveRead(true);
    if (!this.#isReadEnded) this.#failReading(error);
    if (!this.#isDelivered) this.#failWriting(error);
  }

  // ── Reading ───────────────────────────────────────────────────────────────

  /** @param isSettled Whether every event that has happened was delivered. */
  #serveRead(isSettled: boolean): void {
    const waitingRead = this.#waitingRead;
    if (waitingRead === undefined) return;
    const chunk = this.#takeNext(isSettled, this.#readTarget);
    const isEnded = this.#isReadEnded;
    const error = this.#readError;
    if (chunk === undefined && !isEnded && error === undefined) return;
    this.#waitingRead = undefined;
    this.#readTarget = undefined;
    try {
      if (chunk !== undefined || isEnded) waitingRead.resolve(chunk);
      else waitingRead.reject(error);
    } catch (thrown) {
      this.#host.onHandlerError(thrown);
    }
  }

  #takeNext(
    isSettled: boolean,
    into: Uint8Array | undefined,
  ): Uint8Array | undefined {
    if (this.#rescued !== undefined && this.#rescued.length > 0) {
      return takeFirst(this.#rescued, into);
    }
    return this.#isReadEnded || this.#readError !== undefined
      ? undefined
      : this.#takeChunk(isSettled, into);
  }

  #takeChunk(isSettled: boolean, into?: Uint8Array): Uint8Array | undefined {
    const { core } = this.#host;
    const chunk = core.readStream(this.id, into);
    // Forgotten by the core: over. Whether finished or reset, the event says,
    // which may still be on its way.
    const isOver = core.isReadFinished(this.id) ?? isSettled;
    if (chunk !== undefined) this.#host.wake();
    if (isOver) this.#endReading();
    return chunk;
  }

  /**
   * Notes an end that came after everything was read: the core forgets the
   * stream then, and a later read could not tell it from one under way.
   */
  #noteEnd(): void {
    if (this.#isReadEnded || this.#readError !== undefined) return;
    if (this.#host.core.isReadFinished(this.id) ?? true) this.#endReading();
  }

  #endReading(): void {
    this.#isReadEnded = true;
    this.#forgetWhenOver();
  }

  #failReading(error: TransportError): void {
    if (this.#isReadEnded || this.#readError !== undefined) return;
    this.#readError = error;
    this.#serveRead(true);
    this.#forgetWhenOver();
  }

  // ── Writing ───────────────────────────────────────────────────────────────

  get #hasWaitingWrites(): boolean {
    return this.#waitingWrites !== undefined && this.#waitingWrites.length > 0;
  }

  #pumpWrites(): void {
    const waiting = this.#waitingWrites ?? [];
    while (waiting.length > 0) {
      const write = waiting[0]!;
      const { bytes, offset } = write;
      try {
        write.offset += this.#host.core.writeStream(
          this.id,
          bytes.subarray(offset),
        );
      } catch (error) {
        waiting.shift();
        write.accepted.reject(error);
        continue;
      }
      if (write.offset < bytes.length) break;
      waiting.shift();
      write.accepted.resolve();
    }
    if (waiting.length === 0 && this.#isFinishing) this.#finishNow();
    this.#host.wake();
  }

  #finishNow(): void {
    if (this.#isDelivered || this.#writeError !== undefined) return;
    try {
      this.#host.core.finishStream(this.id);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
    }
    this.#host.wake(true);
  }

  #failWriting(error: TransportError): void {
    if (this.#writeError !== undefined) return;
    this.#writeError = error;
    const waiting = this.#waitingWrites ?? [];
    this.#waitingWrites = undefined;
    for (const write of waiting) write.accepted.reject(error);
    this.#delivery?.reject(error);
    this.#forgetWhenOver();
  }

  /**
   * Runs an operation that the core may refuse because the stream has ended
   * meanwhile: the event that says so is on its way.
   */
  #inCore(operation: (core: Connection) => void): void {
    try {
      operation(this.#host.core);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
    }
    this.#host.wake();
  }

  #forgetWhenOver(): void {
    const isReadOver = this.#isReadEnded || this.#readError !== undefined;
    const isWriteOver = this.#isDelivered || this.#writeError !== undefined;
    if (!isReadOver || !isWriteOver) return;
    this.#host.forget(this.id);
    // Who was to be told of a stop is not kept by a stream that is over.
    if (this.#stopCode === undefined) this.#onStopped = undefined;
  }

  #stateError(detail: string): TransportError {
    return new TransportError(
      "STREAM_STATE",
      `Stream ${this.id}: it ${detail}`,
    );
  }
}

keepHiddenClass(new TransportStream(undefined as never, 0));

/** Takes the first of some chunks, or as much of it as fits. */
function takeFirst(
  chunks: Uint8Array[],
  into: Uint8Array | undefined,
): Uint8Array | undefined {
  const chunk = chunks.shift();
  if (chunk === undefined || into === undefined) return chunk;
  if (chunk.length > into.length) chunks.unshift(chunk.subarray(into.length));
  const taken = chunk.subarray(0, into.length);
  into.set(taken);
  return into.subarray(0, taken.length);
}
