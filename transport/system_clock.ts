/**
 * The machine's monotonic clock, and its timers.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { Instant } from "../internal/instant.ts";
import { TimerQueue } from "../internal/timer_queue.ts";

/** Longest delay of a runtime timer, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 0x7fffffff;

/**
 * Reads the monotonic clock.
 *
 * @returns Milliseconds, with a fraction, since the process began.
 */
export function systemClock(): Instant {
  return performance.now();
}

/**
 * The machine's clock. Delays are rounded up to whole milliseconds, and above
 * 2^31-1 of them (24 days) cut there.
 */
export const SYSTEM_CLOCK: Clock = {
  now: systemClock,
  schedule: (delayMs, callback) => {
    const timer = setTimeout(
      callback,
      Math.min(Math.ceil(Math.max(0, delayMs)), MAX_TIMER_MS),
    );
    return () => clearTimeout(timer);
  },
};

/**
 * One timer of the runtime for all sockets of the process: of a hundred sockets
 * with a call each, every one would set a timer of its own for each answer.
 */
export const systemTimers: TimerQueue = new TimerQueue(SYSTEM_CLOCK);
