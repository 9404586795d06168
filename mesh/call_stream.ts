/**
 * A stream of answers, read at the caller.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  decodeStreamChunk,
  decodeStreamClose,
  type Message,
  MessageType,
  StreamEnding,
  type Value,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import { readError, unexpected } from "./answer.ts";
import type { CallScope } from "./call_scope.ts";
import { readPayload, type SealedValue, unpackValue } from "./content.ts";
import { isCostly, takeChunkTurns } from "./decoding_turns.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import { toCallFailure } from "./failure.ts";
import { AbortRace } from "./abort.ts";
import type { MessageChannel } from "./message_channel.ts";
import { decodeReplyFacts } from "./reply_extension.ts";

/**
 * How a stream ended: `completed` when the callee said that everything was
 * sent and everything arrived, `cancelled` when either end gave it up, `failed`
 * with a code, and `lost` when it broke off.
 */
export interface CallStreamEnding {
  /** Which of the four. */
  readonly type: "completed" | "cancelled" | "failed" | "lost";
  /** Why, unless it completed. */
  readonly code?: CallErrorCode;
  /** One line for a person, unless it completed. */
  readonly message?: string;
  /** How many chunks arrived, whatever the ending. */
  readonly chunkCount: number;
}

/** A request that was answered with a first message. */
export interface OpenCall {
  /** Its stream. */
  readonly channel: MessageChannel;
  /** The first message of the answer. */
  readonly first: Message | undefined;
  /** Ends the use of the connection, and the input. */
  close(): void;
}

/** What a {@linkcode CallStream} is made from. */
export interface CallStreamOptions {
  /** The call. */
  readonly scope: CallScope;
  /** The method. */
  readonly method: string;
  /** Opens what is sealed for this agent. */
  readonly keyPair: KeyPair;
  /** The request, being sent. */
  readonly opening: Promise<OpenCall>;
}

/** Chunks that are given to a reader of batches at once, at most. */
const MAX_BATCH_CHUNKS = 1_024;

/** What iterating ends with. */
interface Ended {
  readonly ending: CallStreamEnding;
  /** What `next` throws, once. */
  readonly failure: unknown;
}

/**
 * The chunks of a stream, in order, to be read by one loop. The loop ends by
 * itself only when the stream is complete; any other ending throws. Leaving
 * the loop early cancels the stream. Chunks are fetched as they are read, so
 * a slow reader slows the callee down.
 *
 * @typeParam Chunk What the chunks are taken for; not checked.
 */
