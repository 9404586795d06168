/**
 * Whose turn it is to receive, over all sockets of the process.
 *
 * Of the sockets with something to read Deno serves 128 in a turn of the event loop,
 * and those first that came last. With more than that, and as long as they are never
 * empty, some are not served at all: of 1,000 sockets to which datagrams came as fast
 * as they were read, half had none in ten seconds. And one socket that is never empty
 * makes turns so long that the others wait for 61 of them. So from time to time nobody
 * reads a second datagram until nobody has a first one left.
 *
 * @module
 */
import type { Instant, MonotonicClock } from "../internal/instant.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import { sharedSocketTurns, type SocketTurns } from "./socket_turns.ts";
import { systemClock } from "./system_clock.ts";

/** Receiving between two rests, at least: whoever sends to one that rests has to wait. */
export const MAX_RECEIVING_MS = 10;

/**
 * What the time until the next datagram counts for, at most. Who waits longer was
 * asleep as a rule, and has looked at every socket then; or was busy with the last
 * one, and is to rest nevertheless.
 */
export const MAX_COUNTED_PAUSE_MS = 1;

/** The same where a turn takes a millisecond or two itself. */
const MAX_RECEIVING_MS_WITHOUT_SOCKET = 50;

/**
 * Looks at the sockets in one rest. A thousand sockets take eight; a carrier that goes
 * on reading meanwhile would keep the others waiting for ever.
 */
const MAX_LOOKS = 256;

/** Lets everybody be served. */
export class ReceivingTurns {
  readonly #turns: Pick<SocketTurns, "isInUse" | "isQuick" | "look">;
  readonly #clock: MonotonicClock;
  readonly #afterLook = (): void => this.#handleLook();
  #rest: Deferred<void> | undefined;
  #begunAt: Instant = -Infinity;
  /** How long datagrams have been coming since the last rest, and the last of them. */
  #receivingMs = 0;
  #receivedAt: Instant = 0;
  /** How long the last rest took. */
  #restMs = 0;
  /** Who began to rest since the last look of this one, and how many looks it took. */
  #newCount = 0;
  #lookCount = 0;

  /**
   * @param turns Turns in which the sockets are looked at.
   * @param clock Reads the clock.
   */
  constructor(
    turns: Pick<SocketTurns, "isInUse" | "isQuick" | "look">,
    clock: MonotonicClock,
  ) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /**
   * Told by who has received a datagram, and reads the next one when this allows.
   *
   * @param now The present instant.
   * @returns Nothing as long as nobody has waited for long; else what is fulfilled
   * when everybody has been served.
   */
  rest(now: Instant): Promise<void> | undefined {
    if (this.#rest !== undefined) {
      this.#newCount++;
      return this.#rest.promise;
    }
    this.#receivingMs += Math.min(now - this.#receivedAt, MAX_COUNTED_PAUSE_MS);
    this.#receivedAt = now;
    if (!this.#isDue) return undefined;
    this.#rest = createDeferred();
    this.#begunAt = now;
    this.#newCount = 0;
    this.#lookCount = 0;
    this.#turns.look(this.#afterLook, now);
    return this.#rest.promise;
  }

  get #isDue(): boolean {
    const { isInUse, isQuick } = this.#turns;
    // As long as a rest takes is left for reading.
    const receivingMs = Math.max(
      isQuick ? MAX_RECEIVING_MS : MAX_RECEIVING_MS_WITHOUT_SOCKET,
      this.#restMs,
    );
    return isInUse && this.#receivingMs >= receivingMs;
  }

  #handleLook(): void {
    const now = this.#clock();
    this.#lookCount++;
    if (
      this.#newCount > 0 && this.#lookCount < MAX_LOOKS && this.#turns.isInUse
    ) {
      this.#newCount = 0;
      this.#turns.look(this.#afterLook, now);
      return;
    }
    const rest = this.#rest;
    this.#rest = undefined;
    this.#receivingMs = 0;
    this.#receivedAt = now;
    this.#restMs = now - this.#begunAt;
    rest?.resolve();
  }
}

let shared: ReceivingTurns | undefined;

/** @returns Those of this process; none where the runtime serves all sockets. */
export function sharedReceivingTurns(): ReceivingTurns | undefined {
  if (globalThis.Deno === undefined) return undefined;
  return shared ??= new ReceivingTurns(sharedSocketTurns(), systemClock);
}
