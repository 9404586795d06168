/**
 * Events as a subscriber reads them.
 *
 * @module
 */
import type { Value } from "../protocol/mod.ts";
import { MAX_QUEUED_EVENTS } from "./config.ts";
import type { SealedValue } from "./content.ts";
import { CallError } from "./error.ts";
import { EventQueue, SharedEvent } from "./event_queue.ts";
import { textOf } from "./failure.ts";

/** Something that an agent published. */
export interface MeshEvent {
  /** What it is about. */
  readonly topic: string;
  /** The event itself. */
  readonly value: Value | SealedValue;
  /**
   * Its number at the node, which counts the events for this agent, over all its
   * subscriptions, anew whenever the agent has connected. A gap over all of them says
   * how many were dropped at the node; in one of several it may be events for others.
   */
  readonly sequence: number;
  /** Trace of the publisher. */
  readonly traceId: bigint;
  /** Static public key of whoever sealed it, proven; `undefined` when it came open. */
  readonly sealedBy: Uint8Array | undefined;
}

/** Options of `Agent.subscribe`. */
export interface SubscribeOptions {
  /**
   * Events that wait for the reader; at the bound, or at 4 MiB of them whatever
   * it is, the oldest is dropped. JSON counts as about what its values take, some
   * three times its text. At the node 1,024 events or 4 MiB wait, less
   * while much waits for others.
   *
   * @default {1,024}
   */
  readonly maxQueued?: number;
  /**
   * Called with each event instead of the loop, and not waited for. What it
   * throws, or rejects with, is reported as a warning.
   */
  readonly onEvent?: (event: MeshEvent) => void;
}

/** What an {@linkcode EventSubscription} is made from. */
export interface EventSubscriptionOptions extends SubscribeOptions {
  /** A topic, or a prefix and `*`. */
  readonly pattern: string;
  /** Called once when it is closed; never rejects. */
  readonly onClosed: () => Promise<void>;
  /** Called with one line for a person. */
  readonly onWarning: (message: string) => void;
}

/**
 * The events of one subscription, read by a loop or given to a callback. It
 * survives the loss of the node: events of the time between are missed.
 */
export class EventSubscription implements AsyncIterable<MeshEvent> {
  /** What is subscribed: a topic, or a prefix and `*`. */
  readonly pattern: string;
  readonly #options: EventSubscriptionOptions;
  readonly #queue: EventQueue<MeshEvent>;
  #wake: () => void = () => {};
  #hasStarted = false;
  #closing: Promise<void> | undefined;

  /**
   * Makes an empty subscription; for agents.
   *
   * @param options What is subscribed.
   */
  constructor(options: EventSubscriptionOptions) {
    this.#options = options;
    this.pattern = options.pattern;
    this.#queue = new EventQueue<MeshEvent>(() => this.#wake(), {
      maxEvents: options.maxQueued ?? MAX_QUEUED_EVENTS,
    });
  }

  /** How many events were dropped because the reader was slow. */
  get droppedCount(): number {
    return this.#queue.droppedCount;
  }

  /**
   * Ends the subscription; a loop over it ends when it has read what waits.
   *
   * @returns Resolves when the node has been told, or cannot be. The loop does
   * not wait for that, nor does leaving it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#options.onClosed();
    this.#wake();
    return this.#closing;
  }

  /**
   * Takes an event; for agents.
   *
   * @param event The event, shared between subscriptions.
   * @param sizeBytes What it counts against the bound.
   */
  deliver(event: MeshEvent, sizeBytes: number): void {
    if (this.#closing !== undefined) return;
    const { onEvent } = this.#options;
    if (onEvent === undefined) {
      return this.#queue.push(new SharedEvent(event, sizeBytes));
    }
    try {
      const result: unknown = onEvent(event);
      if (typeof result === "object" && result !== null && "then" in result) {
        Promise.resolve(result).catch((error) => this.#handleFailure(error));
      }
    } catch (error) {
      this.#handleFailure(error);
    }
  }

  #handleFailure(error: unknown): void {
    this.#options.onWarning(
      `Subscription ${this.pattern}: its callback failed: ${textOf(error)}`,
    );
  }

  /**
   * Reads the events, in one loop. Leaving it closes the subscription.
   *
   * @returns The one iterator of the subscription.
   * @throws {CallError} `FAILED_PRECONDITION` when it is read already, or its events
   * go to `onEvent`.
   */
  [Symbol.asyncIterator](): AsyncIterator<MeshEvent, undefined> {
    if (this.#options.onEvent !== undefined) {
      throw new CallError(
        "FAILED_PRECONDITION",
        `Subscription ${this.pattern}: its events go to onEvent`,
      );
    }
    if (this.#hasStarted) {
      throw new CallError(
        "FAILED_PRECONDITION",
        `Subscription ${this.pattern}: it is read by one loop only`,
      );
    }
    this.#hasStarted = true;
    const events = this.#read();
    return {
      next: () => events.next(),
      // Not the generator's alone, which would wait for the next event.
      return: () => {
        this.#queue.clear();
        void this.close();
        return events.return(undefined);
      },
    };
  }

  async *#read(): AsyncGenerator<MeshEvent, undefined> {
    for (;;) {
      const queued = this.#queue.shift();
      if (queued !== undefined) yield queued.shared.event;
      else if (this.#closing !== undefined) return undefined;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/**
 * Whether an event is for a subscription.
 *
 * @param pattern A topic, or a prefix and `*`.
 * @param topic The topic of the event.
 */
export function isTopicMatch(pattern: string, topic: string): boolean {
  return pattern.endsWith("*")
    ? topic.startsWith(pattern.slice(0, -1))
    : topic === pattern;
}