export class CallStream<Chunk = Value | SealedValue>
  implements AsyncIterable<Chunk> {
  /** How the stream ended. It never rejects. */
  readonly ending: Promise<CallStreamEnding>;
  readonly #options: CallStreamOptions;
  #resolveEnding: (ending: CallStreamEnding) => void = () => {};
  #open: OpenCall | undefined;
  #waiting: Message | undefined;
  #hasStarted = false;
  #offset = 0;
  /** Resolves when the callee has ended its direction, after it said that it would. */
  #closing: Promise<void> | undefined;
  #ended: Ended | undefined;
  #isThrown = false;
  /** How many calls of `next` wait for a chunk. */
  #waitingCount = 0;
  /** What the last one that had to wait gives. */
  #lastNext: Promise<IteratorResult<Chunk, undefined>> | undefined;

  /**
   * Follows a call; for agents.
   *
   * @param options The call.
   */
  constructor(options: CallStreamOptions) {
    this.#options = options;
    this.ending = new Promise((resolve) => {
      this.#resolveEnding = resolve;
    });
    const { race } = options.scope;
    race.onAbort((reason) => this.#fail(reason));
    options.opening.then((open) => {
      if (this.#ended !== undefined) return open.close();
      this.#open = open;
      // Its end is noted even when nobody reads.
      if (open.first?.type !== MessageType.STREAM_CHUNK) this.#look(open.first);
      else this.#waiting = open.first;
    }).catch((error) => this.#fail(error));
  }

  /** Index of the next chunk: how many were read so far. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Gives the stream up; the callee's handler is told. Does nothing when it
   * has ended.
   */
  cancel(): void {
    this.#options.scope.abort(
      new CallError("CANCELLED", "Stream: cancelled by the caller"),
    );
  }

  /**
   * Reads the chunks.
   *
   * @returns The one iterator of the stream. Calls of its `next` that overlap get
   * the chunks in their order.
   * @throws {CallError} `FAILED_PRECONDITION` when it is read already. `next`
   * throws the code of the failure; `CONNECTION_LOST` or `DATA_LOSS` when the
   * stream was lost; `CANCELLED`, or the reason of the caller's signal.
   */
  [Symbol.asyncIterator](): AsyncIterator<Chunk, undefined> {
    this.#start();
    return {
      next: () => {
        if (this.#waitingCount > 0) return this.#nextInTurn();
        const value = this.#take();
        return value === undefined
          ? this.#lastNext = this.#next()
          : Promise.resolve({ done: false, value });
      },
      return: () => this.#leave(),
    };
  }

  /**
   * Reads the chunks as they arrived together, with one `await` for many: for
   * streams of very many small ones.
   *
   * @returns The one iterator of the stream. A batch holds 1 to 1,024 chunks.
   * @throws {CallError} As the iterator of single chunks.
   */
  batches(): AsyncIterable<Chunk[]> {
    this.#start();
    const batches = this.#readBatches();
    const iterator = {
      next: () => batches.next(),
      // Not the generator's, which would wait for the next chunk.
      return: () => this.#leave(),
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  async *#readBatches(): AsyncGenerator<Chunk[], undefined> {
    for (;;) {
      const first = await this.#next();
      if (first.done) return undefined;
      const batch = [first.value];
      while (batch.length < MAX_BATCH_CHUNKS) {
        const chunk = this.#take();
        if (chunk === undefined) break;
        batch.push(chunk);
      }
      yield batch;
    }
  }

  #leave(): Promise<IteratorReturnResult<undefined>> {
    this.cancel();
    // Whoever waits is told; whoever comes after the end is not.
    if (this.#waitingCount === 0) this.#isThrown = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  #start(): void {
    if (this.#hasStarted) {
      throw new CallError(
        "FAILED_PRECONDITION",
        "Stream: it is read by one loop only",
      );
    }
    this.#hasStarted = true;
  }

  /**
   * The next chunk if it is there, and can be decoded at once; an end, or its
   * failure, is noted.
   */
  #take(): Chunk | undefined {
    if (this.#ended !== undefined || this.#open === undefined) return undefined;
    try {
      const message = this.#waiting ?? this.#open.channel.receiveBuffered();
      if (message === undefined) return undefined;
      if (isCostly(message)) {
        this.#waiting = message;
        return undefined;
      }
      this.#waiting = undefined;
      return this.#look(message) as Chunk | undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** As `#next`, once those who wait already have got theirs. */
  #nextInTurn(): Promise<IteratorResult<Chunk, undefined>> {
    this.#waitingCount++;
    const next = (): Promise<IteratorResult<Chunk, undefined>> => {
      this.#waitingCount--;
      return this.#next();
    };
    return this.#lastNext = this.#lastNext!.then(next, next);
  }

  async #next(): Promise<IteratorResult<Chunk, undefined>> {
    const { scope, opening } = this.#options;
    this.#waitingCount++;
    try {
      if (this.#ended === undefined && this.#open === undefined) {
        await scope.race.race(opening);
      }
      while (this.#ended === undefined) {
        const taken = this.#take();
        if (taken !== undefined) return { done: false, value: taken };
        if (this.#ended !== undefined) break;
        if (this.#closing !== undefined) {
          await this.#closing;
          break;
        }
        const message = this.#waiting ?? await this.#receive();
        this.#waiting = undefined;
        const chunk = this.#look(
          message !== undefined && isCostly(message)
            ? await scope.race.race(takeChunkTurns(message))
            : message,
        );
        if (chunk !== undefined) return { done: false, value: chunk as Chunk };
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#waitingCount--;
    }
    const { failure } = this.#ended!;
    if (failure === undefined || this.#isThrown) {
      return { done: true, value: undefined };
    }
    this.#isThrown = true;
    throw failure;
  }

  async #receive(): Promise<Message | undefined> {
    const { scope } = this.#options;
    scope.timer.wait();
    const message = await this.#open!.channel.receive(scope.race);
    scope.timer.progress();
    return message;
  }

  /** Takes a message: gives the chunk, or notes the end. */
  #look(message: Message | undefined): Value | SealedValue | undefined {
    const { method, keyPair, scope } = this.#options;
    switch (message?.type) {
      case MessageType.STREAM_CHUNK: {
        const chunk = decodeStreamChunk(readPayload(message));
        if (chunk.offset !== this.#offset) {
          throw new CallError(
            "DATA_LOSS",
            `Stream: chunk ${chunk.offset} came for chunk ${this.#offset}`,
          );
        }
        this.#offset++;
        return unpackValue(message.flags, chunk, keyPair);
      }
      case MessageType.STREAM_CLOSE:
        this.#handleClose(message);
        return undefined;
      case MessageType.ERROR: {
        const { error, spent } = readError(message);
        scope.settle(spent);
        this.#end("failed", error);
        return undefined;
      }
      case MessageType.RESPONSE:
        this.#end(
          "failed",
          new CallError(
            "UNIMPLEMENTED",
            `Method ${method}: it answers with one value, not with a stream`,
          ),
        );
        return undefined;
      case undefined:
        throw new CallError(
          "DATA_LOSS",
          "Stream: it broke off without saying how it ended",
        );
      default:
        throw unexpected(method, message!);
    }
  }

  #handleClose(message: Message): void {
    const close = decodeStreamClose(readPayload(message));
    const { spent, retryAfterMs } = decodeReplyFacts(close.extensions);
    this.#options.scope.settle(spent);
    if (close.ending === StreamEnding.COMPLETED) {
      if (close.chunkCount !== this.#offset) {
        throw new CallError(
          "DATA_LOSS",
          `Stream: ${close.chunkCount} chunks sent, ${this.#offset} arrived`,
        );
      }
      // As a rule the end has come with it.
      if (this.#open!.channel.isReceivingOver) {
        this.#end("completed", undefined);
      } else this.#closing = this.#receiveEnd();
      return;
    }
    const error = CallError.fromStatus(close.status, close.message, {
      retryAfterMs,
    });
    this.#end(
      close.ending === StreamEnding.CANCELLED ? "cancelled" : "failed",
      error,
    );
  }

  /** After a close that says that this was all: more is not to be left out. */
  async #receiveEnd(): Promise<void> {
    try {
      if (await this.#receive() !== undefined) {
        throw new CallError("DATA_LOSS", "Stream: more came after its close");
      }
      this.#end("completed", undefined);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(thrown: unknown): void {
    const { scope } = this.#options;
    if (scope.isAborted) {
      const isTimeout = thrown instanceof CallError &&
        thrown.code === "DEADLINE_EXCEEDED";
      this.#end(isTimeout ? "failed" : "cancelled", thrown);
    } else this.#end(isLoss(thrown) ? "lost" : "failed", thrown);
  }

  #end(type: CallStreamEnding["type"], thrown: unknown): void {
    if (this.#ended !== undefined) return;
    const { scope } = this.#options;
    const failure = type === "completed"
      ? undefined
      : scopeFailure(scope, thrown);
    const ending: CallStreamEnding = {
      type,
      ...(type === "completed" ? {} : describe(failure)),
      chunkCount: this.#offset,
    };
    this.#ended = { ending, failure };
    this.#waiting = undefined;
    if (type === "completed") this.#open?.channel.finishReceiving();
    else this.#open?.channel.cancel(0);
    this.#open?.close();
    scope.end(failure);
    this.#resolveEnding(ending);
  }
}

keepHiddenClass(
  new CallStream({
    scope: { race: new AbortRace() },
    opening: new Promise(() => {}),
  } as unknown as CallStreamOptions),
);

/** Whether the stream broke off, as against being ended by somebody. */
function isLoss(thrown: unknown): boolean {
  const failure = toCallFailure(thrown);
  return failure instanceof CallError &&
    (failure.code === "CONNECTION_LOST" || failure.code === "DATA_LOSS");
}

function scopeFailure(scope: CallScope, thrown: unknown): unknown {
  return toCallFailure(thrown, scope.facts);
}

function describe(failure: unknown): { code: CallErrorCode; message: string } {
  if (failure instanceof CallError) {
    return { code: failure.code, message: failure.message };
  }
  return {
    code: "CANCELLED",
    message: failure instanceof Error ? failure.message : String(failure),
  };
}
