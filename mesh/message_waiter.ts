/**
 * Who waits for the next message of a channel.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { Message } from "../protocol/mod.ts";
import type { ReadWaiter } from "../transport/mod.ts";
import type { AbortListener, AbortRace } from "./abort.ts";
import type { ByteStream, MessageChannel } from "./message_channel.ts";

/** Who waits for a message. */
export interface MessageListener {
  /** Takes it; `undefined` when the peer ended its direction before. */
  resolve(message: Message | undefined): void;
  /** There will be none: as `MessageChannel.receive` rejects. */
  reject(reason: unknown): void;
}

/** Waits for one message, which may come in parts. */
export class MessageWaiter implements ReadWaiter, AbortListener {
  readonly #channel: MessageChannel;
  readonly #stream: ByteStream;
  readonly #listener: MessageListener;
  /** What may end the wait. */
  #race: AbortRace | undefined;
  #isOver = false;

  /**
   * @param channel Puts messages together.
   * @param stream Where their bytes come from.
   * @param listener Told once.
   */
  constructor(
    channel: MessageChannel,
    stream: ByteStream,
    listener: MessageListener,
  ) {
    this.#channel = channel;
    this.#stream = stream;
    this.#listener = listener;
  }

  /** Takes what is there, and waits for what is not. */
  wait(): void {
    try {
      const message = this.#channel.receiveBuffered();
      if (message !== undefined) return this.#finish(message);
      this.#stream.readWith(this, this.#channel.roomForNext());
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * As {@linkcode MessageWaiter.wait}.
   *
   * @param race Ends the wait when it is aborted.
   */
  waitUntilAborted(race: AbortRace): void {
    this.#race = race;
    race.add(this);
    // What arrives after an abort is read all the same, and dropped.
    this.wait();
  }

  /** Bytes are there, or the peer has ended its direction. */
  resolve(chunk: Uint8Array | undefined): void {
    try {
      this.#channel.handleRead(chunk);
      if (chunk === undefined) this.#finish(undefined);
      else this.wait();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The wait is given up. */
  handleAbort(reason: unknown): void {
    this.#fail(reason);
  }

  /** There will be no more bytes. */
  reject(reason: unknown): void {
    this.#channel.drop();
    // Whoever cancels the channel says why right after: that reason counts.
    queueMicrotask(() => this.#fail(reason));
  }

  #finish(message: Message | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#race?.delete(this);
    this.#listener.resolve(message);
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#race?.delete(this);
    this.#listener.reject(reason);
  }
}

keepHiddenClass(
  new MessageWaiter(undefined as never, undefined as never, undefined as never),
);
