/**
 * Events that wait for one subscriber.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  MAX_SUBSCRIBER_QUEUE_BYTES,
  MAX_SUBSCRIBER_QUEUE_EVENTS,
  RESERVED_SUBSCRIBER_QUEUE_BYTES,
} from "./node_config.ts";

/** An event that waits in any number of queues, and is in memory once. */
export class SharedEvent<Event> {
  /** The event. */
  readonly event: Event;
  /** What it counts against a bound, in bytes. */
  readonly sizeBytes: number;
  /** How often it is held; for {@linkcode QueueBudget}. */
  holderCount = 0;

  /**
   * @param event The event.
   * @param sizeBytes What it counts against a bound.
   */
  constructor(event: Event, sizeBytes: number) {
    this.event = event;
    this.sizeBytes = sizeBytes;
  }
}

keepHiddenClass(new SharedEvent(undefined, 0));

/** An event in a queue. */
export interface QueuedEvent<Event> {
  /** The event, shared between the queues of all subscribers. */
  readonly shared: SharedEvent<Event>;
  /**
   * Counts the events for this subscriber, dropped ones included: a gap says
   * how many were lost.
   */
  readonly sequence: number;
}

/** What one queue may hold of what the others have left free. */
const SHARE_OF_FREE = 1 / 4;

/**
 * A bound on the bytes that wait in several queues together. An event counts
 * once, in however many of them it waits.
 *
 * What one queue may hold is a share of what is free, which shrinks as others
 * fill: "dynamic thresholds" (Choudhury and Hahne, 1998). Queues that nobody reads
 * stop growing while there is room for the others, and a single busy one gets most
 * of what its own bound allows. Without a share, the first ones would take it all.
 */
export class QueueBudget {
  readonly #maxBytes: number;
  readonly #reservedBytes: number;
  #usedBytes = 0;

  /**
   * Makes a budget of which nothing is used.
   *
   * @param maxBytes The bound.
   * @param reservedBytes What a queue may hold however full the others are.
   */
  constructor(
    maxBytes: number,
    reservedBytes: number = RESERVED_SUBSCRIBER_QUEUE_BYTES,
  ) {
    this.#maxBytes = maxBytes;
    this.#reservedBytes = reservedBytes;
  }

  /** Bytes of all events that are held. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** What a queue may hold just now, in bytes. */
  get shareBytes(): number {
    const freeBytes = this.#maxBytes - this.#usedBytes;
    return Math.max(this.#reservedBytes, SHARE_OF_FREE * freeBytes);
  }

  /**
   * Whether there is room for an event.
   *
   * @param event The event; one that is held already needs none.
   */
  hasRoom(event: SharedEvent<unknown>): boolean {
    return event.holderCount > 0 || event.sizeBytes <= this.#reservedBytes ||
      this.#usedBytes + event.sizeBytes <= this.#maxBytes;
  }

  /**
   * Counts an event, unless it is held already.
   *
   * @param event The event; to be released as often as it is held.
   */
  hold(event: SharedEvent<unknown>): void {
    if (event.holderCount === 0) this.#usedBytes += event.sizeBytes;
    event.holderCount++;
  }

  /**
   * Gives an event back: its bytes are free when nobody else holds it.
   *
   * @param event An event that was held.
   */
  release(event: SharedEvent<unknown>): void {
    event.holderCount--;
    if (event.holderCount === 0) this.#usedBytes -= event.sizeBytes;
  }
}

/** Whose queues these are. */
export interface Subscriber {
  /** Subscriptions over all of its queues; for `EventHub`. */
  subscriptionCount: number;
}

/** Bounds of an {@linkcode EventQueue}. */
export interface EventQueueOptions {
  /**
   * Most events that wait.
   *
   * @default {1,024}
   */
  readonly maxEvents?: number;
  /**
   * Most bytes that wait. A single larger event still passes.
   *
   * @default {4 MiB}
   */
  readonly maxBytes?: number;
  /** A bound that several queues share; none when absent. */
  readonly budget?: QueueBudget;
  /** Whose it is; somebody's who has no other when absent. */
  readonly subscriber?: Subscriber;
}

/**
 * A bounded first-in, first-out queue. At the bound the oldest event is
 * dropped and counted: whoever publishes never waits for a slow subscriber.
 *
 * @typeParam Event What waits.
 */
export class EventQueue<Event> {
  /** Whose it is. */
  readonly subscriber: Subscriber;
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
    this.subscriber = options.subscriber ?? { subscriptionCount: 0 };
  }

  /** How many events wait. */
  get size(): number {
    return this.#events.length - this.#head;
  }

  /** Bytes of the events that wait. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** How many events were dropped so far. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /**
   * Adds an event, dropping the oldest ones beyond what this queue may hold. One
   * that is too large for that comes into an empty queue all the same, unless
   * the shared budget has no room for it: then it is dropped itself.
   *
   * @param event The event; it may be in other queues of the same budget.
   */
  push(event: SharedEvent<Event>): void {
    while (this.size > 0 && !this.#hasRoom(event.sizeBytes)) this.#dropOldest();
    const sequence = this.#nextSequence++;
    if (this.#budget?.hasRoom(event) === false) {
      this.#droppedCount++;
      return;
    }
    const wasEmpty = this.size === 0;
    this.#events.push({ shared: event, sequence });
    this.#bytes += event.sizeBytes;
    this.#budget?.hold(event);
    if (wasEmpty) this.#onReady();
  }

  /**
   * Takes the oldest event, which counts in the shared budget until it is
   * released; `undefined` when none waits.
   */
  shift(): QueuedEvent<Event> | undefined {
    const taken = this.#events[this.#head];
    if (taken === undefined) return undefined;
    this.#head++;
    this.#bytes -= taken.shared.sizeBytes;
    // Moving the rest down only when half is gone keeps this constant time.
    if (this.#head * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  /**
   * Says that an event is not in memory for this queue any more.
   *
   * @param taken From {@linkcode EventQueue.shift}, once.
   */
  release(taken: QueuedEvent<Event>): void {
    this.#budget?.release(taken.shared);
  }

  /** Forgets what waits. */
  clear(): void {
    for (let taken = this.shift(); taken; taken = this.shift()) {
      this.release(taken);
    }
  }

  #dropOldest(): void {
    this.release(this.shift()!);
    this.#droppedCount++;
  }

  #hasRoom(sizeBytes: number): boolean {
    const maxBytes = Math.min(
      this.#maxBytes,
      this.#budget?.shareBytes ?? Infinity,
    );
    return this.size < this.#maxEvents && this.#bytes + sizeBytes <= maxBytes;
  }
}
