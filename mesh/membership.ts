/**
 * What an agent does at its node: registering, discovering, and events.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import {
  type Content,
  ContentType,
  decodeEvent,
  type Message,
  MessageType,
  type MxpUrl,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import {
  type AgentEntry,
  DEFAULT_HEARTBEAT_INTERVAL_MS,
  MISSED_HEARTBEATS_TO_RETIRE,
  type RegistryQuery,
} from "../registry/mod.ts";
import {
  formatAddress,
  type TransportConnection,
  type TransportStream,
} from "../transport/mod.ts";
import type { AgentOptions } from "./agent_options.ts";
import {
  LEAVE_TIMEOUT_MS,
  NODE_CONNECT_TIMEOUT_MS,
  NODE_REQUEST_TIMEOUT_MS,
} from "./config.ts";
import {
  packContent,
  readPayload,
  type Sendable,
  unpackContent,
} from "./content.ts";
import { isCostly, turnToDecode, turnToRead } from "./decoding_turns.ts";
import type { Dialer } from "./dialer.ts";
import { CallError } from "./error.ts";
import { checkPattern } from "./event_hub.ts";
import {
  EventSubscription,
  isTopicMatch,
  type SubscribeOptions,
} from "./event_subscription.ts";
import { ignoreDatagram } from "./ignore_datagram.ts";
import { MessageChannel } from "./message_channel.ts";
import { estimateParsedBytes } from "./json_size.ts";
import { currentCall } from "./call_context.ts";
import type { MessageIds } from "./message_ids.ts";
import {
  answerTimeoutMs,
  NodeLink,
  type NodeLinkRequestOptions,
} from "./node_link.ts";
import { checkCount, checkKind, requireKind } from "./option_checks.ts";
import { stopOneWay } from "./one_way_stream.ts";
import {
  discoverAgents,
  type EncodedEvent,
  encodeOutgoingEvent,
  type NodeRequestOptions,
  publishEvent,
  publishEvents,
  registerAgent,
  sendHeartbeat,
  subscribeTopic,
  unsubscribeTopic,
} from "./registry_client.ts";

/** JSON below this size is counted as it came, in bytes: little in any case. */
const MIN_COUNTED_BYTES = 256;

/** What may be otherwise when the agent comes back once more. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  "CONNECTION_LOST",
  "DEADLINE_EXCEEDED",
  "INTERNAL",
  "UNAVAILABLE",
]);

/** What an agent says about itself in a heartbeat. */
export interface Presence {
  /** Whether it takes no new calls. */
  readonly isDraining: boolean;
  /** How busy it is, from 0 to 1. */
  readonly load: number;
}

/** What a {@linkcode Membership} is made from. */
export interface MembershipOptions {
  /** The node. */
  readonly url: MxpUrl;
  /** What the user said about the agent. */
  readonly options: AgentOptions;
  /** Id of the agent, 16 bytes. */
  readonly agentId: Uint8Array;
  /** Opens sealed events. */
  readonly keyPair: KeyPair;
  /** The clock. */
  readonly clock: Clock;
  /** Connects. */
  readonly dialer: Dialer;
  /** Ids of messages. */
  readonly ids: MessageIds;
  /** Where the agent is bound. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** Called with one line for a person. */
  readonly onWarning: (message: string) => void;
  /** How the agent is. */
  readonly presence: () => Presence;
}

