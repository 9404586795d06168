/**
 * The agent's side of what a node answers: register, heartbeat, discover,
 * subscribe, publish.
 *
 * Each function is one stream on a connection to the node. Nothing is kept
 * between two of them, and nothing is tried again.
 *
 * Spec: docs/spec/registry.md.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import {
  type Content,
  createNilAgentId,
  decodeAck,
  decodeAgentList,
  decodeError,
  decodeResponse,
  decodeValue,
  encodeAgentDiscover,
  encodeAgentHeartbeat,
  encodeAgentRegister,
  encodeCall,
  encodeCallData,
  encodeEvent,
  encodeValue,
  type Extension,
  type Message,
  MessageFlags,
  MessageType,
  type Value,
} from "../protocol/mod.ts";
import type {
  AgentEntry,
  AgentStatus,
  RegistryQuery,
} from "../registry/mod.ts";
import { SYSTEM_CLOCK } from "../transport/mod.ts";
import { AbortRace, followSignal } from "./abort.ts";
import { CallError } from "./error.ts";
import { toCallFailure } from "./failure.ts";
import { IPV4_LENGTH, parseIpv4, parseIpv6 } from "./ip_address.ts";
import { type ByteStream, MessageChannel } from "./message_channel.ts";
import { MAX_NODE_PAYLOAD_BYTES, REQUEST_TIMEOUT_MS } from "./node_config.ts";
import {
  checkRegistration,
  discoverOf,
  entryOf,
  type Registration,
  statusToNumber,
} from "./registry_wire.ts";
import { StatusCode } from "./status_code.ts";

/** The part of a transport connection that requests need. */
export interface RequestConnection {
  /** Opens a bidirectional stream. */
  openStream(
    options?: {
      readonly priority?: "control" | "interactive";
      readonly signal?: AbortSignal;
    },
  ): Promise<ByteStream>;
}

/** What goes with every request to a node. */
export interface NodeRequestOptions {
  /** Id of the message, a u64. */
  readonly messageId: bigint;
  /** Trace that the request belongs to, a u64. */
  readonly traceId: bigint;
  /**
   * Time for the answer, in milliseconds. It starts anew while the node takes
   * more of the request: a large one over a slow path takes as long as it needs.
   *
   * @default {10,000}
   */
  readonly timeoutMs?: number;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the time for the answer starts anew. Must not throw. */
  readonly onProgress?: (() => void) | undefined;
  /** The clock; the system's when absent. */
  readonly clock?: Clock;
}

/** What an agent says about itself. */
export interface AgentRegistration {
  /** 16 bytes, not all 0. */
  readonly agentId: Uint8Array;
  /** What a person calls it. */
  readonly name: string;
  /** What it can do. */
  readonly capabilities: readonly string[];
  /** @default {[]} */
  readonly tags?: readonly string[];
  /** @default {no pairs} */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * The UDP port that it listens on; 0 for the source port of the connection,
   * as the node sees it.
   */
  readonly port: number;
  /** The IP address that it listens on; the one that the node sees when absent or unspecified. */
  readonly hostname?: string;
  /** Where others reach it, `host:port`; wins over `hostname` and `port`. */
  readonly advertisedAddress?: string;
  /** The lease that it wishes for, in milliseconds; the node's default when absent. */
  readonly leaseMs?: number;
}

/**
 * Registers an agent, or replaces what it registered before.
 *
 * @param connection To the node.
 * @param registration What the agent says about itself.
 * @param options Ids and limits of the request.
 * @returns The lease and where the node will send other agents.
 * @throws {CallError} `PERMISSION_DENIED` when the id belongs to another key,
 * `RESOURCE_EXHAUSTED`, `INVALID_ARGUMENT`, `CONNECTION_LOST`,
 * `DEADLINE_EXCEEDED`.
 */
export async function registerAgent(
  connection: RequestConnection,
  registration: AgentRegistration,
  options: NodeRequestOptions,
): Promise<Registration> {
  const { hostname = "", port, leaseMs, advertisedAddress } = registration;
  const ipv6 = parseIpv6(hostname);
  const payload = encodeAgentRegister({
    agentId: registration.agentId,
    name: registration.name,
    capabilities: registration.capabilities,
    endpoint: {
      address: parseIpv4(hostname) ?? new Uint8Array(IPV4_LENGTH),
      port,
    },
    ...(ipv6 === undefined ? {} : { ipv6Endpoint: { address: ipv6, port } }),
    tags: registration.tags ?? [],
    metadata: registration.metadata ?? {},
    ...(leaseMs === undefined ? {} : { ttlMs: leaseMs }),
    ...(advertisedAddress === undefined ? {} : { advertisedAddress }),
  });
  const type = MessageType.AGENT_REGISTER;
  const { contentType, body } = await request(
    connection,
    type,
    payload,
    options,
  );
  return checkRegistration(decodeValue(contentType, body));
}

