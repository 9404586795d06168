/**
 * Who waits for something of which there is not enough for all.
 *
 * @module
 */

/** Up to this length, those who have left are not looked for. */
const MIN_TIDIED_LENGTH = 64;

/**
 * While the newest comes first, every so many turns one is the oldest's: nobody waits
 * for ever, and it costs little where it is too late for the oldest.
 */
const TURNS_PER_OLDEST = 8;

/**
 * A line of those who wait, of whom the oldest comes first. Where more is asked for
 * than there is, that serves nobody: each has waited until it is nearly too late for
 * it. Whoever learns that has the newest come first until nobody waits any more; the
 * others leave by themselves. All of it takes constant time.
 *
 * @typeParam Item Who waits, no more than once.
 * @typeParam Value What it waits with.
 */
export class WaitingLine<Item, Value = undefined> {
  readonly #items = new Map<Item, Value>();
  /** Goes on behind `#oldest`: those who left before it are not passed again. */
  #iterator: Iterator<Item> | undefined;
  /** Who came first when it was last looked at; may have left. */
  #oldest: Item | undefined;
  /** The newest is last, and some have left; only while the newest comes first. */
  #newestLast: Item[] | undefined;
  #turnCount = 0;

  /** How many wait. */
  get size(): number {
    return this.#items.size;
  }

  /**
   * Adds who comes now.
   *
   * @param item Who waits.
   * @param value What it waits with.
   */
  add(item: Item, value: Value): void {
    this.#items.set(item, value);
    this.#newestLast?.push(item);
  }

  /**
   * What somebody waits with.
   *
   * @param item Who.
   * @returns Nothing when it does not wait.
   */
  get(item: Item): Value | undefined {
    return this.#items.get(item);
  }

  /** Everybody, the oldest first. */
  keys(): IterableIterator<Item> {
    return this.#items.keys();
  }

  /** Whose turn it is; nobody's when nobody waits. */
  peek(): Item | undefined {
    if (this.#items.size === 0) return undefined;
    return this.#newestLast === undefined ||
        this.#turnCount % TURNS_PER_OLDEST === TURNS_PER_OLDEST - 1
      ? this.#peekOldest()
      : this.#peekNewest(this.#newestLast);
  }

  /**
   * Removes the one whose turn it is.
   *
   * @param item Who is served.
   */
  serve(item: Item): void {
    this.#turnCount++;
    this.delete(item);
  }

  /**
   * Removes one, wherever it stands.
   *
   * @param item Who waits no longer.
   * @returns Whether it did.
   */
  delete(item: Item): boolean {
    if (!this.#items.delete(item)) return false;
    const { size } = this.#items;
    if (size === 0) {
      this.#iterator = this.#oldest = this.#newestLast = undefined;
    } else if (this.#newestLast !== undefined) {
      const { length } = this.#newestLast;
      if (length > MIN_TIDIED_LENGTH && length > 2 * size) {
        this.#newestLast = [...this.#items.keys()];
      }
    }
    return true;
  }

  /** Has the newest come first, until nobody waits. */
  preferNewest(): void {
    if (this.#items.size === 0 || this.#newestLast !== undefined) return;
    this.#newestLast = [...this.#items.keys()];
    this.#turnCount = 0;
  }

  #peekOldest(): Item {
    this.#iterator ??= this.#items.keys();
    while (this.#oldest === undefined || !this.#items.has(this.#oldest)) {
      this.#oldest = this.#iterator.next().value as Item;
    }
    return this.#oldest;
  }

  #peekNewest(newestLast: Item[]): Item {
    while (!this.#items.has(newestLast.at(-1)!)) newestLast.pop();
    return newestLast.at(-1)!;
  }
}
