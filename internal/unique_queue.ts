/**
 * A queue in which each item waits once.
 *
 * @module
 */
import { Fifo } from "./fifo.ts";

/** What can wait in a {@linkcode UniqueQueue}. */
export interface Queueable {
  /** The queues in which it waits, a bit each; 0 at first. */
  queuedIn: number;
}

/**
 * Does what a `Set` does that is used as a queue, without its tables: a `Set`
 * that goes from empty to one and back makes a new table each time, and an old
 * one points to all that came after it (see `IdTable`). Whether an item waits
 * is noted in the item.
 *
 * @typeParam Item What waits.
 */
export class UniqueQueue<Item extends Queueable> {
  readonly #bit: number;
  readonly #items = new Fifo<Item>();

  /**
   * Starts empty.
   *
   * @param bit A power of two that no other queue of these items has.
   */
  constructor(bit: number) {
    this.#bit = bit;
  }

  /**
   * Appends an item, unless it waits already.
   *
   * @param item The item.
   */
  add(item: Item): void {
    if ((item.queuedIn & this.#bit) !== 0) return;
    item.queuedIn |= this.#bit;
    this.#items.push(item);
  }

  /** The oldest item, if any. */
  peek(): Item | undefined {
    return this.#items.peek();
  }

  /** Removes and returns the oldest item, if any. */
  shift(): Item | undefined {
    const item = this.#items.shift();
    if (item !== undefined) item.queuedIn &= ~this.#bit;
    return item;
  }
}
