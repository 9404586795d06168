/**
 * A timer for a deadline that moves all the time.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import type { QueuedTimer, TimerQueue } from "../internal/timer_queue.ts";

/** Calls when a deadline has come, and now and then before it. */
export class DeadlineTimer implements QueuedTimer {
  /** When it fires; of the queue. */
  at: Instant = Infinity;
  /** Where it is in the queue; of the queue. */
  queueIndex = -1;
  readonly #queue: TimerQueue;
  readonly #onDue: () => void;

  /**
   * Starts without a deadline: nothing keeps the process alive.
   *
   * @param queue The clock and its timers.
   * @param onDue Called at the deadline or earlier, so that it has to look, and
   * to arm the timer again.
   */
  constructor(queue: TimerQueue, onDue: () => void) {
    this.#queue = queue;
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
    if (this.at <= at) return;
    this.#queue.remove(this);
    this.at = at;
    this.#queue.add(this, this.#queue.now());
  }

  /** No call from here on, until the timer is armed again. */
  cancel(): void {
    this.#queue.remove(this);
    this.at = Infinity;
  }

  /** The deadline has come: for the queue. */
  handleTimer(): void {
    this.at = Infinity;
    this.#onDue();
  }
}
