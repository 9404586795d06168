/**
 * Items that wait until somebody has said what to do with them.
 *
 * @module
 */

/** Who learns of what a handler has thrown. */
export interface HandlerQueueHost {
  /** Called with what the handler threw. */
  onHandlerError(error: unknown): void;
}

/** How long a {@linkcode HandlerQueue} may be: of all queues of a kind. */
export interface QueueBound<T> {
  /** How many items may wait for a handler. */
  readonly maxLength: number;
  /** How many bytes they may have together; by default any number. */
  readonly maxBytes?: number;
  /** Size of an item, where that is bounded. */
  readonly sizeOf?: (item: T) => number;
  /** Called with an item that finds the queue full; it is not kept. */
  readonly onRefused: (item: T) => void;
}

/**
 * Passes items on in order, and keeps a bounded number while there is no
 * handler.
 */
export class HandlerQueue<T> {
  readonly #host: HandlerQueueHost;
  readonly #bound: QueueBound<T>;
  #waiting: T[] = [];
  #waitingBytes = 0;
  #handler: ((item: T) => void) | undefined;

  /**
   * @param host Who learns of what a handler has thrown.
   * @param bound How many items may wait, and what happens there.
   */
  constructor(host: HandlerQueueHost, bound: QueueBound<T>) {
    this.#host = host;
    this.#bound = bound;
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
    } else if (this.#hasRoomFor(item)) {
      this.#waiting.push(item);
      this.#waitingBytes += this.#sizeOf(item);
    } else {
      this.#bound.onRefused(item);
    }
  }

  /** Drops what waits. */
  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #hasRoomFor(item: T): boolean {
    const { maxLength, maxBytes = Infinity } = this.#bound;
    return this.#waiting.length < maxLength &&
      this.#waitingBytes + this.#sizeOf(item) <= maxBytes;
  }

  #sizeOf(item: T): number {
    return this.#bound.sizeOf?.(item) ?? 0;
  }

  #drain(): void {
    while (this.#handler !== undefined && this.#waiting.length > 0) {
      const item = this.#waiting.shift()!;
      this.#waitingBytes -= this.#sizeOf(item);
      this.#call(this.#handler, item);
    }
  }

  #call(handler: (item: T) => void, item: T): void {
    try {
      handler(item);
    } catch (error) {
      this.#host.onHandlerError(error);
    }
  }
}
