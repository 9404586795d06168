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
   * Adds an event, dropping the oldest ones where there is no room.
   *
   * @param event The event.
   * @param sizeBytes What it counts against the bound.
   */
  push(event: Event, sizeBytes: number): void {
    while (
      this.size > 0 &&
      (this.size >= this.#maxEvents || this.#bytes + sizeBytes > this.#maxBytes)
    ) {
      this.shift();
      this.#droppedCount++;
    }
    const wasEmpty = this.size === 0;
    this.#events.push({ event, sequence: this.#nextSequence++, sizeBytes });
    this.#bytes += sizeBytes;
    if (wasEmpty) this.#onReady();
  }

  /** Takes the oldest event; `undefined` when none waits. */
  shift(): QueuedEvent<Event> | undefined {
    const taken = this.#events[this.#head];
    if (taken === undefined) return undefined;
    this.#head++;
    this.#bytes -= taken.sizeBytes;
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
    this.#bytes = 0;
  }
}
