/**
 * Time as agents use it: a clock and one-shot timers, replaceable in tests.
 *
 * @module
 */
import type { Instant } from "./instant.ts";

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