/** An agent's place at its node. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #link: NodeLink;
  /** Whether it is to be registered: until it leaves. */
  #isRegistered: boolean;
  /** Whether a node may have heard of it. */
  readonly #wasRegistered: boolean;
  /** At most what the node has granted. */
  #heartbeatIntervalMs = DEFAULT_HEARTBEAT_INTERVAL_MS;
  readonly #subscriptions = new Set<EventSubscription>();
  /** Patterns that the node is being told to end; resolves when it knows, or cannot. */
  readonly #ending = new Map<string, Promise<unknown>>();
  /** Over which the node was asked for subscriptions last; perhaps not in use yet. */
  #subscribedOver: TransportConnection | undefined;
  /** The node's key, once it is known: it has to stay the same. */
  #nodeKey: Uint8Array | undefined;
  readonly #connectTimeoutMs: number;
  #sequence = 0;

  /** @param options The agent and the node. */
  constructor(options: MembershipOptions) {
    this.#options = options;
    const { name = "", register, connectTimeoutMs } = options.options;
    this.#nodeKey = options.url.publicKey;
    this.#connectTimeoutMs = connectTimeoutMs ?? NODE_CONNECT_TIMEOUT_MS;
    this.#wasRegistered = this.#isRegistered = register ?? name !== "";
    this.#link = new NodeLink({
      address: formatAddress(options.url),
      dial: (signal) => this.#dial(signal),
      enlist: (connection, signal) => this.#enlist(connection, signal),
      withdraw: (connection) => this.#withdraw(connection),
      connectTimeoutMs: this.#connectTimeoutMs,
      heartbeat: this.#isRegistered
        ? (connection, signal) => this.#heartbeat(connection, signal)
        : undefined,
      heartbeatIntervalMs: () => this.#heartbeatIntervalMs,
      clock: options.clock,
      onWarning: options.onWarning,
    });
  }

  /** Whether the node is connected just now. */
  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  /**
   * Connects for the first time.
   *
   * @param signal Gives up.
   */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#link.start(signal ?? new AbortController().signal);
  }

  /** As `Agent.discover`. */
  discover(query: RegistryQuery): Promise<AgentEntry[]> {
    return this.#link.request(
      (connection, signal) =>
        discoverAgents(connection, query, this.#request(signal)),
      {
        isRepeatable: true,
      },
    );
  }

  /** As `Agent.publish`. */
  async publish(topic: string, value: Sendable): Promise<void> {
    // Now: while it waits, the caller may use its bytes for something else.
    const event = eventOf(topic, value);
    await this.#link.request(
      (connection, signal, onProgress) =>
        publishEvent(connection, event, {
          ...this.#request(signal),
          timeoutMs: answerTimeoutMs(connection),
          onProgress,
        }),
      { hasOwnLimit: true },
    );
  }

  /** As `Agent.publishAll`. */
  async publishAll(topic: string, values: Iterable<Sendable>): Promise<void> {
    checkEvents(values);
    const { ids } = this.#options;
    await this.#link.request(
      (connection, signal, onProgress) =>
        publishEvents(connection, eventsOf(topic, values), {
          ...this.#request(signal),
          onProgress,
          nextMessageId: () => ids.nextMessageId(),
        }),
      { hasOwnLimit: true },
    );
  }

  /** As `Agent.subscribe`. */
  async subscribe(
    pattern: string,
    options: SubscribeOptions,
  ): Promise<EventSubscription> {
    requireKind("Agent: options of a subscription", options, "object");
    checkCount("Agent: maxQueued", options.maxQueued);
    checkKind("Agent: onEvent", options.onEvent, "function");
    checkPattern(pattern);
    const subscription: EventSubscription = new EventSubscription({
      ...options,
      pattern,
      onWarning: this.#options.onWarning,
      onClosed: () => this.#unsubscribe(subscription),
    });
    // Before the node knows of it: an event may come before the answer does.
    this.#subscriptions.add(subscription);
    try {
      await this.#link.request(
        async (connection, signal) => {
          // Each request has a stream of its own: one that overtakes the end of the
          // last subscription would be ended with it.
          await this.#ending.get(pattern);
          await subscribeTopic(connection, pattern, this.#request(signal));
        },
        {
          isRepeatable: true,
        },
      );
    } catch (error) {
      // The node may have heard of it all the same, while the agent came back.
      void this.#unsubscribe(subscription);
      throw error;
    }
    return subscription;
  }

  /** As `Agent.ping` to the node. */
  ping(options: NodeLinkRequestOptions): Promise<number> {
    return this.#link.request((connection) => connection.ping(), {
      ...options,
      isUrgent: true,
    });
  }

  /** Sends a heartbeat now: the agent's status has changed. */
  async announce(): Promise<void> {
    if (!this.#isRegistered) return;
    try {
      await this.#link.request(
        (connection, signal) => this.#heartbeat(connection, signal),
        { isUrgent: true },
      );
    } catch (error) {
      this.#warn("Agent: its node was not told how it is", error);
    }
  }

  /** Leaves the registry; a node that cannot be told finds out by itself. */
  async leave(): Promise<void> {
    if (!this.#isRegistered) return;
    // Its node does not know it from here on: no heartbeat is to say that it is there.
    this.#isRegistered = false;
    if (!this.isConnected) return;
    try {
      await this.#link.request(
        (connection, signal) => this.#sayLeaving(connection, signal),
        { timeoutMs: LEAVE_TIMEOUT_MS, isUrgent: true },
      );
    } catch {
      // The lease ends without it.
    }
  }

  /** Ends the link and every subscription. */
  async close(): Promise<void> {
    await this.#link.close("the agent is closed");
    await Promise.all([...this.#subscriptions].map((each) => each.close()));
  }

  async #dial(signal: AbortSignal): Promise<TransportConnection> {
    const { dialer, url } = this.#options;
    const connection = await dialer.dial({
      hostname: url.hostname,
      port: url.port,
      publicKey: this.#nodeKey,
      timeoutMs: this.#connectTimeoutMs,
      signal,
    });
    this.#nodeKey ??= connection.peerPublicKey;
    connection.onStream = (stream) => {
      if (!stopOneWay(stream)) this.#readEvents(stream, connection);
    };
    connection.onDatagram = ignoreDatagram;
    return connection;
  }

  async #enlist(
    connection: TransportConnection,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#isRegistered) await this.#register(connection, signal);
    this.#subscribedOver = connection;
    const patterns = new Set<string>();
    for (const { pattern } of this.#subscriptions) patterns.add(pattern);
    for (const pattern of patterns) {
      if (!this.#isSubscribed(pattern)) continue;
      try {
        await subscribeTopic(connection, pattern, this.#request(signal));
      } catch (error) {
        // One that the node refuses keeps nothing else from coming back.
        if (signal.aborted || !isRefusal(error)) throw error;
        this.#warn(`Subscription ${pattern}: refused, no events come`, error);
      }
    }
  }

  /** Has the node forget a registration that it may have heard. */
  async #withdraw(connection: TransportConnection): Promise<void> {
    if (!this.#wasRegistered) return;
    try {
      await this.#sayLeaving(connection);
    } catch {
      // The lease ends without it.
    }
  }

  async #sayLeaving(
    connection: TransportConnection,
    signal?: AbortSignal,
  ): Promise<void> {
    await sendHeartbeat(connection, {
      agentId: this.#options.agentId,
      status: "leaving",
      load: 0,
      sequence: this.#sequence++,
    }, { ...this.#request(signal), timeoutMs: LEAVE_TIMEOUT_MS });
  }

  async #register(
    connection: TransportConnection,
    signal: AbortSignal,
  ): Promise<void> {
    const { options, agentId, hostname, port } = this.#options;
    const { name = "", capabilities = [], tags, metadata, advertise } = options;
    const { heartbeatIntervalMs: wishMs } = options;
    this.#sequence = 0;
    const granted = await registerAgent(connection, {
      agentId,
      name,
      capabilities,
      ...(tags === undefined ? {} : { tags }),
      ...(metadata === undefined ? {} : { metadata }),
      port,
      hostname,
      ...(advertise === undefined ? {} : { advertisedAddress: advertise }),
      // Who has no wish gets what is usual at the node.
      ...(wishMs === undefined
        ? {}
        : { leaseMs: Math.ceil(MISSED_HEARTBEATS_TO_RETIRE * wishMs) }),
    }, this.#request(signal));
    this.#heartbeatIntervalMs = Math.min(
      wishMs ?? Infinity,
      granted.heartbeatIntervalMs,
    );
    // It has left while the node registered it again.
    if (!this.#isRegistered) return await this.#sayLeaving(connection, signal);
    // A node that was restarted does not know that the agent is draining.
    if (this.#options.presence().isDraining) {
      await this.#heartbeat(connection, signal);
    }
  }

  async #heartbeat(
    connection: TransportConnection,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#isRegistered) return;
    const { agentId, presence } = this.#options;
    const { isDraining, load } = presence();
    try {
      await sendHeartbeat(connection, {
        agentId,
        status: isDraining ? "draining" : "available",
        load,
        sequence: this.#sequence++,
      }, this.#request(signal));
    } catch (error) {
      // It has left meanwhile.
      if (!this.#isRegistered) return;
      const isForgotten = error instanceof CallError &&
        error.code === "NOT_FOUND" && !isDraining;
      if (!isForgotten) throw error;
      await this.#register(connection, signal);
    }
  }

  async #unsubscribe(subscription: EventSubscription): Promise<void> {
    const { pattern } = subscription;
    this.#subscriptions.delete(subscription);
    if (this.#isSubscribed(pattern)) return;
    if (this.#subscribedOver?.isOpen !== true) return;
    const ending = Promise.all([
      this.#ending.get(pattern),
      this.#endAtNode(pattern),
    ]);
    this.#ending.set(pattern, ending);
    await ending;
    if (this.#ending.get(pattern) === ending) this.#ending.delete(pattern);
  }

  /** Never rejects. */
  async #endAtNode(pattern: string): Promise<void> {
    try {
      await this.#link.request(
        async (connection, signal) => {
          if (this.#isSubscribed(pattern)) return;
          await unsubscribeTopic(connection, pattern, this.#request(signal));
        },
        // It may have to wait until the agent is back.
        { timeoutMs: this.#connectTimeoutMs + NODE_REQUEST_TIMEOUT_MS },
      );
    } catch {
      // Lost with its connection: then the subscription is as well.
    }
  }

  #isSubscribed(pattern: string): boolean {
    for (const subscription of this.#subscriptions) {
      if (subscription.pattern === pattern) return true;
    }
    return false;
  }

  /** The node opens one stream, and events are all that comes on it. */
  async #readEvents(
    stream: TransportStream,
    connection: TransportConnection,
  ): Promise<void> {
    const channel = new MessageChannel(stream);
    channel.finish();
    let hasWarned = false;
    const onUnreadable = (error: unknown): void => {
      // Any publisher can send what cannot be read: not a line for each.
      if (!hasWarned) {
        this.#warn("Events: one that cannot be read is left out", error);
      }
      hasWarned = true;
    };
    try {
      while (await this.#readEvent(channel, onUnreadable));
    } catch (error) {
      channel.cancel(0);
      if (!connection.isOpen) return;
      // The node drops the subscriptions of a stream that was given up.
      this.#warn("Events: they cannot be received", error);
      connection.close(0, "events cannot be received");
    }
  }

  /**
   * Of its own, so that an idle stream does not keep its last event.
   *
   * @returns Whether there was a message: not at the end of the stream.
   */
  async #readEvent(
    channel: MessageChannel,
    onUnreadable: (error: unknown) => void,
  ): Promise<boolean> {
    const message = await channel.receive();
    if (message === undefined) return false;
    if (message.type !== MessageType.EVENT) return true;
    try {
      if (isCostly(message)) await this.#deliverInTurns(message);
      else this.#deliver(message, message.payload);
    } catch (error) {
      onUnreadable(error);
    }
    return true;
  }

  #warn(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#options.onWarning(`${what}: ${text}`);
  }

  async #deliverInTurns(message: Message): Promise<void> {
    await turnToRead(message);
    const payload = readPayload(message);
    await turnToDecode(message.flags, decodeEvent(payload));
    this.#deliver(message, payload);
  }

  #deliver(message: Message, payload: Uint8Array): void {
    const { topic, sequence, contentType, body } = decodeEvent(payload);
    const content = unpackContent(
      message.flags,
      { contentType, body },
      this.#options.keyPair,
    );
    const event = {
      topic,
      value: content.value,
      sequence,
      traceId: message.traceId,
      sealedBy: content.sealedBy,
    };
    const sizeBytes = sizeOf(content);
    for (const subscription of this.#subscriptions) {
      if (isTopicMatch(subscription.pattern, topic)) {
        subscription.deliver(event, sizeBytes);
      }
    }
  }

  #request(signal?: AbortSignal): NodeRequestOptions {
    const { ids, clock } = this.#options;
    return {
      messageId: ids.nextMessageId(),
      traceId: currentCall()?.traceId ?? ids.createTraceId(),
      signal,
      clock,
    };
  }
}

function eventOf(topic: string, value: Sendable): EncodedEvent {
  const { flags, ...content } = packContent(value);
  return encodeOutgoingEvent({ topic, content, flags });
}

function* eventsOf(
  topic: string,
  values: Iterable<Sendable>,
): Generator<EncodedEvent> {
  for (const value of values) yield eventOf(topic, value);
}

/** Programs without types give one value as well: its letters would be published. */
function checkEvents(values: Iterable<Sendable>): void {
  if (
    typeof values === "object" && values !== null &&
    !ArrayBuffer.isView(values) &&
    typeof values[Symbol.iterator] === "function"
  ) return;
  throw new CallError(
    "INVALID_ARGUMENT",
    "Events: must be an Iterable of values, and not text, bytes or an AsyncIterable",
  );
}

/** About what a value takes until it is read: JSON is decoded already. */
function sizeOf({ contentType, body }: Content): number {
  return contentType === ContentType.JSON && body.length >= MIN_COUNTED_BYTES
    ? estimateParsedBytes(body)
    : body.length;
}

/** Whether the node has answered, and would most likely answer the same again. */
function isRefusal(error: unknown): boolean {
  return error instanceof CallError && !PASSING_CODES.has(error.code);
}
