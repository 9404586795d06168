/**
 * How often something may happen.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";

/** Allows a burst, then a steady rate. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: Instant | undefined;

  /**
   * Makes a full bucket.
   *
   * @param burst How many at once.
   * @param perSecond How many per second after that.
   */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
  }

  /**
   * Takes one.
   *
   * @param now The time.
   * @returns Whether there was one.
   */
  take(now: Instant): boolean {
    const elapsedMs = now - (this.#filledAt ?? now);
    this.#filledAt = now;
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + elapsedMs * this.#perSecond / 1000,
    );
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
