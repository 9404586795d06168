/**
 * A clock that a test turns by hand.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";

/** Virtual monotonic time in milliseconds. It moves only when told to. */
export class VirtualClock {
  #now: Instant;

  /**
   * @param startAt Where it starts. Not zero by default, so that code which
   * takes zero for "never" is found.
   */
  constructor(startAt: Instant = 1_000) {
    this.#now = startAt;
  }

  /** The current instant; usable as a `MonotonicClock`. */
  readonly now = (): Instant => this.#now;

  /**
   * Moves forward by a duration.
   *
   * @param durationMs Zero or more milliseconds.
   * @returns The new instant.
   */
  advance(durationMs: number): Instant {
    assert(durationMs >= 0, "Virtual clock: time never goes back");
    this.#now += durationMs;
    return this.#now;
  }

  /**
   * Moves forward to an instant; one that has passed changes nothing.
   *
   * @param at Where to go.
   * @returns The new instant.
   */
  advanceTo(at: Instant): Instant {
    if (at > this.#now) this.#now = at;
    return this.#now;
  }
}
