/**
 * How often something may happen, or how much of it.
 *
 * @module
 */
import type { Instant } from "./instant.ts";

/** Allows a burst, then a steady rate. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: Instant | undefined;

  /**
   * Makes a full bucket.
   *
   * @param burst How many tokens at once, after a rest.
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
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /**
   * Whether there are none: for what is known to cost so many only afterwards.
   *
   * @param now The time.
   */
  isEmpty(now: Instant): boolean {
    this.#fill(now);
    return this.#tokens <= 0;
  }

  /**
   * Whether it is as if nothing had ever been taken.
   *
   * @param now The time.
   */
  isFull(now: Instant): boolean {
    this.#fill(now);
    return this.#tokens === this.#burst;
  }

  /**
   * Takes what something has cost. More than there was is made up for first.
   *
   * @param tokens How many.
   */
  spend(tokens: number): void {
    this.#tokens -= tokens;
  }

  #fill(now: Instant): void {
    const elapsedMs = Math.max(0, now - (this.#filledAt ?? now));
    this.#filledAt = now;
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + elapsedMs * this.#perSecond / 1000,
    );
  }
}