/** What a heartbeat says. */
export interface AgentHeartbeat {
  /** 16 bytes. */
  readonly agentId: Uint8Array;
  /** Whether it takes new calls; `leaving` retires it at once. */
  readonly status: AgentStatus;
  /** How busy it is, from 0 to 1. */
  readonly load: number;
  /** Counts the heartbeats since the registration; taken modulo 2^32. */
  readonly sequence: number;
}

/**
 * Sends a heartbeat.
 *
 * @param connection To the node.
 * @param heartbeat What it says.
 * @param options Ids and limits of the request.
 * @throws {CallError} `NOT_FOUND` when the node does not know the agent:
 * register again; `PERMISSION_DENIED` when the id belongs to another key, or was
 * registered over another connection since; `CONNECTION_LOST`,
 * `DEADLINE_EXCEEDED`.
 */
export async function sendHeartbeat(
  connection: RequestConnection,
  heartbeat: AgentHeartbeat,
  options: NodeRequestOptions,
): Promise<void> {
  const payload = encodeAgentHeartbeat({
    agentId: heartbeat.agentId,
    status: statusToNumber(heartbeat.status),
    load: Math.min(1, Math.max(0, heartbeat.load)),
    sequence: heartbeat.sequence >>> 0,
  });
  await request(connection, MessageType.AGENT_HEARTBEAT, payload, options);
}

/**
 * Looks for agents.
 *
 * @param connection To the node.
 * @param query What to look for.
 * @param options Ids and limits of the request.
 * @returns The least loaded first. Records that this version cannot use are
 * left out.
 * @throws {CallError} `INVALID_ARGUMENT`, `CONNECTION_LOST`,
 * `DEADLINE_EXCEEDED`.
 */
export async function discoverAgents(
  connection: RequestConnection,
  query: RegistryQuery,
  options: NodeRequestOptions,
): Promise<AgentEntry[]> {
  const payload = encodeAgentDiscover(discoverOf(query));
  const type = MessageType.AGENT_DISCOVER;
  const { body } = await request(connection, type, payload, options);
  return inAnswer(() => decodeAgentList(body)).map(entryOf)
    .filter((entry) => entry !== undefined);
}

/**
 * Calls a method of the node itself.
 *
 * @param connection To the node.
 * @param call The method, such as `mxp.ping`, and its value.
 * @param options Ids and limits of the request.
 * @returns The value of the answer.
 * @throws {CallError} What the node answers, `CONNECTION_LOST`,
 * `DEADLINE_EXCEEDED`.
 */
export async function callNode(
  connection: RequestConnection,
  call: { readonly method: string; readonly value?: unknown },
  options: NodeRequestOptions,
): Promise<Value> {
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const payload = encodeCall({
    target: createNilAgentId(),
    timeoutSeconds: Math.ceil(timeoutMs / 1000),
    data: encodeCallData({
      ...encodeValue(call.value),
      method: call.method,
      extensions: [],
    }),
  });
  const { contentType, body } = await request(
    connection,
    MessageType.CALL,
    payload,
    options,
  );
  return inAnswer(() => decodeValue(contentType, body));
}

/**
 * Subscribes the connection to events. They arrive on a stream that the node
 * opens, whose first message is an Event.
 *
 * @param connection To the node.
 * @param pattern A topic, or a prefix and `*`.
 * @param options Ids and limits of the request.
 * @throws {CallError} `INVALID_ARGUMENT`, `RESOURCE_EXHAUSTED`,
 * `CONNECTION_LOST`, `DEADLINE_EXCEEDED`.
 */
export async function subscribeTopic(
  connection: RequestConnection,
  pattern: string,
  options: NodeRequestOptions,
): Promise<void> {
  const call = { method: "mxp.subscribe", value: pattern };
  await callNode(connection, call, options);
}

/**
 * Ends a subscription of the connection; one that does not exist is fine.
 *
 * @param connection To the node.
 * @param pattern As it was subscribed.
 * @param options Ids and limits of the request.
 * @throws {CallError} `CONNECTION_LOST`, `DEADLINE_EXCEEDED`.
 */
export async function unsubscribeTopic(
  connection: RequestConnection,
  pattern: string,
  options: NodeRequestOptions,
): Promise<void> {
  const call = { method: "mxp.unsubscribe", value: pattern };
  await callNode(connection, call, options);
}

