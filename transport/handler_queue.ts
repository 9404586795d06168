/**
 * Items that wait until somebody has said what to do with them.
 *
 * @module
 */

/** Options of a {@linkcode HandlerQueue}. */
export interface HandlerQueueOptions<T> {
  /** How many items may wait for a handler. */
  readonly maxLength: number;
  /** Called with an item that finds the queue full; it is not kept. */
  readonly onRefused: (item: T) => void;
  /** Called with what the handler threw. */
  readonly onHandlerError: (error: unknown) => void;
}

/**
 * Passes items on in order, and keeps a bounded number while there is no
 * handler.
 */
export class HandlerQueue<T> {
  readonly #options: HandlerQueueOptions<T>;
  #waiting: T[] = [];
  #handler: ((item: T) => void) | undefined;

  /** @param options Its bound, and what happens there. */
  constructor(options: HandlerQueueOptions<T>) {
    this.#options = options;
  }

  /** What is called with each item. */
  get handler(): ((item: T) => void) | undefined {
    return this.#handler;
  }

  /** What waited is passed on in a microtask, not inside the assignment. */
  set handler(handler: ((item: T) => void) | undefined) {
    this.#handler = handler;
    if (this.#waiting.length > 0) queueMicrotask(() => this.#drain());
  }

  /**
   * Passes an item on, or keeps it.
   *
   * @param item The item.
   */
  push(item: T): void {
    if (this.#handler !== undefined && this.#waiting.length === 0) {
      this.#call(this.#handler, item);
    } else if (this.#waiting.length < this.#options.maxLength) {
      this.#waiting.push(item);
    } else {
      this.#options.onRefused(item);
    }
  }

  /** Drops what waits. */
  clear(): void {
    this.#waiting = [];
  }

  #drain(): void {
    while (this.#handler !== undefined && this.#waiting.length > 0) {
      this.#call(this.#handler, this.#waiting.shift()!);
    }
  }

  #call(handler: (item: T) => void, item: T): void {
    try {
      handler(item);
    } catch (error) {
      this.#options.onHandlerError(error);
    }
  }
}
