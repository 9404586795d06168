/**
 * The earliest of many deadlines, each of which moves often.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";

/** What can have a deadline in a {@linkcode DeadlineHeap}. */
export interface Schedulable {
  /** When; stale once it is taken out. `Infinity` at first, changed by the heap. */
  deadlineAt: Instant;
  /** Where it stands in the heap; -1 without a deadline, and at first. */
  heapIndex: number;
}

/**
 * A binary heap of those that have a deadline. To move one costs the logarithm of
 * how many there are, to read the earliest one nothing.
 *
 * Where an item stands is noted in the item: what comes and goes with every packet
 * would fill the tables of a `Map` again and again (see `IdTable`).
 *
 * @typeParam Item Whose deadlines they are; in one heap only.
 */
export class DeadlineHeap<Item extends Schedulable> {
  readonly #heap: Item[] = [];

  /** The earliest deadline, if any. */
  get earliest(): Instant | undefined {
    return this.#heap[0]?.deadlineAt;
  }

  /**
   * Sets or moves a deadline.
   *
   * @param item Whose.
   * @param at When; `undefined` removes it.
   */
  set(item: Item, at: Instant | undefined): void {
    if (at === undefined) {
      if (item.heapIndex >= 0) this.#remove(item);
    } else if (item.heapIndex < 0) {
      item.deadlineAt = at;
      item.heapIndex = this.#heap.length;
      this.#heap.push(item);
      this.#rise(item);
    } else if (item.deadlineAt !== at) {
      const isEarlier = at < item.deadlineAt;
      item.deadlineAt = at;
      if (isEarlier) this.#rise(item);
      else this.#sink(item);
    }
  }

  /**
   * Takes out an item whose deadline has come.
   *
   * @param now The time.
   * @returns The item with the earliest deadline, if that is not after `now`.
   */
  popExpired(now: Instant): Item | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadlineAt > now) return undefined;
    this.#remove(first);
    return first;
  }

  #remove(item: Item): void {
    const index = item.heapIndex;
    item.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    last.heapIndex = index;
    this.#heap[index] = last;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(item: Item): void {
    const heap = this.#heap;
    while (item.heapIndex > 0) {
      const parent = heap[(item.heapIndex - 1) >>> 1]!;
      if (parent.deadlineAt <= item.deadlineAt) return;
      this.#swap(parent, item);
    }
  }

  #sink(item: Item): void {
    const heap = this.#heap;
    for (;;) {
      const left = heap[2 * item.heapIndex + 1];
      const right = heap[2 * item.heapIndex + 2];
      const child = right !== undefined && left !== undefined &&
          right.deadlineAt < left.deadlineAt
        ? right
        : left;
      if (child === undefined || child.deadlineAt >= item.deadlineAt) return;
      this.#swap(item, child);
    }
  }

  #swap(a: Item, b: Item): void {
    const index = a.heapIndex;
    a.heapIndex = b.heapIndex;
    b.heapIndex = index;
    this.#heap[a.heapIndex] = a;
    this.#heap[b.heapIndex] = b;
  }
}