/** An event to publish. */
export interface OutgoingEvent {
  /** Its topic: 1 to 255 bytes without `*` and control characters. */
  readonly topic: string;
  /** Its content. */
  readonly content: Content;
  /**
   * `ENCRYPTED` when the content is sealed; no other flag.
   *
   * @default {0}
   */
  readonly flags?: number;
  /** @default {[]} */
  readonly extensions?: readonly Extension[];
}

/** An event that shares no bytes with what it was made from. */
export interface EncodedEvent {
  /** Payload of its message. */
  readonly payload: Uint8Array;
  /** As of {@linkcode OutgoingEvent}. */
  readonly flags: number;
}

/**
 * Makes an event ready to be sent.
 *
 * @param event The event; copied.
 * @returns What {@linkcode publishEvent} takes.
 * @throws {CallError} `INVALID_ARGUMENT` when it is larger than a node takes.
 */
export function encodeOutgoingEvent(event: OutgoingEvent): EncodedEvent {
  const { topic, content, flags = 0, extensions = [] } = event;
  const payload = encodeEvent({ ...content, topic, sequence: 0, extensions });
  // The node gives up the stream of a larger one, and nobody hears why.
  if (payload.length > MAX_NODE_PAYLOAD_BYTES) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `Event: ${payload.length} bytes with its topic, at most ${MAX_NODE_PAYLOAD_BYTES}`,
    );
  }
  return { payload, flags };
}

/**
 * Publishes an event and waits until the node has it in its subscribers'
 * queues.
 *
 * @param connection To the node.
 * @param event The event.
 * @param options Ids and limits of the request.
 * @throws {CallError} `INVALID_ARGUMENT`, `PERMISSION_DENIED`,
 * `CONNECTION_LOST`, `DEADLINE_EXCEEDED`.
 */
export async function publishEvent(
  connection: RequestConnection,
  event: EncodedEvent,
  options: NodeRequestOptions,
): Promise<void> {
  const answer = await exchange(
    connection,
    messageOf(event, MessageFlags.REQUIRES_ACK),
    options,
  );
  checkAck(answer);
}

/**
 * Events of a batch for one acknowledgement, which is progress: a node takes as long
 * for a short event as sending it to all of its subscribers.
 */
const EVENTS_PER_ACK = 256;

/** What goes with a batch of events. */
export interface PublishOptions extends NodeRequestOptions {
  /** Makes the ids of the events after the first. */
  readonly nextMessageId: () => bigint;
}

/**
 * Publishes events on one stream, with an acknowledgement for many of them, and
 * waits until the node has them in its subscribers' queues.
 *
 * @param connection To the node.
 * @param events The events, asked for as there is room to send them. When
 * making one throws, that is thrown after those before it are published.
 * @param options Ids and limits; the time is that without any progress.
 * @throws {CallError} As {@linkcode publishEvent}, of the first event that was
 * refused: those before it are published, those after it may be.
 */
export async function publishEvents(
  connection: RequestConnection,
  events: Iterable<EncodedEvent>,
  options: PublishOptions,
): Promise<void> {
  const iterator = events[Symbol.iterator]();
  let next = iterator.next();
  if (next.done === true) return;
  let failure: { readonly error: unknown } | undefined;
  await onStream(connection, options, async (channel, race, extend) => {
    const { traceId, nextMessageId } = options;
    let { messageId } = options;
    let sentCount = 0;
    let missingAcks = 0;
    // A refusal comes while others are sent, and the node waits for its reader.
    const acks = (async () => {
      do {
        checkAck(await nextAnswer(channel, race));
        race.throwIfAborted();
        extend();
        missingAcks--;
      } while (next.done !== true || missingAcks > 0);
      channel.finishReceiving();
    })();
    acks.catch((error) => race.abort(error));
    try {
      while (next.done !== true) {
        const event = next.value;
        try {
          next = iterator.next();
        } catch (error) {
          failure = { error };
          next = { done: true, value: undefined };
        }
        const isAcked = next.done === true ||
          ++sentCount % EVENTS_PER_ACK === 0;
        if (isAcked) missingAcks++;
        const message = messageOf(
          event,
          isAcked ? MessageFlags.REQUIRES_ACK : 0,
        );
        const sending = channel.push({ ...message, messageId, traceId });
        messageId = nextMessageId();
        if (sending === undefined) continue;
        extend();
        await race.race(sending);
      }
    } finally {
      if (next.done !== true) endEarly(iterator);
    }
    channel.finish();
    extend();
    await acks;
  });
  if (failure !== undefined) throw failure.error;
}

/** Wants no more of the events. It never throws: what stopped them is told. */
function endEarly(events: Iterator<EncodedEvent>): void {
  try {
    events.return?.();
  } catch {
    // As of a loop that throws: the first failure is the one that counts.
  }
}

