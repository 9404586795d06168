/**
 * Whole messages over the bytes of one transport stream.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  completeMessage,
  decodeMessage,
  encodeMessageInto,
  encodeStreamChunkInto,
  MAX_PAYLOAD_LENGTH,
  type Message,
  messageLength,
  peekMessageLength,
  ProtocolError,
  STREAM_CHUNK_HEAD_LENGTH,
  type StreamChunkPayload,
} from "../protocol/mod.ts";
import { allocateBytes } from "../internal/byte_pool.ts";
import type { ReadWaiter } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import { CallError } from "./error.ts";
import type { MemoryLimit } from "./memory_limit.ts";
import { MESSAGE_MEMORY } from "./message_memory.ts";
import { type MessageListener, MessageWaiter } from "./message_waiter.ts";
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
  /**
   * Takes all of the bytes at once and copies them, or takes none. The local
   * direction ends with the last ones.
   */
  tryWrite(bytes: Uint8Array, isLast?: boolean): boolean;
  /** Ends the local direction after what was written. */
  finish(): void;
  /**
   * The next bytes, owned by the caller; `undefined` at the end. They are put
   * into `into` where that is given, as many as fit, and are a view of it then.
   */
  read(into?: Uint8Array): Promise<Uint8Array | undefined>;
  /** As `read`, telling a waiter instead of a promise. */
  readWith(waiter: ReadWaiter, into?: Uint8Array): void;
  /** As `read`, if there are any. */
  tryRead(into?: Uint8Array): Uint8Array | undefined;
  /** How many bytes were written that the peer has not acknowledged. */
  readonly undeliveredBytes: number;
  /** Whether they wait for the peer to read what it has. */
  readonly isHeldBack: boolean;
  /** How many bytes `read` finds without waiting. */
  readonly readableBytes: number;
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
   * @default {16 MiB, the limit of the message format}
   */
  readonly maxPayloadBytes?: number;
  /** Bounds what several channels together hold of unfinished messages. */
  readonly memory?: MemoryLimit;
}

/**
 * Most memory that is taken to encode a payload: the largest one, and as much
 * again for texts, which are shorter in UTF-8 than they might be.
 */
const MAX_ENCODED_LENGTH = 2 * MAX_PAYLOAD_LENGTH;

/** Nothing is buffered; never changed. */
const NO_CHUNKS: Uint8Array[] = [];

/** Stands for bytes that nobody asked for. */
const EXCESS = new Uint8Array(1);

/** Size from which on a message is put where it stays while it arrives, in bytes. */
const MIN_GATHERED_BYTES = 16_384;

/** How much of such a message has come before memory for all of it is taken. */
const GATHERED_SHARE = 1 / 4;

/**
 * What is read after such a message, in bytes: the next one is probably as large,
 * and what is in here has to be copied once more.
 */
const NEXT_HEAD_BYTES = 1_024;

/**
 * What a piece of a message costs beside its bytes: the view of it, its buffer and
 * its place in a list. The first one has them too, like any stream that is open.
 */
const PIECE_BYTES = 192;

/** A message as it is given to {@linkcode MessageChannel.send}. */
export type OutgoingMessage = Omit<Message, "flags"> & {
  /** Message flags; none when absent. */
  readonly flags?: number;
};

export { MemoryLimit } from "./memory_limit.ts";

export type { MessageListener } from "./message_waiter.ts";

/** What a message has beside its payload. */
export type MessageHead = Omit<Message, "payload">;

/**
 * Sends and receives messages on one stream. At most one message is buffered
 * in each direction, so a slow reader holds up the writer at the other end.
 */
export class MessageChannel {
  readonly #stream: ByteStream;
  readonly #maxMessageBytes: number;
  readonly #memory: MemoryLimit | undefined;
  /** Bytes that were read and belong to no returned message. */
  #chunks: Uint8Array[] = NO_CHUNKS;
  /** Bytes of the first chunk that belong to returned messages. */
  #usedBytes = 0;
  #bufferedBytes = 0;
  /** Length of the message at the front, once its header is there. */
  #expectedBytes: number | undefined;
  #isCancelled = false;
  #bytesSent = 0;
  #bytesReceived = 0;
  /** A large message of which a part has come: as many bytes as are buffered. */
  #gathered: Uint8Array | undefined;
  /** Bytes of the memory limit that are in use. */
  #heldBytes = 0;
  #isAfterLarge = false;

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

