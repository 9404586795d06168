/**
 * The machine's monotonic clock.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";

/**
 * Reads the monotonic clock.
 *
 * @returns Milliseconds, with a fraction, since the process began.
 */
export function systemClock(): Instant {
  return performance.now();
}
