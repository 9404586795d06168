/**
 * Whole messages over the bytes of one transport stream.
 *
 * @module
 */
import {
  completeMessage,
  decodeMessage,
  encodeMessage,
  encodeMessageInto,
  encodeStreamChunk,
  encodeStreamChunkInto,
  MAX_PAYLOAD_LENGTH,
  type Message,
  messageLength,
  peekMessageLength,
  ProtocolError,
  STREAM_CHUNK_HEAD_LENGTH,
  type StreamChunkPayload,
} from "../protocol/mod.ts";
import { poison } from "../internal/poison.ts";
import type { ReadWaiter } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import { RETRY_AFTER_MS } from "./config.ts";
import { CallError } from "./error.ts";
import { StatusCode } from "./status_code.ts";

/** Shortest prefix from which the length of a message is known, in bytes. */
const MESSAGE_HEADER_LENGTH = 32;

/** What the header and the checksum add to a payload, in bytes. */
const MESSAGE_OVERHEAD = 40;

/**
 * The part of a transport stream that messages need; `TransportStream` is one.
 */
export interface ByteStream {
  /**
   * Resolves when the bytes are in the send buffer: this is the backpressure.
   * Overlapping writes keep their order.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Takes all of the bytes at once and copies them, or takes none. */
  tryWrite(bytes: Uint8Array): boolean;
  /** Ends the local direction after what was written. */
  finish(): void;
  /** The next bytes, owned by the caller; `undefined` at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** As `read`, telling a waiter instead of a promise. */
  readWith(waiter: ReadWaiter): void;
  /** The next bytes if they are there, owned by the caller. */
  tryRead(): Uint8Array | undefined;
  /** Whether the peer has ended its direction and everything was read. */
  readonly isReadOver: boolean;
  /** Gives up the local direction with a code. */
  reset(code: number): void;
  /** Asks the peer to give up its direction. */
  stopSending(code: number): void;
}

/** Options of a {@linkcode MessageChannel}. */
export interface MessageChannelOptions {
  /**
   * Largest payload that is received, in bytes.
   *
   * @default 16 MiB, the limit of the message format
   */
  readonly maxPayloadBytes?: number;
  /** Bounds what several channels together hold of unfinished messages. */
  readonly memory?: MemoryLimit;
}

/** A bound on the bytes that several channels hold together. */
export class MemoryLimit {
  readonly #maxBytes: number;
  readonly #shared: MemoryLimit | undefined;
  #usedBytes = 0;

  /**
   * @param maxBytes The bound.
   * @param shared A wider bound that holds as well.
   */
  constructor(maxBytes: number, shared?: MemoryLimit) {
    this.#maxBytes = maxBytes;
    this.#shared = shared;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Takes bytes.
   *
   * @param bytes How many.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when they do not fit.
   */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.#maxBytes) {
      throw new CallError(
        "RESOURCE_EXHAUSTED",
        `Memory: ${this.#maxBytes} bytes of unfinished messages are held already`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#shared?.take(bytes);
    this.#usedBytes += bytes;
  }

  /** @param bytes How many are free again. */
  release(bytes: number): void {
    this.#shared?.release(bytes);
    this.#usedBytes -= bytes;
  }
}

/** Stands for bytes that nobody asked for. */
const EXCESS = new Uint8Array(1);

/**
 * Where messages are encoded that the stream copies at once: larger ones get
 * bytes of their own.
 */
const scratch = new Uint8Array(16_384);

/** A message as it is given to {@linkcode MessageChannel.send}. */
export type OutgoingMessage = Omit<Message, "flags"> & {
  /** Message flags; none when absent. */
  readonly flags?: number;
};

/** What a chunk of a stream has beside its payload. */
export type ChunkHead = Omit<Message, "payload">;

/**
 * Sends and receives messages on one stream. At most one message is buffered
 * in each direction, so a slow reader holds up the writer at the other end.
 */
export class MessageChannel {
  readonly #stream: ByteStream;
  readonly #maxMessageBytes: number;
  readonly #memory: MemoryLimit | undefined;
  /** Bytes that were read and belong to no returned message. */
  #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that belong to returned messages. */
  #usedBytes = 0;
  #bufferedBytes = 0;
  /** Length of the message at the front, once its header is there. */
  #expectedBytes: number | undefined;
  #isCancelled = false;
  #bytesSent = 0;
  #bytesReceived = 0;

  /**
   * @param stream The stream; the channel owns it from here on.
   * @param options Bounds.
   */
  constructor(stream: ByteStream, options: MessageChannelOptions = {}) {
    this.#stream = stream;
    this.#memory = options.memory;
    this.#maxMessageBytes = MESSAGE_OVERHEAD +
      Math.min(
        options.maxPayloadBytes ?? MAX_PAYLOAD_LENGTH,
        MAX_PAYLOAD_LENGTH,
      );
  }

