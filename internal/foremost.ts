/**
 * The first few of many items.
 *
 * @module
 */

/** So many are let in before they are sorted: a sort of two for each would cost more. */
const MIN_SPARE_COUNT = 16;

/**
 * Takes items one by one and keeps those that come first in an order. Most items
 * of many cost one comparison; at no time are there more than twice as many as
 * asked for, or 16 more.
 *
 * @typeParam Item What is compared.
 */
export class Foremost<Item> {
  readonly #count: number;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #capacity: number;
  /** Those that may still be among the first, in no order. */
  readonly #items: Item[] = [];
  /** The last that is kept, when others were left out: what follows it is, too. */
  #last: Item | undefined;

  /**
   * @param count How many to keep, at least 1.
   * @param compare The order, as `Array.sort` takes it. Items that are equal to
   * it come as they were added.
   */
  constructor(count: number, compare: (a: Item, b: Item) => number) {
    this.#count = count;
    this.#compare = compare;
    this.#capacity = count + Math.max(count, MIN_SPARE_COUNT);
  }

  /**
   * Looks at an item.
   *
   * @param item Kept if it is one of the first so far.
   */
  add(item: Item): void {
    const last = this.#last;
    if (last !== undefined && this.#compare(item, last) >= 0) return;
    this.#items.push(item);
    if (this.#items.length === this.#capacity) this.#leaveOut();
  }

  /**
   * Ends the looking.
   *
   * @returns The first ones, in order; owned by the caller.
   */
  finish(): Item[] {
    this.#leaveOut();
    return this.#items;
  }

  #leaveOut(): void {
    this.#items.sort(this.#compare);
    if (this.#items.length <= this.#count) return;
    this.#items.length = this.#count;
    this.#last = this.#items[this.#count - 1];
  }
}
