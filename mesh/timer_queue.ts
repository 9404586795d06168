/**
 * Many timers over one.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import type { Clock } from "./clock.ts";

/** A timer. A class for the reason that `CallContext` tells. */
class Entry {
  readonly at: Instant;
  readonly callback: () => void;
  /** Where it is in the heap; -1 when it has fired or was cancelled. */
  index: number;

  constructor(at: Instant, callback: () => void, index: number) {
    this.at = at;
    this.callback = callback;
    this.index = index;
  }
}

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
  readonly #heap: Entry[] = [];
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
    const at = now + Math.max(0, delayMs);
    const entry = new Entry(at, callback, this.#heap.length);
    this.#heap.push(entry);
    this.#moveUp(entry);
    if (at < this.#firesAt) this.#arm(at, now);
    return () => this.#remove(entry);
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
        this.#remove(first);
        first.callback();
      }
    } finally {
      const next = this.#heap[0];
      if (next !== undefined && next.at < this.#firesAt) {
        this.#arm(next.at, now);
      }
    }
  }

  #remove(entry: Entry): void {
    const { index } = entry;
    if (index < 0) return;
    entry.index = -1;
    const last = this.#heap.pop()!;
    if (last !== entry) {
      last.index = index;
      this.#heap[index] = last;
      this.#moveUp(last);
      this.#moveDown(last);
    }
    if (this.#heap.length === 0) this.#disarm();
  }

  /** A timer without a purpose would keep the process alive. */
  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#firesAt = Infinity;
  }

  #moveUp(entry: Entry): void {
    const heap = this.#heap;
    let { index } = entry;
    while (index > 0) {
      const parent = heap[(index - 1) >> 1]!;
      if (parent.at <= entry.at) break;
      heap[index] = parent;
      const freed = parent.index;
      parent.index = index;
      index = freed;
    }
    heap[index] = entry;
    entry.index = index;
  }

  #moveDown(entry: Entry): void {
    const heap = this.#heap;
    let { index } = entry;
    for (;;) {
      let child = heap[index * 2 + 1];
      const right = heap[index * 2 + 2];
      if (right !== undefined && right.at < child!.at) child = right;
      if (child === undefined || child.at >= entry.at) break;
      heap[index] = child;
      const freed = child.index;
      child.index = index;
      index = freed;
    }
    heap[index] = entry;
    entry.index = index;
  }
}
