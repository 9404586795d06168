/**
 * The time that a command has, and Ctrl-C.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { CallError } from "../mesh/mod.ts";
import { systemClock } from "../transport/mod.ts";

/** A limit that runs; stop it. */
export interface TimeLimit {
  /** Fires at Ctrl-C and when the time is over. */
  readonly signal: AbortSignal;
  /** What is left of the time, in milliseconds; `undefined` without a limit. */
  readonly remainingMs: () => number | undefined;
  /** Waits for a promise, unless the signal fires first. */
  readonly race: <Result>(promise: Promise<Result>) => Promise<Result>;
  /** Ends the limit; nothing fires any more. */
  readonly stop: () => void;
}

/** What {@linkcode startTimeLimit} needs to know. */
export interface TimeLimitOptions {
  /** How long, in milliseconds; `undefined` for no limit. */
  readonly timeoutMs: number | undefined;
  /** When the time began. */
  readonly startedAt: Instant;
  /** What has to come within it, in a word. */
  readonly waitsFor: string;
  /** Fires at Ctrl-C. */
  readonly interruption: AbortSignal;
}

/**
 * Starts a limit.
 *
 * @param options How long, since when, and what else ends it.
 * @returns The limit. Its signal's reason is a `CallError` `DEADLINE_EXCEEDED`,
 * or the reason of the interruption.
 */
export function startTimeLimit(options: TimeLimitOptions): TimeLimit {
  const { timeoutMs, startedAt, waitsFor, interruption } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const interrupt = (): void => controller.abort(interruption.reason);
  if (interruption.aborted) interrupt();
  interruption.addEventListener("abort", interrupt);
  const remainingMs = (): number | undefined =>
    timeoutMs === undefined
      ? undefined
      : Math.max(1, Math.ceil(startedAt + timeoutMs - systemClock()));
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
    controller.abort(
      new CallError(
        "DEADLINE_EXCEEDED",
        `No ${waitsFor} within ${timeoutMs} ms`,
      ),
    );
  }, remainingMs());
  return {
    signal,
    remainingMs,
    race: (promise) => untilAborted(promise, signal),
    stop: () => {
      clearTimeout(timer);
      interruption.removeEventListener("abort", interrupt);
    },
  };
}

/**
 * Waits for a promise, unless a signal fires first.
 *
 * @param promise What to wait for.
 * @param signal Its reason is thrown if it fires first.
 * @returns What the promise gives.
 */
export function untilAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() =>
      signal.removeEventListener("abort", onAbort)
    );
  });
}