  /** Bytes of all messages given to the stream. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Bytes that came from the stream. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Whether {@linkcode MessageChannel.cancel} was called. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /**
   * Sends one message. Overlapping sends keep their order.
   *
   * @param message What to send; the payload is copied.
   * @returns Resolves when the stream has taken all of it.
   * @throws {ProtocolError} `PAYLOAD_TOO_LARGE` above 16 MiB.
   * @throws {TransportError} When the stream or its connection is gone.
   */
  async send(message: OutgoingMessage): Promise<void> {
    await this.push(message);
  }

  /**
   * As {@linkcode MessageChannel.send}, but without a promise for a message
   * that finds room: so that small ones cost little.
   *
   * @param message What to send; the payload is copied.
   * @returns `undefined` when the stream has taken all of it, else a promise
   * as of `send`.
   * @throws {ProtocolError} `PAYLOAD_TOO_LARGE` above 16 MiB.
   */
  push(message: OutgoingMessage): Promise<void> | undefined {
    const { type, flags = 0, messageId, traceId, payload } = message;
    const filled = { type, flags, messageId, traceId, payload };
    const length = messageLength(payload.length);
    if (length > scratch.length) {
      const bytes = encodeMessage(filled);
      this.#bytesSent += length;
      return this.#stream.write(bytes);
    }
    encodeMessageInto(filled, scratch);
    return this.#writeScratch(length);
  }

  /**
   * As {@linkcode MessageChannel.push} of a `StreamChunk` message, which is
   * written where it is sent from: so that tokens cost little.
   *
   * @param head The other fields of the message.
   * @param chunk Its payload; copied.
   * @returns As `push`.
   * @throws {ProtocolError} `PAYLOAD_TOO_LARGE` above 16 MiB.
   */
  pushChunk(
    head: ChunkHead,
    chunk: StreamChunkPayload,
  ): Promise<void> | undefined {
    const payloadLength = STREAM_CHUNK_HEAD_LENGTH + chunk.body.length;
    if (messageLength(payloadLength) > scratch.length) {
      return this.push({ ...head, payload: encodeStreamChunk(chunk) });
    }
    encodeStreamChunkInto(chunk, scratch, MESSAGE_HEADER_LENGTH);
    return this.#writeScratch(completeMessage(head, payloadLength, scratch));
  }

  #writeScratch(length: number): Promise<void> | undefined {
    this.#bytesSent += length;
    const bytes = scratch.subarray(0, length);
    const sending = this.#stream.tryWrite(bytes)
      ? undefined
      : this.#stream.write(bytes.slice());
    poison(bytes);
    return sending;
  }

