/**
 * One connection to a node: its requests, its subscriptions, its events.
 *
 * @module
 */
import {
  decodeEvent,
  encodeEvent,
  type EventPayload,
  type Message,
  MessageFlags,
  MessageType,
  ProtocolError,
} from "../protocol/mod.ts";
import { type Address, TransportError } from "../transport/mod.ts";
import { AbortRace } from "./abort.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import type { EventHub } from "./event_hub.ts";
import {
  EventQueue,
  type QueueBudget,
  type QueuedEvent,
  type Subscriber,
} from "./event_queue.ts";
import type { KeyEntry } from "./key_table.ts";
import {
  type ByteStream,
  type MemoryLimit,
  MessageChannel,
  type OutgoingMessage,
} from "./message_channel.ts";
import { ackOf, refusalOf, responseTo, toRefusal } from "./node_answer.ts";
import {
  MAX_CONCURRENT_REQUESTS,
  MAX_NODE_PAYLOAD_BYTES,
  NODE_RETRY_AFTER_MS,
  REQUEST_TIMEOUT_MS,
} from "./node_config.ts";
import {
  checkFlags,
  handleRequest,
  type NodeServices,
  type Requester,
} from "./node_requests.ts";
import { SENDING_TURNS } from "./sending_turns.ts";
import { StatusCode } from "./status_code.ts";

/** Topics under this prefix are the node's own. */
const RESERVED_TOPIC_PREFIX = "mxp.";

/**
 * Events that a publisher hands in before it is somebody else's turn: few enough
 * for the queues of those who read, and many for a datagram to each.
 */
const EVENTS_PER_TURN = 64;

/** To put an event into so many queues takes the turn of one event more. */
const QUEUES_PER_EVENT = 256;

/** How many bytes take as long to send as a short event. */
const BYTES_PER_EVENT = 16_384;

/** Stands for a message that did not arrive. */
const UNKNOWN_MESSAGE = { messageId: 0n, traceId: 0n };

/** A stream of events; `TransportStream` is one. */
export interface EventStream extends ByteStream {
  /** Called once when the subscriber stops it. */
  onStopped?: ((code: number) => void) | undefined;
}

/** The part of a transport connection that a session needs. */
export interface SessionConnection {
  /** The peer's static public key, proven. */
  readonly peerPublicKey: Uint8Array;
  /** Where the peer is. */
  readonly remoteAddress: Address;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<unknown>;
  /** Opens a stream. */
  openStream(): Promise<EventStream>;
}

/** An event on its way through the node. */
export interface HubEvent {
  /** What was published. */
  readonly event: EventPayload;
  /** Flags of the publisher's message. */
  readonly flags: number;
  /** Its number at the publisher. */
  readonly messageId: bigint;
  /** Trace of the publisher. */
  readonly traceId: bigint;
}

/** What all sessions of one key share. */
export interface NodePeer extends KeyEntry, Subscriber {
  /** Bounds what is held of its requests and answers. */
  readonly memory: MemoryLimit;
}

/** What a {@linkcode NodeSession} is made from. */
export interface NodeSessionOptions {
  /** The connection. */
  readonly connection: SessionConnection;
  /** The node. */
  readonly services: NodeServices;
  /** Everybody's subscriptions. */
  readonly hub: EventHub<HubEvent>;
  /** Bounds what waits for all subscribers. */
  readonly queueBudget: QueueBudget;
  /** Who is at the other end. */
  readonly peer: NodePeer;
  /** Called with one line for a person when something of ours failed. */
  readonly onWarning: (message: string, cause: unknown) => void;
}

/** Serves one connection until it ends. */
export class NodeSession implements Requester {
  /** Tells the connection from all others: see {@linkcode Requester}. */
  readonly token: symbol = Symbol("connection");
  readonly #options: NodeSessionOptions;
  readonly #queue: EventQueue<HubEvent>;
  #requestCount = 0;
  /** How many queues the last event of this publisher went into. */
  #lastReach = 0;
  #events: Promise<MessageChannel> | undefined;
  #isPumping = false;
  #isClosed = false;

