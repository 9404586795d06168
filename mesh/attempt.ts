/**
 * One attempt of a call: a request to one callee.
 *
 * @module
 */
import type { Message } from "../protocol/mod.ts";
import { CloseCode, TransportError } from "../transport/mod.ts";
import type { CallOptions } from "./call_options.ts";
import type { OpenCall } from "./call_stream.ts";
import { CLOSE_CODE_LEFT } from "./config.ts";
import { CallError } from "./error.ts";
import type { InputPump } from "./input_pump.ts";
import type { MessageChannel } from "./message_channel.ts";
import type { PeerLease } from "./peer_connections.ts";

/** How an attempt failed. */
export interface FailedAttempt {
  /** What was thrown. */
  readonly failure: unknown;
  /** Whether it does no harm to try another callee. */
  readonly canGoElsewhere: boolean;
  /** Whether the callee may have seen some of the request. */
  readonly isSent: boolean;
  /** Whether the callee cannot be reached any more, as others may. */
  readonly isGone: boolean;
}

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

  /**
   * It failed without an answer.
   *
   * @param options Of the call.
   * @param thrown What went wrong.
   * @returns What that means for the call.
   */
  fail(
    { isIdempotent, input }: CallOptions,
    thrown: unknown,
  ): FailedAttempt {
    if (this.isSent) this.channel.cancel(0);
    this.close();
    const isLost = thrown instanceof TransportError;
    const untaken = untakenError(thrown);
    const mayRepeat = !this.isSent ||
      (untaken !== undefined || isIdempotent === true) && input === undefined;
    return {
      failure: untaken ?? thrown,
      canGoElsewhere: isLost && mayRepeat,
      isSent: this.isSent,
      isGone: isLost,
    };
  }

  /** It came too late: so may those that wait for a stream. */
  preferNewest(): void {
    this.lease?.connection.preferNewest();
  }

  /** Ends the use of the connection, and the input. */
  close(): void {
    this.pump?.stop();
    this.lease?.release();
  }
}

/**
 * What a caller is told of a callee that has done nothing of what it was asked.
 *
 * @param thrown What the connection ended with.
 * @returns The failure, or `undefined` where the callee does not say so.
 */
export function untakenError(thrown: unknown): CallError | undefined {
  const why = thrown instanceof TransportError
    ? reasonNotTaken(thrown)
    : undefined;
  return why === undefined
    ? undefined
    : new CallError("UNAVAILABLE", `Agent: ${why}`, { cause: thrown });
}

/** @returns Why the callee has done nothing of what it was asked, if it says so. */
function reasonNotTaken(
  { code, closeCode }: TransportError,
): string | undefined {
  if (code !== "CLOSED_BY_PEER") return undefined;
  // Whoever leaves has answered all that it began.
  if (closeCode === CLOSE_CODE_LEFT) return "it has left";
  if (closeCode === CloseCode.CONNECTION_REFUSED) {
    return "it takes no more connections";
  }
  return undefined;
}