function messageOf(
  event: EncodedEvent,
  flags: number,
): Pick<Message, "type" | "flags" | "payload"> {
  return {
    type: MessageType.EVENT,
    flags: event.flags | flags,
    payload: event.payload,
  };
}

function checkAck(answer: Message): void {
  if (answer.type !== MessageType.ACK) throw unexpected(answer);
  const { status } = inAnswer(() => decodeAck(answer.payload));
  if (status !== StatusCode.OK) {
    throw CallError.fromStatus(status, "Event: refused by the node");
  }
}

/** Sends a request whose answer is a Response. */
async function request(
  connection: RequestConnection,
  type: number,
  payload: Uint8Array,
  options: NodeRequestOptions,
): Promise<Content> {
  const answer = await exchange(
    connection,
    { type, flags: 0, payload },
    options,
  );
  if (answer.type !== MessageType.RESPONSE) throw unexpected(answer);
  const response = inAnswer(() => decodeResponse(answer.payload));
  if (response.status !== StatusCode.OK) {
    throw CallError.fromStatus(response.status, "Node: it refused the request");
  }
  return response;
}

/** Sends one message on a new stream and returns the one that answers it. */
function exchange(
  connection: RequestConnection,
  message: Pick<Message, "type" | "flags" | "payload">,
  options: NodeRequestOptions,
): Promise<Message> {
  const { messageId, traceId } = options;
  return onStream(connection, options, (channel, race) => {
    // Not awaited before the answer: a node may refuse before it has read all.
    channel.send({ ...message, messageId, traceId }).catch(() => {});
    channel.finish();
    return receiveAnswer(channel, race);
  });
}

/**
 * What leaves at once: that the node has so much of a request is no progress yet
 * (RFC 9002 §7.2: ten datagrams).
 */
const FIRST_FLIGHT_BYTES = 12_000;

/** Does something on a new stream, within the limits of a request. */
async function onStream<Result>(
  connection: RequestConnection,
  options: NodeRequestOptions,
  work: (
    channel: MessageChannel,
    race: AbortRace,
    /** Starts the time limit anew: there was progress. */
    extend: () => void,
  ) => Promise<Result>,
): Promise<Result> {
  const { timeoutMs = REQUEST_TIMEOUT_MS } = options;
  const race = new AbortRace();
  const unfollow = followSignal(options.signal, (reason) => race.abort(reason));
  const clock = options.clock ?? SYSTEM_CLOCK;
  let channel: MessageChannel | undefined;
  let bytesDelivered = FIRST_FLIGHT_BYTES;
  const extend = (): void => {
    cancelTimer();
    cancelTimer = startTimer();
    options.onProgress?.();
  };
  const handleTimeout = (): void => {
    const before = bytesDelivered;
    bytesDelivered = channel?.bytesDelivered ?? 0;
    if (bytesDelivered > before) return extend();
    race.abort(
      new CallError(
        "DEADLINE_EXCEEDED",
        `Node: no answer within ${timeoutMs} ms`,
      ),
    );
  };
  const startTimer = (): () => void => clock.schedule(timeoutMs, handleTimeout);
  let cancelTimer = startTimer();
  try {
    const stream = await race.race(
      connection.openStream({ priority: "control", signal: race.signal }),
    );
    channel = new MessageChannel(stream);
    return await work(channel, race, extend);
  } catch (error) {
    race.abort(error);
    channel?.cancel(StatusCode.CANCELLED);
    throw toCallFailure(error);
  } finally {
    cancelTimer();
    unfollow();
  }
}

async function receiveAnswer(
  channel: MessageChannel,
  race: AbortRace,
): Promise<Message> {
  const answer = await nextAnswer(channel, race);
  channel.finishReceiving();
  return answer;
}

async function nextAnswer(
  channel: MessageChannel,
  race: AbortRace,
): Promise<Message> {
  const answer = await channel.receive(race);
  if (answer === undefined) {
    throw new CallError("INTERNAL", "Node: it ended the stream unanswered");
  }
  if (answer.type === MessageType.ERROR) throw refusal(answer);
  return answer;
}

function refusal(answer: Message): CallError {
  const { status, message, retryAfterMs } = inAnswer(() =>
    decodeError(answer.payload)
  );
  return CallError.fromStatus(
    status,
    message,
    retryAfterMs === 0 ? {} : { retryAfterMs },
  );
}

function unexpected(answer: Message): CallError {
  const type = answer.type.toString(16);
  return new CallError("INTERNAL", `Node: it answered with type 0x${type}`);
}

/** A node that answers nonsense is the node's fault, not the caller's. */
function inAnswer<Result>(decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    throw toCallFailure(error);
  }
}
