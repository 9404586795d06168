/**
 * Sends the values of `options.input` as the callee reads them.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  encodeStreamChunk,
  encodeStreamClose,
  MessageType,
  StreamEnding,
} from "../protocol/mod.ts";
import { type TransportConnection, TransportError } from "../transport/mod.ts";
import { AbortRace } from "./abort.ts";
import type { CallOptions } from "./call_options.ts";
import type { CallScope } from "./call_scope.ts";
import { type ChunkTurns, isLargeChunk } from "./chunk_turns.ts";
import {
  compressMessage,
  type OutgoingContent,
  packContent,
  type Sendable,
} from "./content.ts";
import { CallError } from "./error.ts";
import type { MessageChannel } from "./message_channel.ts";
import { StatusCode } from "./status_code.ts";
import type { UploadTurns } from "./upload_turns.ts";

/** What an {@linkcode InputPump} is made from. */
export interface InputPumpOptions {
  /** The call. */
  readonly scope: CallScope;
  /** Its stream. */
  readonly channel: MessageChannel;
  /** The connection of the stream. */
  readonly connection: TransportConnection;
  /** Says when large chunks leave. */
  readonly uploads: UploadTurns;
  /** What the caller said; no input closes the direction at once. */
  readonly options: CallOptions;
  /** Seals a value when the caller asked for it. */
  readonly seal: (value: Sendable) => Sendable;
}

/**
 * Runs from its creation. An iterable that throws fails the call with what it
 * threw, or with `CANCELLED` if that is nothing; a callee that wants no more ends
 * the pump without an error. What `return` of the iterator throws is ignored.
 */
export class InputPump {
  readonly #options: InputPumpOptions;
  readonly #iterator: AsyncIterator<Sendable> | undefined;
  #chunkCount = 0;
  /** Whether it is the stream, not the input, that can fail now. */
  #isSending = false;
  #isDone = false;
  /** Ends the wait for a turn. */
  #turnRace: AbortRace | undefined;

  /** @param options What to send, and where. */
  constructor(options: InputPumpOptions) {
    this.#options = options;
    this.#iterator = options.options.input?.[Symbol.asyncIterator]();
    this.#run();
  }

  /** Stops it: the call is over. What was not sent is not sent. */
  stop(): void {
    if (this.#isDone) return;
    this.#options.channel.cancel(StatusCode.OK);
    this.#finish();
  }

  async #run(): Promise<void> {
    const { scope, channel } = this.#options;
    try {
      if (this.#iterator !== undefined) await this.#sendAll(this.#iterator);
      if (this.#isDone) return;
      await this.#send(
        MessageType.STREAM_CLOSE,
        0,
        encodeStreamClose({
          ending: StreamEnding.COMPLETED,
          status: StatusCode.OK,
          chunkCount: this.#chunkCount,
          message: "",
        }),
      );
      channel.finish();
      this.#isDone = true;
    } catch (error) {
      if (this.#isDone) return;
      this.#finish();
      // The stream itself tells the reader of answers why it ended.
      if (this.#isSending && error instanceof TransportError) return;
      scope.abort(error ?? unnamed());
    }
  }

  async #sendAll(
    iterator: AsyncIterator<Sendable>,
  ): Promise<void> {
    const { scope, seal } = this.#options;
    while (!this.#isDone) {
      this.#isSending = false;
      // While this end has nothing to send, nobody can say that the other is late.
      scope.timer.pause();
      const next = await scope.race.race(iterator.next());
      scope.timer.resume();
      if (next.done || this.#isDone) return;
      const content = packContent(seal(next.value));
      const sending = isLargeChunk(content.body.length)
        ? this.#sendInTurn(content)
        : this.#sendChunk(content);
      if (sending !== undefined) await sending;
      this.#chunkCount++;
    }
  }

  #sendChunk({ contentType, body, flags }: OutgoingContent):
    | Promise<void>
    | undefined {
    const message = compressMessage(
      flags,
      encodeStreamChunk({ offset: this.#chunkCount, contentType, body }),
      this.#options.options.compress,
    );
    return this.#send(MessageType.STREAM_CHUNK, message.flags, message.payload);
  }

  /**
   * A value lasts until the input is asked for the next one: it is not encoded before
   * it may leave, since there may be hundreds that wait.
   */
  async #sendInTurn(content: OutgoingContent): Promise<void> {
    const { channel, connection, uploads } = this.#options;
    const turns = uploads.chunksTo(connection);
    const { length } = content.body;
    if (!turns.tryTake(length)) await this.#waitForTurn(turns, length);
    let sending: Promise<void> | undefined;
    try {
      sending = this.#sendChunk(content);
    } finally {
      turns.onSent(channel, length);
    }
    await sending;
  }

  async #waitForTurn(turns: ChunkTurns, length: number): Promise<void> {
    const { scope, options } = this.#options;
    const race = this.#turnRace = new AbortRace();
    const unfollow = scope.race.onAbort((reason) => race.abort(reason));
    // It is this end that is late.
    scope.timer.pause();
    try {
      await turns.wait(race, length, options.priority);
    } finally {
      unfollow();
      scope.timer.resume();
    }
  }

  /** @returns Nothing when there was room, else resolves when there is. */
  #send(
    type: number,
    flags: number,
    payload: Uint8Array,
  ): Promise<void> | undefined {
    const { scope, channel } = this.#options;
    this.#isSending = true;
    const sending = channel.push({
      type,
      flags,
      messageId: scope.span.spanId,
      traceId: scope.span.traceId,
      payload,
    });
    return sending === undefined ? undefined : scope.race.race(sending);
  }

  #finish(): void {
    this.#isDone = true;
    this.#turnRace?.abort(undefined);
    this.#options.scope.timer.resume();
    this.#returnInput();
  }

  async #returnInput(): Promise<void> {
    try {
      // A generator that waits for something runs its `finally` afterwards.
      await this.#iterator?.return?.();
    } catch {
      // The call is over: how its input ends changes nothing.
    }
  }
}

/** What a call fails with whose input throws `undefined` or `null`. */
function unnamed(): CallError {
  return new CallError("CANCELLED", "Input: it failed without saying why");
}

keepHiddenClass(
  new InputPump({
    options: {},
    scope: { span: { spanId: 0n, traceId: 0n } },
    channel: { push: () => undefined, finish: () => {} },
  } as unknown as InputPumpOptions),
);
