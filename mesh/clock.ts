/**
 * Time as agents use it: a clock and one-shot timers, replaceable in tests.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { systemClock } from "../transport/mod.ts";

/** Longest delay of a runtime timer, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 0x7fffffff;

/** A monotonic clock with timers. */
export interface Clock {
  /** Reads the clock. */
  now(): Instant;
  /**
   * Calls back once.
   *
   * @param delayMs From now, in milliseconds.
   * @param callback What to call.
   * @param now The time, when the caller has read it already.
   * @returns Cancels the timer; does nothing once it fired.
   */
  schedule(delayMs: number, callback: () => void, now?: Instant): () => void;
}

/** The machine's clock. Delays above 2^31-1 milliseconds (24 days) are cut there. */
export const SYSTEM_CLOCK: Clock = {
  now: systemClock,
  schedule: (delayMs, callback) => {
    const timer = setTimeout(
      callback,
      Math.min(Math.max(0, delayMs), MAX_TIMER_MS),
    );
    return () => clearTimeout(timer);
  },
};

/**
 * Waits on a clock.
 *
 * @param clock The clock.
 * @param delayMs How long, in milliseconds.
 * @param signal Ends the wait early, without an error.
 * @returns Resolves when the time has passed or the signal fired.
 */
export function sleep(
  clock: Clock,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.schedule(delayMs, end);
    signal.addEventListener("abort", end);
  });
}
