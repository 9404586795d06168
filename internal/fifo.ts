/**
 * A first-in-first-out queue in a ring that grows.
 *
 * @module
 */

const INITIAL_CAPACITY = 8;

/** What queues have that were always empty; never written to. */
const NO_ITEMS: undefined[] = [];

/** Above this, an emptied ring is given back. */
const KEPT_CAPACITY = 1024;

/**
 * A queue whose `push` and `shift` take constant time. It has no bound of its
 * own: whoever pushes says what bounds it.
 *
 * @typeParam T What is queued; `undefined` is not.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = NO_ITEMS;
  #head = 0;
  #length = 0;

  /** How many items wait. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends an item.
   *
   * @param item What to append.
   */
  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length++;
  }

  /** The oldest item, if any. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  /** Removes and returns the oldest item, if any. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    if (this.#length === 0 && this.#items.length > KEPT_CAPACITY) this.clear();
    return item;
  }

  /**
   * Visits the items, the oldest first.
   *
   * @param visit Called with each; must not change this queue.
   */
  forEach(visit: (item: T) => void): void {
    const items = this.#items;
    for (let i = 0; i < this.#length; i++) {
      visit(items[(this.#head + i) & (items.length - 1)]!);
    }
  }

  /** Removes everything. */
  clear(): void {
    this.#items = NO_ITEMS;
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const old = this.#items;
    const items = new Array<T | undefined>(
      Math.max(INITIAL_CAPACITY, old.length * 2),
    ).fill(undefined);
    for (let i = 0; i < this.#length; i++) {
      items[i] = old[(this.#head + i) & (old.length - 1)];
    }
    this.#items = items;
    this.#head = 0;
  }
}
