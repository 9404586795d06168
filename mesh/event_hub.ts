/**
 * Who gets which event: the node's subscriptions.
 *
 * A subscription names one topic, or a prefix of topics followed by one `*`
 * at its end: `orders.created` matches itself, `orders.*` everything that
 * begins with `orders.`, `*` everything. Topics have no other structure, so a
 * dot means nothing by itself. A subscriber whose subscriptions overlap gets
 * an event once.
 *
 * @module
 */
import { CallError } from "./error.ts";
import { type EventQueue, SharedEvent } from "./event_queue.ts";
import {
  MAX_SUBSCRIPTIONS,
  MAX_SUBSCRIPTIONS_PER_CONNECTION,
  MAX_TOPIC_BYTES,
  NODE_RETRY_AFTER_MS,
  RESERVED_SUBSCRIPTIONS,
} from "./node_config.ts";

const CONTROL_CHARACTER = /\p{Cc}/u;
const WILDCARD = "*";

/**
 * Checks a topic to publish on.
 *
 * @param topic The topic.
 * @throws {CallError} `INVALID_ARGUMENT` unless it is 1 to 255 bytes of text
 * without `*` and control characters.
 */
export function checkTopic(topic: string): void {
  if (topic.includes(WILDCARD)) {
    throw new CallError("INVALID_ARGUMENT", "Topic: * is for subscriptions");
  }
  checkText(topic);
}

/**
 * Checks the topic of a subscription.
 *
 * @param pattern A topic, or a prefix and `*`.
 * @throws {CallError} `INVALID_ARGUMENT` unless it is 1 to 255 bytes of text
 * without control characters, with `*` at its end at most.
 */
export function checkPattern(pattern: string): void {
  const wildcard = pattern.indexOf(WILDCARD);
  if (wildcard !== -1 && wildcard !== pattern.length - 1) {
    throw new CallError(
      "INVALID_ARGUMENT",
      "Subscription: * may only be the last character",
    );
  }
  checkText(pattern);
}

function checkText(text: string): void {
  if (
    text.length === 0 || text.length > MAX_TOPIC_BYTES ||
    !text.isWellFormed() || CONTROL_CHARACTER.test(text) ||
    new TextEncoder().encode(text).length > MAX_TOPIC_BYTES
  ) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `Topic: must be 1 to ${MAX_TOPIC_BYTES} bytes without control characters`,
    );
  }
}

/** Bounds of an {@linkcode EventHub}. */
export interface EventHubOptions {
  /**
   * Most subscriptions of all subscribers. One of them may have a quarter as
   * many as are free, which leaves some for the others.
   *
   * @default {65,536}
   */
  readonly maxSubscriptions?: number;
  /**
   * Subscriptions that a subscriber may have however many there are.
   *
   * @default {16}
   */
  readonly reservedSubscriptions?: number;
  /**
   * Most subscriptions of one queue.
   *
   * @default {256}
   */
  readonly maxSubscriptionsPerQueue?: number;
}

/**
 * Matches topics with the queues of subscribers, who may have several.
 *
 * @typeParam Event What is published.
 */
export class EventHub<Event> {
  readonly #exact: Map<string, Set<EventQueue<Event>>> = new Map();
  /** Keys without their `*`. */
  readonly #prefixes: Map<string, Set<EventQueue<Event>>> = new Map();
  readonly #patterns: Map<EventQueue<Event>, Set<string>> = new Map();
  readonly #maxSubscriptions: number;
  readonly #reservedSubscriptions: number;
  readonly #maxPerQueue: number;
  #subscriptionCount = 0;

  /**
   * Makes a hub without subscriptions.
   *
   * @param options Bounds.
   */
  constructor(options: EventHubOptions = {}) {
    this.#maxSubscriptions = options.maxSubscriptions ?? MAX_SUBSCRIPTIONS;
    this.#reservedSubscriptions = options.reservedSubscriptions ??
      RESERVED_SUBSCRIPTIONS;
    this.#maxPerQueue = options.maxSubscriptionsPerQueue ??
      MAX_SUBSCRIPTIONS_PER_CONNECTION;
  }

