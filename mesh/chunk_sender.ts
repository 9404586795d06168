/**
 * The chunks of a stream, from the handler's iterable to the transport.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { encodeStreamChunk, MessageType } from "../protocol/mod.ts";
import type { AbortRace } from "./abort.ts";
import { compressMessage, packContent, type Sendable } from "./content.ts";
import type { ChunkSource } from "./handler.ts";
import type { IncomingRequest } from "./incoming_request.ts";
import type { MessageChannel } from "./message_channel.ts";
import { SENDING_TURNS } from "./sending_turns.ts";

/** Chunks of an iterable that is not asynchronous, sent without a pause. */
const CHUNKS_PER_TURN = 64;

/** What a {@linkcode ChunkSender} is made from. */
export interface ChunkSenderOptions {
  /** Where the chunks go. */
  readonly channel: MessageChannel;
  /** What they answer. */
  readonly request: IncomingRequest;
  /** Aborted when nobody wants them any more. */
  readonly race: AbortRace;
  /** Where they come from. */
  readonly source: ChunkSource;
  /** Seals what has to be sealed. */
  readonly seal: (value: Sendable) => Sendable;
  /** Makes of code what runs as a part of the handler. */
  readonly inCall: <Result>(code: () => Result) => () => Result;
}

type ChunkIterator =
  | { readonly isAsync: true; readonly iterator: AsyncIterator<Sendable> }
  | { readonly isAsync: false; readonly iterator: Iterator<Sendable> };

/** Sends one stream. The source is asked only when there is room. */
export class ChunkSender {
  readonly #options: ChunkSenderOptions;
  readonly #source: ChunkIterator;
  #count = 0;

  /**
   * Takes the iterator.
   *
   * @param options What to send, and where.
   * @throws {TypeError} For a source that is no iterable.
   */
  constructor(options: ChunkSenderOptions) {
    this.#options = options;
    this.#source = iteratorOf(options.source);
  }

  /** How many chunks were given to the transport. */
  get count(): number {
    return this.#count;
  }

  /**
   * Sends to the end. Runs once.
   *
   * @returns Resolves when the transport has taken all. Rejects with what the
   * source threw, with the reason of an abort, or when the stream is gone.
   */
  async sendAll(): Promise<void> {
    if (this.#source.isAsync) await this.#sendEach(this.#source.iterator);
    else await this.#sendInTurns(this.#source.iterator);
  }

  /** Has the source clean up. A generator that waits does so afterwards. */
  async stop(): Promise<void> {
    await this.#source.iterator.return?.();
  }

  async #sendEach(iterator: AsyncIterator<Sendable>): Promise<void> {
    const { race, inCall } = this.#options;
    const next = inCall(() => iterator.next());
    for (;;) {
      const waiting = SENDING_TURNS.take(1);
      if (waiting !== undefined) await waiting;
      race.throwIfAborted();
      const { done, value } = await next();
      if (done || race.isAborted) return;
      const sending = this.#send(value);
      if (sending !== undefined) await race.race(sending);
    }
  }

  /** In turns, since to enter the handler costs as much as a chunk. */
  async #sendInTurns(iterator: Iterator<Sendable>): Promise<void> {
    const { race, inCall } = this.#options;
    let isDone = false;
    const turn = inCall((): Promise<void> | undefined => {
      for (let count = 0; count < CHUNKS_PER_TURN; count++) {
        const { done, value } = iterator.next();
        if (done) {
          isDone = true;
          return undefined;
        }
        const sending = this.#send(value);
        if (sending !== undefined) return sending;
      }
      return undefined;
    });
    while (!isDone) {
      const waiting = SENDING_TURNS.take(CHUNKS_PER_TURN);
      if (waiting !== undefined) await waiting;
      race.throwIfAborted();
      const sending = turn();
      // A microtask at least, so that what is there leaves meanwhile.
      await (sending === undefined ? sending : race.race(sending));
    }
  }

  /** @returns Nothing when there was room, else resolves when there is. */
  #send(value: Sendable): Promise<void> | undefined {
    const { channel, request, seal } = this.#options;
    const { flags, contentType, body } = packContent(seal(value));
    const { messageId, traceId } = request;
    const type = MessageType.STREAM_CHUNK;
    const chunk = { offset: this.#count++, contentType, body };
    return request.isCompressed
      ? channel.push({
        type,
        messageId,
        traceId,
        ...compressMessage(flags, encodeStreamChunk(chunk), "auto"),
      })
      : channel.pushChunk({ type, flags, messageId, traceId }, chunk);
  }
}

keepHiddenClass(new ChunkSender({ source: [] } as never));

/**
 * Has a source clean up that came when nobody wanted it any more.
 *
 * @param source What would have been sent.
 * @throws {TypeError} For a source that is no iterable.
 */
export async function discardSource(source: ChunkSource): Promise<void> {
  await iteratorOf(source).iterator.return?.();
}

function iteratorOf(source: ChunkSource): ChunkIterator {
  // Text and bytes are iterables too, and never meant as such.
  if (
    typeof source === "object" && source !== null &&
    !(source instanceof Uint8Array)
  ) {
    if (Symbol.asyncIterator in source) {
      return { isAsync: true, iterator: source[Symbol.asyncIterator]() };
    }
    if (Symbol.iterator in source) {
      return { isAsync: false, iterator: source[Symbol.iterator]() };
    }
  }
  throw new TypeError("Stream handler: it gave no iterable");
}
