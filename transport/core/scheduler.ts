/**
 * Whose turn it is to send.
 *
 * Control goes strictly first. Interactive and bulk share what is left by
 * weight when both wait, and either takes all of it when the other is idle.
 * Within a class, turns go round.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import { Priority } from "../../protocol/frame/mod.ts";

/** Share of the interactive class while bulk waits too. */
export const INTERACTIVE_WEIGHT = 50;

/** Share of the bulk class while interactive waits too. */
export const BULK_WEIGHT = 10;

/** What can be scheduled. */
export interface Schedulable {
  /** Its class; read when it is added. */
  readonly priority: Priority;
  /** Whether it waits for a turn; owned by the scheduler. */
  isScheduled: boolean;
}

/**
 * Queues of everything that has something to send. Each operation takes
 * constant time, however many wait.
 *
 * @typeParam T What takes turns.
 */
export class Scheduler<T extends Schedulable> {
  readonly #control = new Fifo<T>();
  readonly #interactive = new Fifo<T>();
  readonly #bulk = new Fifo<T>();
  /** Bytes that bulk may send before interactive goes on; negative is a debt. */
  #bulkDeficitBytes = 0;

  /** How many wait. */
  get length(): number {
    return this.#control.length + this.#interactive.length + this.#bulk.length;
  }

  /**
   * Puts an item at the end of its class, unless it waits already.
   *
   * @param item What has something to send.
   */
  add(item: T): void {
    if (item.isScheduled) return;
    item.isScheduled = true;
    if (item.priority === Priority.CONTROL) this.#control.push(item);
    else if (item.priority === Priority.BULK) this.#bulk.push(item);
    else this.#interactive.push(item);
  }

  /** Whose turn it is, if anybody waits. */
  peek(): T | undefined {
    return this.#current().peek();
  }

  /** Takes the one whose turn it is out of the queue: it has nothing to send. */
  drop(): void {
    const item = this.#current().shift();
    if (item !== undefined) item.isScheduled = false;
    this.#settle();
  }

  /**
   * Ends the turn of the one whose turn it is.
   *
   * @param byteCount What it sent.
   * @param hasMore Whether it goes to the end of its class.
   */
  endTurn(byteCount: number, hasMore: boolean): void {
    const queue = this.#current();
    if (queue === this.#bulk) this.#bulkDeficitBytes -= byteCount;
    else if (queue === this.#interactive) {
      this.#bulkDeficitBytes += byteCount * BULK_WEIGHT / INTERACTIVE_WEIGHT;
    }
    const item = queue.shift();
    if (item !== undefined) {
      item.isScheduled = false;
      if (hasMore) this.add(item);
    }
    this.#settle();
  }

  #current(): Fifo<T> {
    if (this.#control.length > 0) return this.#control;
    if (this.#interactive.length === 0) return this.#bulk;
    if (this.#bulk.length === 0) return this.#interactive;
    return this.#bulkDeficitBytes > 0 ? this.#bulk : this.#interactive;
  }

  /** A class that is alone neither gains nor owes. */
  #settle(): void {
    if (this.#interactive.length === 0 || this.#bulk.length === 0) {
      this.#bulkDeficitBytes = 0;
    }
  }
}