  /** How many of them the peer has. */
  get bytesDelivered(): number {
    return this.#bytesSent - this.#stream.undeliveredBytes;
  }

  /** Whether what was sent waits for the peer to read. */
  get isHeldBack(): boolean {
    return this.#stream.isHeldBack;
  }

  /** Bytes that came from the stream. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Whether the peer has ended its direction and everything was received. */
  get isReceivingOver(): boolean {
    return this.#bufferedBytes === 0 && this.#stream.isReadOver;
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
    checkPayloadLength(payload.length);
    const memory = MESSAGE_MEMORY.take(messageLength(payload.length));
    return this.#write(memory, encodeMessageInto(filled, memory));
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
    head: MessageHead,
    chunk: StreamChunkPayload,
  ): Promise<void> | undefined {
    const payloadLength = STREAM_CHUNK_HEAD_LENGTH + chunk.body.length;
    return this.pushEncoded(head, payloadLength, encodeStreamChunkInto, chunk);
  }

  /**
   * As {@linkcode MessageChannel.push}, with a payload that is written where it is
   * sent from: so that a call costs no memory on its way.
   *
   * @typeParam Payload What the payload is made from.
   * @param head The other fields of the message.
   * @param maxPayloadLength Most bytes that `encodeInto` writes.
   * @param encodeInto Writes the payload and gives its length; runs nothing else.
   * @param payload What it writes; copied.
   * @param isLast Whether the local direction ends with it, if the stream takes all
   * of it now: {@linkcode MessageChannel.finish} does nothing more then.
   * @returns As `push`.
   * @throws {ProtocolError} `PAYLOAD_TOO_LARGE` above 16 MiB, and what
   * `encodeInto` throws.
   */
  pushEncoded<Payload>(
    head: MessageHead,
    maxPayloadLength: number,
    encodeInto: (payload: Payload, into: Uint8Array, at: number) => number,
    payload: Payload,
    isLast = false,
  ): Promise<void> | undefined {
    // The bound may be above the limit where the payload is not.
    checkPayloadLength(maxPayloadLength, MAX_ENCODED_LENGTH);
    const memory = MESSAGE_MEMORY.take(messageLength(maxPayloadLength));
    const length = encodeInto(payload, memory, MESSAGE_HEADER_LENGTH);
    checkPayloadLength(length);
    return this.#write(memory, completeMessage(head, length, memory), isLast);
  }

