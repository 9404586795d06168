/**
 * A virtual clock with timers, for tests of what waits.
 *
 * @module
 */
import type { Clock } from "../../internal/clock.ts";
import type { Instant } from "../../internal/instant.ts";

interface Timer {
  readonly at: Instant;
  readonly callback: () => void;
}

/** Time that moves only when told to, and fires timers on its way. */
export class TimerClock implements Clock {
  #now: Instant = 1_000;
  readonly #timers = new Set<Timer>();

  /** How many timers wait. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** The current instant. */
  now(): Instant {
    return this.#now;
  }

  /** Calls back once, when the clock is turned that far. */
  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Moves forward and fires what is due, in order.
   *
   * @param durationMs How far.
   */
  advance(durationMs: number): void {
    const end = this.#now + durationMs;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end)
        .sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = end;
  }
}
