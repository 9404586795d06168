/**
 * The machine's monotonic clock, and its timers.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../internal/clock.ts";
import type { Instant } from "../internal/instant.ts";
import { TimerQueue } from "../internal/timer_queue.ts";

/** Longest delay of a runtime timer, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 0x7fffffff;

/**
 * Runs a function in the asynchronous context that this module was loaded in. A
 * timer fires in the context in which it was set, and one that many share would
 * fire for all of them in that of whoever happened to set it: inside a call of
 * somebody else.
 */
const runOutside = AsyncLocalStorage.snapshot();

/**
 * Reads the monotonic clock: what `Transport.bind` takes for its `clock`. Agents
 * and nodes set timers as well, and take a clock such as {@linkcode SYSTEM_CLOCK}.
 *
 * @returns Milliseconds, with a fraction, since the process began.
 */
export function systemClock(): Instant {
  return performance.now();
}

/**
 * The machine's clock with timers: what agents and nodes take for their `clock`.
 * Its `now` is {@linkcode systemClock}, all that a transport needs. Delays are rounded up to whole milliseconds, and above
 * 2^31-1 of them (24 days) cut there. Callbacks run in no asynchronous context of
 * whoever scheduled them.
 */
export const SYSTEM_CLOCK: Clock = {
  now: systemClock,
  schedule: (delayMs, callback) => {
    const timer = runOutside(() =>
      setTimeout(
        callback,
        Math.min(Math.ceil(Math.max(0, delayMs)), MAX_TIMER_MS),
      )
    );
    return () => clearTimeout(timer);
  },
};

/**
 * One timer of the runtime for all sockets of the process: of a hundred sockets
 * with a call each, every one would set a timer of its own for each answer.
 */
export const systemTimers: TimerQueue = new TimerQueue(SYSTEM_CLOCK);
