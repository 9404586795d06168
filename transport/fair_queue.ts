/**
 * A bounded queue that is fair to those who fill it.
 *
 * @module
 */
import { Fifo } from "../internal/fifo.ts";

/**
 * Items of several flows, each in order, taken from the flows in turns (fair
 * queueing, RFC 970). Where there is no room, the flow that has most in the queue
 * gives way to one that has less.
 *
 * @typeParam Item What is queued; `undefined` is not.
 */
export class FairQueue<Item> {
  readonly #capacity: number;
  /** Those that have something in the queue; the next in turn comes first. */
  readonly #flows = new Map<string, Fifo<Item>>();
  #length = 0;

  /** @param capacity How many items there may be. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many items there are. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds an item.
   *
   * @param flow Whose it is.
   * @param item What to add.
   * @returns What there is no room for: the item, or one of a busier flow;
   * `undefined` when there was room.
   */
  push(flow: string, item: Item): Item | undefined {
    const own = this.#flows.get(flow);
    if (this.#length < this.#capacity) {
      this.#add(flow, own, item);
      return undefined;
    }
    const averageLength = this.#length / this.#flows.size;
    // Whoever has an equal part already would only take from his equals.
    if ((own?.length ?? 0) + 1 >= averageLength) return item;
    const removed = this.#shiftOf(...this.#busiest());
    this.#add(flow, own, item);
    return removed;
  }

  /** Removes and returns the oldest item of the flow whose turn it is, if any. */
  shift(): Item | undefined {
    for (const [flow, items] of this.#flows) {
      const item = this.#shiftOf(flow, items);
      if (items.length > 0) {
        this.#flows.delete(flow);
        this.#flows.set(flow, items);
      }
      return item;
    }
    return undefined;
  }

  #add(flow: string, own: Fifo<Item> | undefined, item: Item): void {
    let items = own;
    if (items === undefined) {
      items = new Fifo();
      this.#flows.set(flow, items);
    }
    items.push(item);
    this.#length++;
  }

  #shiftOf(flow: string, items: Fifo<Item>): Item | undefined {
    if (items.length === 1) this.#flows.delete(flow);
    this.#length--;
    return items.shift();
  }

  #busiest(): [string, Fifo<Item>] {
    let [busiest, ...others] = this.#flows;
    for (const each of others) {
      if (each[1].length > busiest![1].length) busiest = each;
    }
    return busiest!;
  }
}
