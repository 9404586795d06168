/**
 * To wait on a clock.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";

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
