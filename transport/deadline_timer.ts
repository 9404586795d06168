/**
 * One timer of the runtime for a deadline that moves all the time.
 *
 * @module
 */
import type { Instant, MonotonicClock } from "../internal/instant.ts";

/** Longest delay of `setTimeout`, in milliseconds. */
const MAX_TIMER_DELAY_MS = 2 ** 31 - 1;

/** Calls when a deadline has come, and now and then before it. */
export class DeadlineTimer {
  readonly #now: MonotonicClock;
  readonly #onDue: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #at: Instant = Infinity;

  /**
   * Starts without a deadline: nothing keeps the process alive.
   *
   * @param now Reads the clock.
   * @param onDue Called at the deadline or earlier, so that it has to look, and
   * to arm the timer again.
   */
  constructor(now: MonotonicClock, onDue: () => void) {
    this.#now = now;
    this.#onDue = onDue;
  }

  /**
   * Makes sure of a call at a time.
   *
   * @param at When; `Infinity` for never.
   */
  arm(at: Instant): void {
    if (at === Infinity) return this.cancel();
    // A timer that fires too early costs less than one that is moved with
    // every acknowledgement.
    if (this.#at <= at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    const delayMs = Math.ceil(Math.max(0, at - this.#now()));
    this.#timer = setTimeout(
      () => this.#handleTimer(),
      Math.min(delayMs, MAX_TIMER_DELAY_MS),
    );
  }

  /** No call from here on, until the timer is armed again. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #handleTimer(): void {
    this.#timer = undefined;
    this.#at = Infinity;
    this.#onDue();
  }
}