  /** How many subscriptions there are. */
  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  /**
   * Adds a subscription.
   *
   * @param queue Whose.
   * @param pattern A topic, or a prefix and `*`.
   * @returns Whether it is new.
   * @throws {CallError} `INVALID_ARGUMENT`, or `RESOURCE_EXHAUSTED` at a bound.
   */
  subscribe(queue: EventQueue<Event>, pattern: string): boolean {
    checkPattern(pattern);
    let patterns = this.#patterns.get(queue);
    if (patterns?.has(pattern)) return false;
    const { subscriptionCount } = queue.subscriber;
    if (
      subscriptionCount >= this.#share ||
      (patterns?.size ?? 0) >= this.#maxPerQueue
    ) {
      throw new CallError(
        "RESOURCE_EXHAUSTED",
        `Subscription: this subscriber has ${subscriptionCount}, as many as it may`,
        { retryAfterMs: NODE_RETRY_AFTER_MS },
      );
    }
    if (patterns === undefined) {
      patterns = new Set();
      this.#patterns.set(queue, patterns);
    }
    patterns.add(pattern);
    const [index, key] = this.#place(pattern);
    const queues = index.get(key);
    if (queues === undefined) index.set(key, new Set([queue]));
    else queues.add(queue);
    this.#subscriptionCount++;
    queue.subscriber.subscriptionCount++;
    return true;
  }

  /**
   * Removes a subscription.
   *
   * @param queue Whose.
   * @param pattern As it was subscribed.
   * @returns Whether there was one.
   */
  unsubscribe(queue: EventQueue<Event>, pattern: string): boolean {
    const patterns = this.#patterns.get(queue);
    if (patterns === undefined || !patterns.delete(pattern)) return false;
    if (patterns.size === 0) this.#patterns.delete(queue);
    const [index, key] = this.#place(pattern);
    const queues = index.get(key);
    queues?.delete(queue);
    if (queues?.size === 0) index.delete(key);
    this.#subscriptionCount--;
    queue.subscriber.subscriptionCount--;
    return true;
  }

  /**
   * Removes every subscription of a subscriber.
   *
   * @param queue Whose.
   */
  remove(queue: EventQueue<Event>): void {
    for (const pattern of [...this.#patterns.get(queue) ?? []]) {
      this.unsubscribe(queue, pattern);
    }
  }

  /**
   * Puts an event into the queue of everyone who subscribed to its topic.
   *
   * @param topic Its topic.
   * @param event The event; shared by the queues.
   * @param sizeBytes What it counts against each queue's bound, and once against
   * the one that they share.
   * @returns How many queues got it.
   * @throws {CallError} `INVALID_ARGUMENT` for a topic that breaks the rules.
   */
  publish(topic: string, event: Event, sizeBytes: number): number {
    checkTopic(topic);
    const queues = new Set(this.#exact.get(topic));
    if (this.#prefixes.size > 0) {
      // At most MAX_TOPIC_BYTES + 1 look-ups, however many subscriptions.
      for (let length = 0; length <= topic.length; length++) {
        const matching = this.#prefixes.get(topic.slice(0, length));
        for (const queue of matching ?? []) queues.add(queue);
      }
    }
    const shared = new SharedEvent(event, sizeBytes);
    for (const queue of queues) queue.push(shared);
    return queues.size;
  }

  /** How many subscriptions one subscriber may have just now. */
  get #share(): number {
    const freeCount = this.#maxSubscriptions - this.#subscriptionCount;
    return Math.max(this.#reservedSubscriptions, freeCount);
  }

  #place(pattern: string): [Map<string, Set<EventQueue<Event>>>, string] {
    return pattern.endsWith(WILDCARD)
      ? [this.#prefixes, pattern.slice(0, -1)]
      : [this.#exact, pattern];
  }
}