  /** @param options The connection and the node; for nodes. */
  constructor(options: NodeSessionOptions) {
    this.#options = options;
    this.#queue = new EventQueue<HubEvent>(() => this.#startPump(), {
      budget: options.queueBudget,
      subscriber: options.peer,
    });
    options.connection.closed.then(() => this.#handleClosed());
  }

  /** The key that the connection proves. */
  get publicKey(): Uint8Array {
    return this.#options.connection.peerPublicKey;
  }

  /** Where the connection comes from. */
  get address(): Address {
    return this.#options.connection.remoteAddress;
  }

  /** How many events were dropped because this subscriber was slow. */
  get droppedEventCount(): number {
    return this.#queue.droppedCount;
  }

  /** Counts a registration: see {@linkcode Requester}. */
  async takeRegistration(byteCount: number): Promise<void> {
    const { services: { writes, clock }, peer } = this.#options;
    if (!writes.takeRegistration(peer.keyText, clock.now())) {
      throw new CallError(
        "RESOURCE_EXHAUSTED",
        "Registration: too many from this key",
        { retryAfterMs: NODE_RETRY_AFTER_MS },
      );
    }
    peer.memory.take(byteCount);
    try {
      await writes.turn(peer.keyText);
    } finally {
      peer.memory.release(byteCount);
    }
    this.#checkOpen();
  }

  /** Waits for its turn: see {@linkcode Requester}. */
  takeRemoval(): Promise<void> {
    const { services: { writes }, peer } = this.#options;
    return writes.turn(peer.keyText);
  }

  /** Subscribes the connection: see {@linkcode Requester}. */
  subscribe(pattern: string): boolean {
    this.#checkOpen();
    return this.#options.hub.subscribe(this.#queue, pattern);
  }

  /** Ends a subscription: see {@linkcode Requester}. */
  unsubscribe(pattern: string): boolean {
    return this.#options.hub.unsubscribe(this.#queue, pattern);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new CallError("CANCELLED", "Connection: ended");
  }

  // ── Requests ──────────────────────────────────────────────────────────────

  /**
   * Serves a stream that the peer opened.
   *
   * @param stream The stream; the session owns it from here on.
   */
  accept(stream: ByteStream): void {
    if (this.#requestCount >= MAX_CONCURRENT_REQUESTS) {
      stream.reset(StatusCode.RESOURCE_EXHAUSTED);
      stream.stopSending(StatusCode.RESOURCE_EXHAUSTED);
      return;
    }
    this.#requestCount++;
    const channel = new MessageChannel(stream, {
      maxPayloadBytes: MAX_NODE_PAYLOAD_BYTES,
      memory: this.#options.peer.memory,
    });
    this.#serve(channel).catch((error) => this.#giveUp(channel, error))
      .finally(() => this.#requestCount--);
  }

  /** Tells the peer why there is no answer, as far as it does not know. */
  async #giveUp(channel: MessageChannel, error: unknown): Promise<void> {
    if (isCode(error, "RESOURCE_EXHAUSTED")) {
      channel.stopReceiving(error.status);
      try {
        // Not counted, since there is no memory left: it is short.
        const refusal = refusalOf(UNKNOWN_MESSAGE, error);
        await this.#inTime(channel, channel.send(refusal));
        channel.finish();
      } catch {
        channel.cancel(StatusCode.RESOURCE_EXHAUSTED);
      }
    } else if (isCode(error, "DATA_LOSS")) {
      // It ended inside a message: bytes that are none.
      channel.cancel(StatusCode.INTERNAL);
    } else if (isPeerFault(error)) channel.cancel(StatusCode.CANCELLED);
    else {
      channel.cancel(StatusCode.INTERNAL);
      this.#options.onWarning("Node: a request failed", error);
    }
  }

  async #serve(channel: MessageChannel): Promise<void> {
    if (!await this.#serveFirst(channel)) return;
    while (await this.#serveNextEvents(channel));
    channel.finish();
  }

  /** @returns Whether it was an event, which others may follow. */
  async #serveFirst(channel: MessageChannel): Promise<boolean> {
    const first = await this.#inTime(channel, channel.receive());
    if (first === undefined) {
      channel.finish();
      return false;
    }
    if (first.type === MessageType.EVENT) {
      await this.#serveEvents(channel, first);
      return true;
    }
    let answer: OutgoingMessage;
    try {
      const { services } = this.#options;
      answer = responseTo(first, await handleRequest(services, this, first));
    } catch (error) {
      answer = refusalOf(first, this.#explain(error));
    }
    await this.#send(channel, answer);
    channel.finish();
    channel.finishReceiving();
    return false;
  }

  /** Sends an answer, which a peer may not leave lying about. */
  async #send(
    channel: MessageChannel,
    answer: OutgoingMessage,
  ): Promise<void> {
    const { memory } = this.#options.peer;
    const { length } = answer.payload;
    memory.take(length);
    try {
      await this.#inTime(channel, channel.send(answer));
    } finally {
      memory.release(length);
    }
  }

  /**
   * Of its own, so that a stream that is idle does not keep its last event. One may
   * be idle as long as it likes, but not inside a message.
   *
   * @returns Whether there was one: not when the publisher has ended its stream.
   */
  async #serveNextEvents(channel: MessageChannel): Promise<boolean> {
    if (!await channel.begins()) return false;
    const message = channel.tryReceive() ??
      await this.#inTime(channel, channel.receive());
    if (message === undefined) return false;
    await this.#serveEvents(channel, message);
    return true;
  }

  /** Takes an event, and those after it that have arrived. */
  async #serveEvents(channel: MessageChannel, first: Message): Promise<void> {
    let message: Message | undefined = first;
    let size = 1;
    let left = 0;
    while (message !== undefined) {
      if (left <= 0) {
        const turn = SENDING_TURNS.take(size + this.#lastReach);
        if (turn !== undefined) await turn;
        left = size = EVENTS_PER_TURN;
      }
      try {
        this.#lastReach = this.#publish(message);
        if ((message.flags & MessageFlags.REQUIRES_ACK) !== 0) {
          await this.#send(channel, ackOf(message));
        }
      } catch (error) {
        if (error instanceof TransportError) throw error;
        await this.#send(channel, refusalOf(message, this.#explain(error)));
      }
      left -= 1 + this.#lastReach / QUEUES_PER_EVENT;
      message = channel.tryReceive();
    }
  }

  /** @returns How many queues it went into. */
  #publish(message: Message): number {
    if (message.type !== MessageType.EVENT) {
      throw new CallError(
        "INVALID_ARGUMENT",
        "Node: only events follow an event on its stream",
      );
    }
    checkFlags(message, MessageFlags.ENCRYPTED);
    const event = decodeEvent(compact(message.payload));
    if (event.topic.startsWith(RESERVED_TOPIC_PREFIX)) {
      throw new CallError(
        "PERMISSION_DENIED",
        `Topic: those under ${RESERVED_TOPIC_PREFIX} are the node's`,
      );
    }
    // Not the message itself, which leads to all that arrived together with it.
    const { flags, messageId, traceId } = message;
    return this.#options.hub.publish(
      event.topic,
      { event, flags, messageId, traceId },
      message.payload.length,
    );
  }

  /** Waits for the peer, and gives the stream up when that takes too long. */
  async #inTime<Result>(
    channel: MessageChannel,
    waiting: Promise<Result>,
  ): Promise<Result> {
    const race = new AbortRace();
    const { clock } = this.#options.services;
    const cancelTimer = clock.schedule(REQUEST_TIMEOUT_MS, () => {
      race.abort(
        new CallError("DEADLINE_EXCEEDED", "Request: it took too long"),
      );
      channel.cancel(StatusCode.DEADLINE_EXCEEDED);
    });
    try {
      return await race.race(waiting);
    } finally {
      cancelTimer();
    }
  }

  #explain(error: unknown): CallError {
    const refusal = toRefusal(error);
    if (refusal.fault === "internal" || refusal.code === "UNAVAILABLE") {
      this.#options.onWarning("Node: a request failed", error);
    }
    return refusal;
  }

  // ── Events to this subscriber ─────────────────────────────────────────────

  #startPump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const events = this.#events ??= this.#openEvents();
    this.#pump(events).catch((error) => {
      // The subscriber is gone, or has stopped the stream.
      this.#dropWith(events);
      if (!isPeerFault(error)) {
        this.#options.onWarning("Node: events could not be sent", error);
      }
    }).finally(() => {
      this.#isPumping = false;
      if (this.#queue.size > 0) this.#startPump();
    });
  }

  async #pump(events: Promise<MessageChannel>): Promise<void> {
    const channel = await events;
    const queue = this.#queue;
    while (queue.size > 0) {
      let left = queue.size + queue.sizeBytes / BYTES_PER_EVENT;
      const turn = SENDING_TURNS.take(left);
      if (turn !== undefined) await turn;
      if (this.#events !== events) return;
      while (left > 0) {
        const queued = queue.shift();
        if (queued === undefined) break;
        left -= 1 + queued.shared.sizeBytes / BYTES_PER_EVENT;
        try {
          const sending = channel.push(messageOf(queued));
          if (sending !== undefined) await sending;
        } finally {
          queue.release(queued);
        }
      }
    }
  }

  #openEvents(): Promise<MessageChannel> {
    const { connection } = this.#options;
    const events = connection.openStream().then((stream) => {
      // At once, not with the next event: the subscriber may subscribe again.
      stream.onStopped = () => this.#dropWith(events);
      return new MessageChannel(stream, { maxPayloadBytes: 0 });
    });
    return events;
  }

  /** Drops what went with a stream, not what was subscribed since it ended. */
  #dropWith(events: Promise<MessageChannel>): void {
    if (this.#events === events) this.#dropSubscriptions();
  }

  #dropSubscriptions(): void {
    this.#options.hub.remove(this.#queue);
    this.#queue.clear();
    this.#events?.then((channel) => channel.cancel(StatusCode.CANCELLED))
      .catch(() => {});
    this.#events = undefined;
  }

  #handleClosed(): void {
    this.#isClosed = true;
    this.#dropSubscriptions();
  }
}

/** Whether the peer or the network is the reason, and nobody is to be warned. */
function isPeerFault(error: unknown): boolean {
  return error instanceof TransportError || error instanceof ProtocolError ||
    error instanceof CallError;
}

function isCode(error: unknown, code: CallErrorCode): error is CallError {
  return error instanceof CallError && error.code === code;
}

/** An event as its subscriber gets it. */
function messageOf(queued: QueuedEvent<HubEvent>): OutgoingMessage {
  const { event, flags, messageId, traceId } = queued.shared.event;
  return {
    type: MessageType.EVENT,
    flags: flags & MessageFlags.ENCRYPTED,
    messageId,
    traceId,
    payload: encodeEvent({ ...event, sequence: queued.sequence }),
  };
}

/** Copies a small view, which would keep a large buffer alive while it waits. */
function compact(bytes: Uint8Array): Uint8Array {
  return bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes;
}
