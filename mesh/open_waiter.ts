/**
 * A call that waits for a stream.
 *
 * @module
 */
import type {
  OpenStreamOptions,
  StreamWaiter,
  TransportConnection,
  TransportStream,
} from "../transport/mod.ts";
import type { AbortListener, AbortRace } from "./abort.ts";
import { isTooLate } from "./failure.ts";

/**
 * Waits until the peer allows another stream, or until the call is given up. An
 * object and no signal: it is when there are more calls than streams that memory
 * and time are short.
 */
export class OpenWaiter implements StreamWaiter, AbortListener {
  readonly #connection: TransportConnection;
  readonly #race: AbortRace;
  readonly #resolve: (stream: TransportStream) => void;
  readonly #reject: (reason: unknown) => void;

  /**
   * @param connection Where the stream is to be opened.
   * @param race What the call is given up with.
   * @param resolve Takes the stream.
   * @param reject Takes the reason for which there is none.
   */
  constructor(
    connection: TransportConnection,
    race: AbortRace,
    resolve: (stream: TransportStream) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#connection = connection;
    this.#race = race;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** @param options Of the stream. */
  wait(options: OpenStreamOptions): void {
    this.#race.add(this);
    if (!this.#race.isAborted) this.#connection.openStreamWith(options, this);
  }

  /** There is a stream. */
  resolve(stream: TransportStream): void {
    this.#race.delete(this);
    this.#resolve(stream);
  }

  /** There will be none. */
  reject(reason: unknown): void {
    this.#race.delete(this);
    this.#reject(reason);
  }

  /** The call is given up. */
  handleAbort(reason: unknown): void {
    this.#connection.stopWaiting(this);
    if (isTooLate(reason)) this.#connection.preferNewest();
    this.#reject(reason);
  }
}
