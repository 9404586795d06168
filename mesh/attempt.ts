/**
 * One attempt of a call: a request to one callee.
 *
 * @module
 */
import type { Message } from "../protocol/mod.ts";
import type { OpenCall } from "./call_stream.ts";
import type { InputPump } from "./input_pump.ts";
import type { MessageChannel } from "./message_channel.ts";
import type { PeerLease } from "./peer_connections.ts";

/**
 * How far an attempt has come. An object for all of it, and no closures: every
 * call makes one.
 */
export class Attempt implements OpenCall {
  /** The connection, once there is one. */
  lease: PeerLease | undefined;
  /** What sends the input, where there is any. */
  pump: InputPump | undefined;
  #channel: MessageChannel | undefined;
  #sending: Promise<void> | undefined;
  #first: Message | undefined;
  #isAnswered = false;

  /** Its stream; only where {@linkcode Attempt.isSent}. */
  get channel(): MessageChannel {
    return this.#channel!;
  }

  /** Settles when the stream has taken the request; `undefined` when it has. */
  get sending(): Promise<void> | undefined {
    return this.#sending;
  }

  /** Whether the callee may have seen some of it. */
  get isSent(): boolean {
    return this.#channel !== undefined;
  }

  /** Whether the answer has begun. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** The first message of the answer. */
  get first(): Message | undefined {
    return this.#first;
  }

  /**
   * The request is on its way.
   *
   * @param channel Its stream.
   * @param sending Settles when the stream has taken all of it.
   */
  setSent(channel: MessageChannel, sending: Promise<void> | undefined): void {
    this.#channel = channel;
    this.#sending = sending;
  }

  /**
   * The answer begins.
   *
   * @param first Its first message; none when the callee ended without one.
   */
  setAnswered(first: Message | undefined): void {
    this.#isAnswered = true;
    this.#first = first;
  }

  /** Ends the use of the connection, and the input. */
  close(): void {
    this.pump?.stop();
    this.lease?.release();
  }
}