  /**
   * Receives the next message.
   *
   * @param race Ends the wait when it is aborted.
   * @returns The message, whose payload is the caller's, or `undefined` when
   * the peer ended its direction after a whole message.
   * @throws {ProtocolError} When the bytes are no message, or too large a one;
   * the channel is cancelled then.
   * @throws {CallError} `DATA_LOSS` when the stream ends inside a message.
   * @throws {TransportError} When the stream was reset or its connection lost.
   */
  receive(race?: AbortRace): Promise<Message | undefined> {
    return new Promise((resolve, reject) => {
      const waiter = new MessageWaiter(this, this.#stream, resolve, reject);
      if (race === undefined) waiter.wait();
      else waiter.waitUntilAborted(race);
    });
  }

  /**
   * As {@linkcode MessageChannel.receive}, without a promise, for a message that
   * has arrived.
   *
   * @returns The message, or `undefined` when `receive` would wait.
   * @throws {ProtocolError} As `receive`.
   * @throws {CallError} When there is too much of an unfinished message.
   */
  tryReceive(): Message | undefined {
    for (;;) {
      const message = this.receiveBuffered();
      if (message !== undefined) return message;
      const chunk = this.#stream.tryRead();
      if (chunk === undefined) return undefined;
      this.handleRead(chunk);
    }
  }

  /**
   * Takes what was read from the stream.
   *
   * @param chunk The bytes, owned from here on; `undefined` at the end.
   * @throws {CallError} `CANCELLED` after `cancel`, when they do not fit, or
   * `DATA_LOSS` at an end inside a message.
   */
  handleRead(chunk: Uint8Array | undefined): void {
    try {
      if (chunk === undefined) this.#checkWhole();
      else if (chunk.length > 0) this.#buffer(chunk);
    } catch (error) {
      this.#forgetBuffered();
      throw error;
    }
  }

  /** Drops what was read of an unfinished message: the stream is gone. */
  drop(): void {
    this.#forgetBuffered();
  }

  /**
   * Receives the next message if all of it has been read from the stream
   * already, together with the one before: without a promise.
   *
   * @returns The message, or `undefined` when {@linkcode
   * MessageChannel.receive} has to wait.
   * @throws {ProtocolError} As `receive`.
   */
  receiveBuffered(): Message | undefined {
    if (this.#bufferedBytes === 0) return undefined;
    try {
      const length = this.#messageLength();
      return length === undefined || this.#bufferedBytes < length
        ? undefined
        : this.#takeMessage(length);
    } catch (error) {
      this.cancel(StatusCode.INTERNAL);
      throw error;
    }
  }

  /** Ends the local direction after the messages that were sent. */
  finish(): void {
    if (!this.#isCancelled) this.#stream.finish();
  }

  /** Wants no more messages: stops the peer's direction at once. */
  stopReceiving(): void {
    this.#stream.stopSending(StatusCode.OK);
    this.#forgetBuffered();
  }

  /**
   * Wants no more messages: waits for the end of the peer's direction, which
   * is there already as a rule, and stops the peer if more than that comes.
   */
  finishReceiving(): void {
    if (this.#bufferedBytes === 0 && this.#stream.isReadOver) return;
    const ended = this.#bufferedBytes > 0
      ? Promise.resolve(EXCESS)
      : this.#stream.read();
    ended.then((chunk) => {
      if (chunk !== undefined) this.#stream.stopSending(StatusCode.OK);
    }, () => {
      // Reset by the peer or lost with its connection: as good as ended.
    });
    this.#forgetBuffered();
  }

  /**
   * Gives up both directions at once; what was not sent is not sent. Safe to
   * call at any time, more than once.
   *
   * @param code A call status that tells the peer why.
   */
  cancel(code: number): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#forgetBuffered();
    this.#stream.reset(code);
    this.#stream.stopSending(code);
  }

  #buffer(chunk: Uint8Array): void {
    if (this.#isCancelled) throw cancelledError();
    this.#bytesReceived += chunk.length;
    this.#memory?.take(chunk.length);
    this.#bufferedBytes += chunk.length;
    this.#chunks.push(chunk);
  }

  #checkWhole(): void {
    if (this.#bufferedBytes === 0) return;
    throw new CallError(
      "DATA_LOSS",
      `Stream: ended ${this.#bufferedBytes} bytes into a message`,
    );
  }

  #forgetBuffered(): void {
    this.#memory?.release(this.#bufferedBytes);
    this.#chunks = [];
    this.#usedBytes = 0;
    this.#bufferedBytes = 0;
    this.#expectedBytes = undefined;
  }

  #messageLength(): number | undefined {
    if (this.#expectedBytes !== undefined) return this.#expectedBytes;
    if (this.#bufferedBytes < MESSAGE_HEADER_LENGTH) return undefined;
    this.#joinBelow(MESSAGE_HEADER_LENGTH);
    const length = peekMessageLength(this.#chunks[0]!, this.#usedBytes);
    if (length !== undefined && length > this.#maxMessageBytes) {
      throw new ProtocolError(
        "PAYLOAD_TOO_LARGE",
        `Message: ${length} bytes, at most ${this.#maxMessageBytes} are taken here`,
        { fault: "peer" },
      );
    }
    this.#expectedBytes = length;
    return length;
  }

  /** Takes `length` bytes off the front: a view when they came in one chunk. */
  #takeMessage(length: number): Message {
    this.#joinBelow(length);
    const front = this.#chunks[0]!;
    const message = decodeMessage(front, this.#usedBytes);
    this.#usedBytes += length;
    if (this.#usedBytes === front.length) {
      this.#chunks.shift();
      this.#usedBytes = 0;
    }
    this.#bufferedBytes -= length;
    this.#memory?.release(length);
    this.#expectedBytes = undefined;
    return message;
  }

  /** Joins the chunks when the first one holds less than what is asked for. */
  #joinBelow(byteCount: number): void {
    if (this.#chunks[0]!.length - this.#usedBytes >= byteCount) return;
    const joined = new Uint8Array(this.#bufferedBytes);
    this.#chunks[0] = this.#chunks[0]!.subarray(this.#usedBytes);
    let offset = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, offset);
      offset += chunk.length;
    }
    this.#chunks = [joined];
    this.#usedBytes = 0;
  }
}

/** Waits for one message, with one promise for all that it is made of. */
class MessageWaiter implements ReadWaiter {
  readonly #channel: MessageChannel;
  readonly #stream: ByteStream;
  readonly #resolve: (message: Message | undefined) => void;
  readonly #reject: (reason: unknown) => void;
  #release: (() => void) | undefined;
  #isOver = false;

  constructor(
    channel: MessageChannel,
    stream: ByteStream,
    resolve: (message: Message | undefined) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#channel = channel;
    this.#stream = stream;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  wait(): void {
    try {
      const message = this.#channel.receiveBuffered();
      if (message === undefined) this.#stream.readWith(this);
      else this.#finish(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  waitUntilAborted(race: AbortRace): void {
    this.#release = race.onAbort((reason) => this.#fail(reason));
    // What arrives after an abort is read all the same, and dropped.
    this.wait();
  }

  resolve(chunk: Uint8Array | undefined): void {
    try {
      this.#channel.handleRead(chunk);
      if (chunk === undefined) this.#finish(undefined);
      else this.wait();
    } catch (error) {
      this.#fail(error);
    }
  }

  reject(reason: unknown): void {
    this.#channel.drop();
    // Whoever cancels the channel says why right after: that reason counts.
    queueMicrotask(() => this.#fail(reason));
  }

  #finish(message: Message | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release?.();
    this.#resolve(message);
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release?.();
    this.#reject(reason);
  }
}

function cancelledError(): CallError {
  return new CallError("CANCELLED", "Stream: cancelled here");
}
