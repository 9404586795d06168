/**
 * Events that wait for one subscriber.
 *
 * @module
 */
import {
  MAX_SUBSCRIBER_QUEUE_BYTES,
  MAX_SUBSCRIBER_QUEUE_EVENTS,
} from "./node_config.ts";

/** An event in a queue. */
export interface QueuedEvent<Event> {
  /** The event, shared between the queues of all subscribers. */
  readonly event: Event;
  /**
   * Counts the events for this subscriber, dropped ones included: a gap says
   * how many were lost.
   */
  readonly sequence: number;
  /** What the event counts against the bound, in bytes. */
  readonly sizeBytes: number;
}

/** A bound on the bytes that wait in several queues together. */
export class QueueBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;

  /**
   * Makes a budget of which nothing is used.
   *
   * @param maxBytes The bound.
   */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Whether so many bytes more fit.
   *
   * @param bytes How many.
   */
  hasRoom(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#maxBytes;
  }

  /**
   * Uses bytes, or gives them back.
   *
   * @param bytes How many; negative to give back.
   */
  add(bytes: number): void {
    this.#usedBytes += bytes;
  }
}

/** Bounds of an {@linkcode EventQueue}. */
export interface EventQueueOptions {
  /**
   * Most events that wait.
   *
   * @default 1024
   */
  readonly maxEvents?: number;
  /**
   * Most bytes that wait. A single larger event still passes.
   *
   * @default 4 MiB
   */
  readonly maxBytes?: number;
  /** A bound that several queues share; none when absent. */
  readonly budget?: QueueBudget;
}

/**
 * A bounded first-in, first-out queue. At the bound the oldest event is
 * dropped and counted: whoever publishes never waits for a slow subscriber.
 *
 * @typeParam Event What waits.
 */
export class EventQueue<Event> {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #budget: QueueBudget | undefined;
  /** Events from `#head` on; what is before it was taken. */
  #events: QueuedEvent<Event>[] = [];
  #head = 0;
  #bytes = 0;
  #nextSequence = 0;
  #droppedCount = 0;
  #onReady: () => void;

  /**
   * Makes an empty queue.
   *
   * @param onReady Called when an event comes into an empty queue.
   * @param options Bounds.
   */
  constructor(onReady: () => void, options: EventQueueOptions = {}) {
    this.#onReady = onReady;
    this.#maxEvents = options.maxEvents ?? MAX_SUBSCRIBER_QUEUE_EVENTS;
    this.#maxBytes = options.maxBytes ?? MAX_SUBSCRIBER_QUEUE_BYTES;
    this.#budget = options.budget;
  }

  /** How many events wait. */
  get size(): number {
    return this.#events.length - this.#head;
  }

  /** How many events were dropped so far. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /**
   * Adds an event, dropping the oldest ones where there is no room. Where the
   * shared budget is used up by other queues, the event itself is dropped.
   *
   * @param event The event.
   * @param sizeBytes What it counts against the bound.
   */
  push(event: Event, sizeBytes: number): void {
    while (this.size > 0 && !this.#hasRoom(sizeBytes)) {
      this.shift();
      this.#droppedCount++;
    }
    const sequence = this.#nextSequence++;
    if (this.#budget?.hasRoom(sizeBytes) === false) {
      this.#droppedCount++;
      return;
    }
    const wasEmpty = this.size === 0;
    this.#events.push({ event, sequence, sizeBytes });
    this.#count(sizeBytes);
    if (wasEmpty) this.#onReady();
  }

  /** Takes the oldest event; `undefined` when none waits. */
  shift(): QueuedEvent<Event> | undefined {
    const taken = this.#events[this.#head];
    if (taken === undefined) return undefined;
    this.#head++;
    this.#count(-taken.sizeBytes);
    // Moving the rest down only when half is gone keeps this constant time.
    if (this.#head * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#events = [];
    this.#head = 0;
    this.#count(-this.#bytes);
  }

  #hasRoom(sizeBytes: number): boolean {
    return this.size < this.#maxEvents &&
      this.#bytes + sizeBytes <= this.#maxBytes &&
      this.#budget?.hasRoom(sizeBytes) !== false;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget?.add(bytes);
  }
}
