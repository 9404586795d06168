/**
 * What a caller sends after the request itself, read at the callee.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  decodeStreamChunk,
  decodeStreamClose,
  type Message,
  MessageFlags,
  MessageType,
  StreamEnding,
  type Value,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import type { AbortRace } from "./abort.ts";
import { readPayload, type SealedValue, unpackValue } from "./content.ts";
import { isCostly, takeChunkTurns } from "./decoding_turns.ts";
import { CallError } from "./error.ts";
import { toCallFailure } from "./failure.ts";
import type { MessageChannel } from "./message_channel.ts";

/** What a {@linkcode RequestInput} is made from. */
export interface RequestInputOptions {
  /** The stream; nothing when the request is all there is. */
  readonly channel: MessageChannel | undefined;
  /** Ends the wait when the call is given up. */
  readonly race: AbortRace;
  /** Opens what is sealed for this agent. */
  readonly keyPair: KeyPair;
}

/**
 * The caller's input, to be read by one loop, as fast as the handler likes:
 * the caller is held back meanwhile.
 */
export class RequestInput implements AsyncIterable<Value | SealedValue> {
  // Not the options, which are a literal: see CallContext.
  readonly #channel: MessageChannel | undefined;
  readonly #race: AbortRace;
  readonly #keyPair: KeyPair;
  #offset = 0;
  #isOver: boolean;
  #isReading = false;
  #wasSealed = false;

  /** @param options Where it comes from. */
  constructor(options: RequestInputOptions) {
    this.#channel = options.channel;
    this.#race = options.race;
    this.#keyPair = options.keyPair;
    this.#isOver = options.channel === undefined;
  }

  /** Whether any of the values so far came sealed. */
  get wasSealed(): boolean {
    return this.#wasSealed;
  }

  /**
   * Reads the values.
   *
   * @throws {CallError} From the loop: `CANCELLED` or `CONNECTION_LOST` when
   * the caller is gone, `DATA_LOSS` when something is missing,
   * `FAILED_PRECONDITION` while another loop waits for the next value.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<
    Value | SealedValue,
    undefined
  > {
    while (!this.#isOver) {
      const value = await this.#next();
      if (value !== undefined) yield value;
    }
    return undefined;
  }

  /** Wants no more of it: the handler is done. */
  discard(): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    if (this.#isOver || this.#isReading) return channel.finishReceiving();
    // Without input the end is all that comes: no need to stop anybody.
    this.#isReading = true;
    channel.receive(this.#race).then((message) => {
      if (message?.type !== MessageType.STREAM_CLOSE) channel.stopReceiving();
      else channel.finishReceiving();
    }).catch(() => {
      // The caller is gone, or its stream is.
    });
  }

  /** Until its value is taken nobody else may look for the next one. */
  async #next(): Promise<Value | SealedValue | undefined> {
    if (this.#isReading) {
      throw new CallError(
        "FAILED_PRECONDITION",
        "Input: it is read by one loop only",
      );
    }
    this.#isReading = true;
    try {
      let message: Message | undefined;
      try {
        message = await this.#channel!.receive(this.#race);
      } catch (error) {
        this.#isOver = true;
        throw toCallFailure(error);
      }
      const value = this.#take(
        message !== undefined && isCostly(message)
          ? await takeChunkTurns(message)
          : message,
      );
      if (value === undefined && !this.#isOver) await this.#receiveEnd();
      return value;
    } finally {
      this.#isReading = false;
    }
  }

  /** After a close that says that this was all: more is not to be left out. */
  async #receiveEnd(): Promise<void> {
    let message: Message | undefined;
    try {
      message = await this.#channel!.receive(this.#race);
    } catch (error) {
      throw toCallFailure(error);
    } finally {
      this.#isOver = true;
    }
    if (message !== undefined) throw loss("more came after its close");
  }

  #take(message: Message | undefined): Value | SealedValue | undefined {
    switch (message?.type) {
      case MessageType.STREAM_CHUNK: {
        const chunk = decodeStreamChunk(readPayload(message));
        if (chunk.offset !== this.#offset) {
          throw loss(`chunk ${chunk.offset} came for chunk ${this.#offset}`);
        }
        this.#offset++;
        if ((message.flags & MessageFlags.ENCRYPTED) !== 0) {
          this.#wasSealed = true;
        }
        return unpackValue(message.flags, chunk, this.#keyPair);
      }
      case MessageType.STREAM_CLOSE: {
        this.#isOver = true;
        const close = decodeStreamClose(readPayload(message));
        if (close.ending !== StreamEnding.COMPLETED) {
          throw CallError.fromStatus(close.status, close.message);
        }
        if (close.chunkCount !== this.#offset) {
          throw loss(`${close.chunkCount} sent, ${this.#offset} arrived`);
        }
        // As a rule the end has come with it. If not, another loop is not to take
        // it for there.
        this.#isOver = this.#channel!.isReceivingOver;
        return undefined;
      }
      default:
        this.#isOver = true;
        throw loss("it broke off without saying how it ended");
    }
  }
}

keepHiddenClass(
  new RequestInput({
    channel: undefined,
    race: undefined as never,
    keyPair: undefined as never,
  }),
);

function loss(detail: string): CallError {
  return new CallError("DATA_LOSS", `Input: ${detail}`);
}
