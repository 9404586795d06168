/**
 * The two time limits of a call.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import type { Clock } from "./clock.ts";

/** Which limit was reached. */
export type TimeLimit = "total" | "idle";

/** Limits of a {@linkcode CallTimer}. */
export interface CallTimerOptions {
  /** From now to the end of the call, in milliseconds; none when absent. */
  readonly totalMs?: number | undefined;
  /** Longest wait for the other side, in milliseconds; none when absent. */
  readonly idleMs?: number | undefined;
}

/**
 * Watches over a call: the total limit runs from the start, whatever happens;
 * the idle limit runs while {@linkcode CallTimer.isWaiting} and starts again
 * with every wait, so progress extends it and a slow reader at this end does
 * not use it up.
 */
export class CallTimer {
  /** When the total limit ends; `undefined` without one. */
  readonly deadline: Instant | undefined;
  readonly #clock: Clock;
  readonly #idleMs: number | undefined;
  #onExpired: ((limit: TimeLimit) => void) | undefined;
  readonly #cancelTotal: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;
  #waitingSince: Instant | undefined;

  /**
   * Starts the total limit.
   *
   * @param clock The clock.
   * @param options The limits.
   * @param onExpired Called once, at the first limit that is reached.
   * @param now The time, when the caller has read it already.
   */
  constructor(
    clock: Clock,
    options: CallTimerOptions,
    onExpired: (limit: TimeLimit) => void,
    now: Instant = clock.now(),
  ) {
    this.#clock = clock;
    this.#idleMs = options.idleMs;
    this.#onExpired = onExpired;
    if (options.totalMs !== undefined) {
      this.deadline = now + options.totalMs;
      this.#cancelTotal = clock.schedule(
        options.totalMs,
        () => this.#expire("total"),
        now,
      );
    }
  }

  /** Whether the idle limit runs. */
  get isWaiting(): boolean {
    return this.#waitingSince !== undefined;
  }

  /** What is left of the total limit, in milliseconds, not below 0. */
  get remainingMs(): number | undefined {
    return this.deadline === undefined
      ? undefined
      : this.remainingAt(this.#clock.now());
  }

  /**
   * As {@linkcode CallTimer.remainingMs}.
   *
   * @param now The time.
   * @returns What is left then.
   */
  remainingAt(now: Instant): number | undefined {
    return this.deadline === undefined
      ? undefined
      : Math.max(0, this.deadline - now);
  }

  /** Starts the idle limit, anew if it runs: the other side has to act. */
  wait(): void {
    if (this.#idleMs === undefined) return;
    const now = this.#clock.now();
    this.#waitingSince = now;
    // One timer for many chunks: it looks at the latest wait when it fires.
    this.#cancelIdle ??= this.#clock.schedule(
      this.#idleMs,
      () => this.#checkIdle(),
      now,
    );
  }

  /** Starts the idle limit anew if it runs: there was progress of another kind. */
  extend(): void {
    if (this.isWaiting) this.wait();
  }

  /** Pauses the idle limit: the other side has acted. */
  progress(): void {
    this.#waitingSince = undefined;
  }

  /** Stops both limits. */
  stop(): void {
    this.#cancelTotal?.();
    this.#cancelIdle?.();
    this.#waitingSince = undefined;
    // What it would have told is not kept by whoever keeps the timer.
    this.#onExpired = undefined;
  }

  #checkIdle(): void {
    this.#cancelIdle = undefined;
    if (this.#waitingSince === undefined || this.#idleMs === undefined) return;
    const leftMs = this.#waitingSince + this.#idleMs - this.#clock.now();
    if (leftMs <= 0) this.#expire("idle");
    else {
      this.#cancelIdle = this.#clock.schedule(leftMs, () => this.#checkIdle());
    }
  }

  #expire(limit: TimeLimit): void {
    const onExpired = this.#onExpired;
    this.stop();
    onExpired?.(limit);
  }
}
