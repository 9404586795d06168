/**
 * The two time limits of a call.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { Instant } from "../internal/instant.ts";
import type { QueuedTimer, TimerQueue } from "../internal/timer_queue.ts";

/** Which limit was reached. */
export type TimeLimit = "total" | "idle";

/** What a {@linkcode CallTimer} watches over. */
export interface TimedCall {
  /**
   * Called once, at the first limit that is reached.
   *
   * @param limit Which one.
   */
  handleTimeLimit(limit: TimeLimit): void;
}

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
 * not use it up, and neither does slow input.
 */
export class CallTimer implements QueuedTimer {
  /** When the total limit ends; `Infinity` without one. */
  readonly at: Instant;
  /** Of the queue: every call has this timer, so it is its own entry there. */
  queueIndex = -1;
  readonly #queue: TimerQueue;
  readonly #idleMs: number | undefined;
  /** Nothing once the call is over: whoever keeps the timer does not keep it. */
  #call: TimedCall | undefined;
  #cancelIdle: (() => void) | undefined;
  #waitingSince: Instant | undefined;
  #isPaused = false;

  /**
   * Starts the total limit.
   *
   * @param queue The clock.
   * @param options The limits.
   * @param call Told of a limit that is reached.
   * @param now The time, when the caller has read it already.
   */
  constructor(
    queue: TimerQueue,
    options: CallTimerOptions,
    call: TimedCall,
    now: Instant = queue.now(),
  ) {
    const { totalMs = Infinity, idleMs } = options;
    this.#queue = queue;
    this.#idleMs = idleMs;
    this.#call = call;
    this.at = now + Math.max(0, totalMs);
    if (totalMs !== Infinity) queue.add(this, now);
  }

  /** The total limit is reached: for the queue. */
  handleTimer(): void {
    this.#expire("total");
  }

  /** Whether the other side is waited for: the idle limit runs, unless paused. */
  get isWaiting(): boolean {
    return this.#waitingSince !== undefined;
  }

  /** What is left of the total limit, in milliseconds, not below 0. */
  get remainingMs(): number | undefined {
    return this.at === Infinity
      ? undefined
      : this.remainingAt(this.#queue.now());
  }

  /**
   * As {@linkcode CallTimer.remainingMs}.
   *
   * @param now The time.
   * @returns What is left then.
   */
  remainingAt(now: Instant): number | undefined {
    return this.at === Infinity ? undefined : Math.max(0, this.at - now);
  }

  /** Starts the idle limit, anew if it runs: the other side has to act. */
  wait(): void {
    if (this.#idleMs === undefined) return;
    const now = this.#queue.now();
    this.#waitingSince = now;
    // One timer for many chunks: it looks at the latest wait when it fires.
    this.#cancelIdle ??= this.#queue.schedule(
      this.#idleMs,
      () => this.#checkIdle(),
      now,
    );
  }

  /** Stops the idle limit for now, whoever waits: this end has something to do. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Ends the pause: the idle limit starts anew if somebody waits. */
  resume(): void {
    this.#isPaused = false;
    if (this.isWaiting) this.wait();
  }

  /** Ends the wait: the other side has acted. */
  progress(): void {
    this.#waitingSince = undefined;
  }

  /** Stops both limits. */
  stop(): void {
    this.#queue.remove(this);
    this.#cancelIdle?.();
    this.#waitingSince = undefined;
    this.#call = undefined;
  }

  #checkIdle(): void {
    this.#cancelIdle = undefined;
    if (this.#waitingSince === undefined || this.#idleMs === undefined) return;
    // It is set again when the pause ends.
    if (this.#isPaused) return;
    const leftMs = this.#waitingSince + this.#idleMs - this.#queue.now();
    if (leftMs <= 0) this.#expire("idle");
    else {
      this.#cancelIdle = this.#queue.schedule(leftMs, () => this.#checkIdle());
    }
  }

  #expire(limit: TimeLimit): void {
    const call = this.#call;
    this.stop();
    call?.handleTimeLimit(limit);
  }
}

keepHiddenClass(
  new CallTimer(undefined as never, {}, undefined as never, 0.5),
);
