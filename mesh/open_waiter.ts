/**
 * A call that waits for a stream.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type {
  OpenStreamOptions,
  StreamWaiter,
  TransportConnection,
  TransportStream,
} from "../transport/mod.ts";
import type { AbortListener, AbortRace } from "./abort.ts";
import { isTooLate } from "./failure.ts";

/** What becomes of a call that waited for a stream. Nothing of it may throw. */
export interface StreamTaker<Call> {
  /**
   * Takes the stream.
   *
   * @param call The call.
   * @param stream Its stream.
   */
  take(call: Call, stream: TransportStream): void;
  /**
   * Takes the reason for which there is none.
   *
   * @param call The call.
   * @param reason Why.
   */
  fail(call: Call, reason: unknown): void;
}

/**
 * Waits until the peer allows another stream, or until the call is given up. An
 * object and no promise: it is when there are more calls than streams that memory
 * and time are short.
 */
export class OpenWaiter<Call> implements StreamWaiter, AbortListener {
  /** As {@linkcode StreamWaiter} has it. */
  lineIndex = -1;
  readonly #connection: TransportConnection;
  readonly #race: AbortRace;
  readonly #taker: StreamTaker<Call>;
  readonly #call: Call;

  /**
   * @param connection Where the stream is to be opened.
   * @param race What the call is given up with.
   * @param taker Knows what to do.
   * @param call The call.
   */
  constructor(
    connection: TransportConnection,
    race: AbortRace,
    taker: StreamTaker<Call>,
    call: Call,
  ) {
    this.#connection = connection;
    this.#race = race;
    this.#taker = taker;
    this.#call = call;
  }

  /** @param options Of the stream. */
  wait(options: OpenStreamOptions): void {
    this.#race.add(this);
    if (!this.#race.isAborted) this.#connection.openStreamWith(options, this);
  }

  /** There is a stream. */
  resolve(stream: TransportStream): void {
    this.#race.delete(this);
    this.#taker.take(this.#call, stream);
  }

  /** There will be none. */
  reject(reason: unknown): void {
    this.#race.delete(this);
    this.#taker.fail(this.#call, reason);
  }

  /** The call is given up. */
  handleAbort(reason: unknown): void {
    this.#connection.stopWaiting(this);
    if (isTooLate(reason)) this.#connection.preferNewest();
    this.#taker.fail(this.#call, reason);
  }
}

keepHiddenClass(
  new OpenWaiter(
    undefined as never,
    undefined as never,
    undefined as never,
    undefined,
  ),
);
