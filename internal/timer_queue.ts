/**
 * Many timers over one.
 *
 * @module
 */
import { keepHiddenClass } from "./hidden_class.ts";
import type { Instant } from "./instant.ts";
import type { Clock } from "./clock.ts";

/** A timer of a {@linkcode TimerQueue} that is a part of what it is for. */
export interface QueuedTimer {
  /** When it fires. */
  readonly at: Instant;
  /** Where it is in the queue, which alone changes it; -1 when it does not wait. */
  queueIndex: number;
  /** Called once, when it is due. */
  handleTimer(): void;
}

/** A timer of a function. A class for the reason that `CallContext` tells. */
class Entry implements QueuedTimer {
  readonly at: Instant;
  queueIndex = -1;
  readonly #callback: () => void;

  constructor(at: Instant, callback: () => void) {
    this.at = at;
    this.#callback = callback;
  }

  handleTimer(): void {
    this.#callback();
  }
}

keepHiddenClass(new Entry(0.5, () => {}));

/**
 * A clock whose timers share one timer of another clock. Nearly every call is
 * over long before its limit, so what counts is to add and to take away: here
 * that is a move in a heap, where a timer of the runtime costs 1.5 µs and
 * garbage. The shared timer is moved only to an earlier time; when the timer
 * that it was set for is cancelled, it fires early and is set anew.
 */
export class TimerQueue implements Clock {
  readonly #clock: Clock;
  /** A binary heap, the earliest first. */
  readonly #heap: QueuedTimer[] = [];
  #cancel: (() => void) | undefined;
  #firesAt: Instant = Infinity;

  /** @param clock Reads the time and has the one timer. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Reads the clock. */
  now(): Instant {
    return this.#clock.now();
  }

  /**
   * Calls back once. What is due together is called in the order of time.
   *
   * @param delayMs From now, in milliseconds.
   * @param callback What to call.
   * @param now The time, when the caller has read it already.
   * @returns Cancels the timer; does nothing once it fired.
   */
  schedule(
    delayMs: number,
    callback: () => void,
    now: Instant = this.#clock.now(),
  ): () => void {
    const entry = new Entry(now + Math.max(0, delayMs), callback);
    this.add(entry, now);
    return () => this.remove(entry);
  }

  /**
   * As {@linkcode TimerQueue.schedule}, without memory of its own for the timer.
   *
   * @param timer What is called; it does not wait yet.
   * @param now The time.
   */
  add(timer: QueuedTimer, now: Instant): void {
    timer.queueIndex = this.#heap.length;
    this.#heap.push(timer);
    this.#moveUp(timer);
    if (timer.at < this.#firesAt) this.#arm(timer.at, now);
  }

  /**
   * Cancels a timer; does nothing when it does not wait.
   *
   * @param timer What is not to be called any more.
   */
  remove(timer: QueuedTimer): void {
    const index = timer.queueIndex;
    if (index < 0) return;
    timer.queueIndex = -1;
    const last = this.#heap.pop()!;
    if (last !== timer) {
      last.queueIndex = index;
      this.#heap[index] = last;
      this.#moveUp(last);
      this.#moveDown(last);
    }
    if (this.#heap.length === 0) this.#disarm();
  }

  #arm(at: Instant, now: Instant): void {
    this.#cancel?.();
    this.#firesAt = at;
    this.#cancel = this.#clock.schedule(at - now, () => this.#fire());
  }

  #fire(): void {
    this.#cancel = undefined;
    this.#firesAt = Infinity;
    const now = this.#clock.now();
    try {
      for (
        let first = this.#heap[0];
        first !== undefined && first.at <= now;
        first = this.#heap[0]
      ) {
        this.remove(first);
        first.handleTimer();
      }
    } finally {
      const next = this.#heap[0];
      if (next !== undefined && next.at < this.#firesAt) {
        this.#arm(next.at, now);
      }
    }
  }

  /** A timer without a purpose would keep the process alive. */
  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#firesAt = Infinity;
  }

  #moveUp(timer: QueuedTimer): void {
    const heap = this.#heap;
    let index = timer.queueIndex;
    while (index > 0) {
      const parent = heap[(index - 1) >> 1]!;
      if (parent.at <= timer.at) break;
      heap[index] = parent;
      const freed = parent.queueIndex;
      parent.queueIndex = index;
      index = freed;
    }
    heap[index] = timer;
    timer.queueIndex = index;
  }

  #moveDown(timer: QueuedTimer): void {
    const heap = this.#heap;
    let index = timer.queueIndex;
    for (;;) {
      let child = heap[index * 2 + 1];
      const right = heap[index * 2 + 2];
      if (right !== undefined && right.at < child!.at) child = right;
      if (child === undefined || child.at >= timer.at) break;
      heap[index] = child;
      const freed = child.queueIndex;
      child.queueIndex = index;
      index = freed;
    }
    heap[index] = timer;
    timer.queueIndex = index;
  }
}