  #write(
    memory: Uint8Array,
    length: number,
    isLast = false,
  ): Promise<void> | undefined {
    this.#bytesSent += length;
    if (this.#stream.tryWrite(MESSAGE_MEMORY.view(memory, length), isLast)) {
      MESSAGE_MEMORY.giveBack(memory);
      return undefined;
    }
    const message = MESSAGE_MEMORY.detach(memory, length);
    const sending = this.#stream.write(message);
    const giveBack = (): void => MESSAGE_MEMORY.giveBack(message);
    sending.then(giveBack, giveBack);
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
      this.receiveWith({ resolve, reject }, race);
    });
  }

  /**
   * As {@linkcode MessageChannel.receive}, for whoever has a promise of its own.
   *
   * @param listener Told once, perhaps at once.
   * @param race Ends the wait when it is aborted.
   */
  receiveWith(listener: MessageListener, race?: AbortRace): void {
    const waiter = new MessageWaiter(this, this.#stream, listener);
    if (race === undefined) waiter.wait();
    else waiter.waitUntilAborted(race);
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
      const chunk = this.#stream.tryRead(this.roomForNext());
      if (chunk === undefined) return undefined;
      this.handleRead(chunk);
    }
  }

  /**
   * Waits for the next message to begin, however long: it may be whole as well.
   *
   * @returns Whether it has: not when the peer ended its direction before.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when it does not fit.
   * @throws {TransportError} When the stream was reset or its connection lost.
   */
  async begins(): Promise<boolean> {
    while (this.#bufferedBytes === 0) {
      const chunk = await this.#stream.read(this.roomForNext());
      if (chunk === undefined) return false;
      this.handleRead(chunk);
    }
    return true;
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

  /**
   * Where the next bytes are to be put, if it matters: to read them elsewhere is
   * right only where this gave nothing.
   *
   * @returns Memory for the rest of a large message.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when it does not fit.
   */
  roomForNext(): Uint8Array | undefined {
    if (this.#bufferedBytes === 0) {
      return this.#isAfterLarge ? allocateBytes(NEXT_HEAD_BYTES) : undefined;
    }
    this.#gather();
    return this.#gathered?.subarray(this.#bufferedBytes);
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

  /**
   * Wants no more messages: stops the peer's direction at once.
   *
   * @param code A call status that tells the peer why.
   */
  stopReceiving(code: number = StatusCode.OK): void {
    this.#stream.stopSending(code);
    this.#forgetBuffered();
  }

  /**
   * Wants no more messages: waits for the end of the peer's direction, which
   * is there already as a rule, and stops the peer if more than that comes.
   */
  finishReceiving(): void {
    if (this.isReceivingOver) return;
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
    if (this.#gathered === undefined) {
      // Nearly always one: a list that grows would take room for many.
      if (this.#chunks.length === 0) {
        this.#hold(chunk.length);
        this.#chunks = [chunk];
      } else {
        this.#hold(this.#heldBytes + chunk.length + PIECE_BYTES);
        this.#chunks.push(chunk);
      }
    }
    this.#bufferedBytes += chunk.length;
  }

  /** Says how many bytes of the memory limit are in use from here on. */
  #hold(byteCount: number): void {
    const more = byteCount - this.#heldBytes;
    if (more > 0) this.#memory?.take(more);
    else this.#memory?.release(-more);
    this.#heldBytes = byteCount;
  }

  /** Takes memory for all of a large message, once enough of it is here. */
  #gather(): void {
    const length = this.#expectedBytes;
    if (
      this.#gathered !== undefined || length === undefined ||
      length < MIN_GATHERED_BYTES ||
      this.#bufferedBytes + this.#stream.readableBytes <
        GATHERED_SHARE * length
    ) return;
    try {
      this.#hold(length);
    } catch (error) {
      this.#forgetBuffered();
      throw error;
    }
    this.#gathered = this.#joinInto(new Uint8Array(length));
    this.#chunks = NO_CHUNKS;
    this.#usedBytes = 0;
  }

  #checkWhole(): void {
    if (this.#bufferedBytes === 0) return;
    throw new CallError(
      "DATA_LOSS",
      `Stream: ended ${this.#bufferedBytes} bytes into a message`,
    );
  }

  #forgetBuffered(): void {
    this.#hold(0);
    this.#gathered = undefined;
    this.#chunks = NO_CHUNKS;
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
    this.#isAfterLarge = length >= MIN_GATHERED_BYTES;
    if (this.#gathered !== undefined) {
      const message = decodeMessage(this.#gathered);
      this.#forgetBuffered();
      return message;
    }
    this.#joinBelow(length);
    const front = this.#chunks[0]!;
    const message = decodeMessage(front, this.#usedBytes);
    this.#usedBytes += length;
    if (this.#usedBytes === front.length) {
      if (this.#chunks.length === 1) this.#chunks = NO_CHUNKS;
      else this.#chunks.shift();
      this.#usedBytes = 0;
    }
    this.#bufferedBytes -= length;
    this.#hold(this.#bufferedBytes);
    this.#expectedBytes = undefined;
    return message;
  }

  /** Joins the chunks when the first one holds less than what is asked for. */
  #joinBelow(byteCount: number): void {
    if (this.#chunks[0]!.length - this.#usedBytes >= byteCount) return;
    this.#chunks = [this.#joinInto(new Uint8Array(this.#bufferedBytes))];
    this.#usedBytes = 0;
  }

  /** Puts everything that is buffered one behind the other. */
  #joinInto(bytes: Uint8Array): Uint8Array {
    this.#chunks[0] = this.#chunks[0]!.subarray(this.#usedBytes);
    let offset = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  }
}

keepHiddenClass(new MessageChannel(undefined as never));

/** Before memory is taken, since it may be far above the limit. */
function checkPayloadLength(length: number, limit = MAX_PAYLOAD_LENGTH): void {
  if (length <= limit) return;
  throw new ProtocolError(
    "PAYLOAD_TOO_LARGE",
    `Message: payload of ${length} bytes is above ${MAX_PAYLOAD_LENGTH}`,
  );
}

function cancelledError(): CallError {
  return new CallError("CANCELLED", "Stream: cancelled here");
}
