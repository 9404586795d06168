/**
 * Bounds a kind of work to a share of all time.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";

/** What of the time may go into some work; a token bucket of milliseconds. */
export class TimeShare {
  readonly #share: number;
  readonly #maxMs: number;
  #leftMs: number;
  #at: Instant = 0;

  /**
   * @param share Above 0, at most 1.
   * @param maxMs How much may be spent at once after a rest, in ms.
   */
  constructor(share: number, maxMs: number) {
    this.#share = share;
    this.#maxMs = maxMs;
    this.#leftMs = maxMs;
  }

  /**
   * Whether none is left. What was begun before may have taken more than there
   * was; that is made up for first.
   *
   * @param now The time.
   */
  isSpent(now: Instant): boolean {
    const earnedMs = Math.max(0, now - this.#at) * this.#share;
    this.#at = now;
    this.#leftMs = Math.min(this.#leftMs + earnedMs, this.#maxMs);
    return this.#leftMs <= 0;
  }

  /** @param ms What was spent, in ms. */
  spend(ms: number): void {
    this.#leftMs -= ms;
  }
}
