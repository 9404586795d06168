import assert from "node:assert/strict";
import {
  createStreamPair,
  type TestStream,
} from "../tests/support/byte_stream_pair.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import {
  ContentType,
  createNilAgentId,
  decodeAck,
  decodeAgentList,
  decodeError,
  decodeEvent,
  decodeResponse,
  DiscoverKind,
  encodeAgentDiscover,
  encodeCall,
  encodeCallData,
  encodeEvent,
  encodeMessage,
  encodeValue,
  type Extension,
  formatAgentId,
  MessageFlags,
  MessageType,
  parseAgentId,
} from "../protocol/mod.ts";
import {
  type AgentStatus,
  MemoryRegistry,
  type Registry,
  RegistryError,
} from "../registry/mod.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import { EventHub } from "./event_hub.ts";
import { QueueBudget } from "./event_queue.ts";
import {
  MemoryLimit,
  MessageChannel,
  type OutgoingMessage,
} from "./message_channel.ts";
import { ackOf } from "./node_answer.ts";
import {
  MAX_CONCURRENT_REQUESTS,
  MAX_NODE_PAYLOAD_BYTES,
  REGISTRATION_BURST,
  REQUEST_TIMEOUT_MS,
} from "./node_config.ts";
import { type HubEvent, NodeSession } from "./node_session.ts";
import {
  callNode,
  discoverAgents,
  encodeOutgoingEvent,
  type NodeRequestOptions,
  publishEvent,
  publishEvents,
  registerAgent,
  type RequestConnection,
  sendHeartbeat,
  subscribeTopic,
  unsubscribeTopic,
} from "./registry_client.ts";
import { StatusCode } from "./status_code.ts";

const AGENT_ID = parseAgentId("6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
const LEASE_MS = 15_000;

/** A node's session and the peer at the other end of it. */
class Rig implements RequestConnection {
  readonly clock = new TimerClock();
  readonly hub = new EventHub<HubEvent>();
  readonly queueBudget = new QueueBudget(64 * 1024 * 1024);
  readonly memory = new MemoryLimit(64 * 1024 * 1024);
  readonly warnings: string[] = [];
  readonly session: NodeSession;
  /** Streams that the session opened: the peer's ends. */
  readonly opened: TestStream[] = [];
  /** The session's ends of the streams that the peer opened. */
  readonly accepted: TestStream[] = [];
  readonly closed = Promise.withResolvers<void>();

  constructor(
    registry: Registry = new MemoryRegistry(),
    publicKey = 7,
    registrants = new Map<string, symbol>(),
  ) {
    this.session = new NodeSession({
      connection: {
        peerPublicKey: new Uint8Array(32).fill(publicKey),
        remoteAddress: { hostname: "192.0.2.1", port: 40_000 },
        closed: this.closed.promise,
        openStream: () => {
          const [ours, theirs] = createStreamPair();
          this.opened.push(theirs);
          return Promise.resolve(ours);
        },
      },
      services: {
        registry,
        clock: this.clock,
        wallClock: () => 0,
        leaseMs: LEASE_MS,
        registrants,
        status: () => ({
          agents: registry.size,
          connections: 1,
          subscriptions: this.hub.subscriptionCount,
          droppedEvents: this.session.droppedEventCount,
        }),
      },
      hub: this.hub,
      queueBudget: this.queueBudget,
      memory: this.memory,
      onWarning: (message) => this.warnings.push(message),
    });
  }

  open(): TestStream {
    const [ours, theirs] = createStreamPair();
    this.accepted.push(theirs);
    this.session.accept(theirs);
    return ours;
  }

  openStream(): Promise<TestStream> {
    return Promise.resolve(this.open());
  }

  get options(): NodeRequestOptions {
    return { messageId: 5n, traceId: 6n, clock: this.clock };
  }

  register(port = 9001): ReturnType<typeof registerAgent> {
    const registration = {
      agentId: AGENT_ID,
      name: "writer",
      capabilities: ["write"],
      port,
    };
    return registerAgent(this, registration, this.options);
  }

  heartbeat(
    status: "available" | "draining" | "leaving" = "available",
  ): Promise<void> {
    const heartbeat = { agentId: AGENT_ID, status, load: 0.5, sequence: 1 };
    return sendHeartbeat(this, heartbeat, this.options);
  }

  publish(topic: string, value: unknown = topic, flags = 0): Promise<void> {
    const event = { topic, content: encodeValue(value), flags };
    return publishEvent(this, encodeOutgoingEvent(event), this.options);
  }
}

async function assertRefused(
  code: CallErrorCode,
  promise: Promise<unknown>,
): Promise<CallError> {
  const error = await promise.then(() => undefined, (reason) => reason);
  assert.ok(error instanceof CallError, `refused with ${error}`);
  assert.equal(error.code, code);
  return error;
}

/** Lets everything run that does not wait for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

function messageOf(
  type: number,
  payload: Uint8Array,
  flags = 0,
): OutgoingMessage {
  return { type, flags, messageId: 5n, traceId: 6n, payload };
}

function callOf(
  method: string,
  value: unknown,
  extensions: readonly Extension[] = [],
): Uint8Array {
  const data = encodeCallData({ ...encodeValue(value), method, extensions });
  return encodeCall({ target: createNilAgentId(), timeoutSeconds: 1, data });
}

Deno.test("NodeSession registers an agent at the address that it sees", async () => {
  const registry = new MemoryRegistry();
  const rig = new Rig(registry);
  assert.deepEqual(await rig.register(), {
    leaseMs: LEASE_MS,
    heartbeatIntervalMs: LEASE_MS / 3,
    hostname: "192.0.2.1",
    port: 9001,
  });
  const query = { kind: "capability", term: "write" } as const;
  const [entry] = await discoverAgents(rig, query, rig.options);
  assert.equal(entry?.hostname, "192.0.2.1");
  assert.deepEqual(entry?.publicKey, new Uint8Array(32).fill(7));
});

Deno.test("NodeSession answers with the ids of the request", async () => {
  const rig = new Rig();
  const channel = new MessageChannel(rig.open());
  await channel.send(messageOf(MessageType.CALL, callOf("mxp.ping", "x")));
  channel.finish();
  const answer = await channel.receive();
  assert.equal(answer?.type, MessageType.RESPONSE);
  assert.equal(answer?.messageId, 5n);
  assert.equal(answer?.traceId, 6n);
  assert.equal(decodeResponse(answer!.payload).contentType, ContentType.TEXT);
  assert.equal(await channel.receive(), undefined);
});

Deno.test("NodeSession refuses an agent id that another key holds", async () => {
  const registry = new MemoryRegistry();
  const registrants = new Map<string, symbol>();
  const owner = new Rig(registry, 1, registrants);
  await owner.register();
  const thief = new Rig(registry, 2, registrants);
  for (const attempt of [thief.register(), thief.heartbeat("leaving")]) {
    const { message } = await assertRefused("PERMISSION_DENIED", attempt);
    assert.match(message, /registered by another key/);
  }
  assert.equal(registry.size, 1);
  // The clock of each session is its own: to this one the lease has ended.
  thief.clock.advance(LEASE_MS);
  await assertRefused("NOT_FOUND", thief.heartbeat());
});

Deno.test("NodeSession answers NOT_FOUND to the heartbeat of an agent that it retired", async () => {
  const rig = new Rig();
  await assertRefused("NOT_FOUND", rig.heartbeat());
  await rig.register();
  rig.clock.advance(LEASE_MS - 1);
  await rig.heartbeat();
  rig.clock.advance(LEASE_MS - 1);
  await rig.heartbeat("draining");
  rig.clock.advance(LEASE_MS);
  await assertRefused("NOT_FOUND", rig.heartbeat());
});

Deno.test("NodeSession takes heartbeats from the connection that registered the agent last", async () => {
  const registry = new MemoryRegistry();
  const registrants = new Map<string, symbol>();
  const before = new Rig(registry, 7, registrants);
  const after = new Rig(registry, 7, registrants);
  await before.register();
  await after.register();
  for (const status of ["draining", "leaving"] as const) {
    const attempt = before.heartbeat(status);
    const { message } = await assertRefused("PERMISSION_DENIED", attempt);
    assert.match(message, /another connection has registered it since/);
  }
  assert.equal(registry.size, 1);
  await after.heartbeat("leaving");
  assert.equal(registry.size, 0);
  assert.equal(registrants.size, 0);
  await assertRefused("NOT_FOUND", before.heartbeat());
});

Deno.test("NodeSession retires an agent that leaves, not one whose connection ends", async () => {
  const registry = new MemoryRegistry();
  const rig = new Rig(registry);
  await rig.register();
  rig.closed.resolve();
  await settle();
  assert.equal(registry.size, 1);
  await rig.heartbeat("leaving");
  assert.equal(registry.size, 0);
});

// docs/spec/registry.md#heartbeat
Deno.test("NodeSession retires an agent that leaves also when a later heartbeat came before", async () => {
  const registry = new MemoryRegistry();
  const rig = new Rig(registry);
  await rig.register();
  const beat = (sequence: number, status: AgentStatus): Promise<void> =>
    sendHeartbeat(
      rig,
      { agentId: AGENT_ID, status, load: 0, sequence },
      rig.options,
    );
  await beat(2, "draining");
  await beat(1, "available");
  const [entry] = await discoverAgents(rig, { kind: "all" }, rig.options);
  assert.equal(entry?.status, "draining");
  await beat(0, "leaving");
  assert.equal(registry.size, 0);
});

// docs/spec/registry.md#discover
Deno.test("NodeSession finds an id in either case, and refuses terms and limits that are none", async () => {
  const rig = new Rig();
  await rig.register();
  const ask = async (kind: DiscoverKind, limit: number, term: string) => {
    const channel = new MessageChannel(rig.open());
    await channel.send(messageOf(
      MessageType.AGENT_DISCOVER,
      encodeAgentDiscover({ kind, limit, term }),
    ));
    channel.finish();
    const answer = await channel.receive();
    return answer!.type === MessageType.ERROR
      ? decodeError(answer!.payload).status
      : decodeAgentList(decodeResponse(answer!.payload).body).length;
  };
  const id = formatAgentId(AGENT_ID);
  const { ALL, CAPABILITY, AGENT_ID: ID } = DiscoverKind;
  const { INVALID_ARGUMENT } = StatusCode;
  assert.equal(await ask(ID, 0, id.toUpperCase()), 1);
  assert.equal(await ask(CAPABILITY, 0, "Write"), 0);
  assert.equal(await ask(ALL, 1_000, "x".repeat(257)), 1);
  assert.equal(await ask(ALL, 1_001, ""), INVALID_ARGUMENT);
  assert.equal(await ask(CAPABILITY, 0, ""), INVALID_ARGUMENT);
  assert.equal(await ask(CAPABILITY, 0, "x".repeat(257)), INVALID_ARGUMENT);
});

Deno.test("NodeSession keeps the wish for a lease within bounds", async () => {
  const rig = new Rig();
  const lease = async (leaseMs: number): Promise<number> => {
    const registration = {
      agentId: AGENT_ID,
      name: "writer",
      capabilities: [],
      port: 1,
      leaseMs,
    };
    return (await registerAgent(rig, registration, rig.options)).leaseMs;
  };
  assert.equal(await lease(1), 3_000);
  assert.equal(await lease(60_000), 60_000);
  assert.equal(await lease(0xffffffff), 300_000);
});

Deno.test("NodeSession stops a flood of registrations and says when to come back", async () => {
  const rig = new Rig();
  for (let count = 0; count < REGISTRATION_BURST; count++) await rig.register();
  const error = await assertRefused("RESOURCE_EXHAUSTED", rig.register());
  assert.ok(error.retryAfterMs! > 0);
  rig.clock.advance(error.retryAfterMs!);
  await rig.register();
});

Deno.test("NodeSession answers its own methods and refuses others", async () => {
  const rig = new Rig();
  const call = (method: string, value?: unknown): Promise<unknown> =>
    callNode(rig, { method, value }, rig.options);
  assert.deepEqual(await call("mxp.ping", { a: [1] }), { a: [1] });
  assert.deepEqual(await call("mxp.status"), {
    agents: 0,
    connections: 1,
    subscriptions: 0,
    droppedEvents: 0,
  });
  await assertRefused("UNIMPLEMENTED", call("mxp.other"));
  await assertRefused("UNIMPLEMENTED", call("summarize"));
  await assertRefused("INVALID_ARGUMENT", call("mxp.subscribe", { a: 1 }));
  await assertRefused("INVALID_ARGUMENT", call("mxp.subscribe", "a*b"));
  await assertRefused("INVALID_ARGUMENT", call("mxp.ping", "x".repeat(65_536)));
});

Deno.test("NodeSession forwards no calls to agents", async () => {
  const channel = new MessageChannel(new Rig().open());
  const data = encodeCallData({
    ...encodeValue(1),
    method: "m",
    extensions: [],
  });
  const payload = encodeCall({ target: AGENT_ID, timeoutSeconds: 1, data });
  await channel.send(messageOf(MessageType.CALL, payload));
  const answer = await channel.receive();
  assert.equal(decodeError(answer!.payload).status, StatusCode.NOT_FOUND);
});

Deno.test("NodeSession answers a bad message with an Error and serves on", async () => {
  const rig = new Rig();
  const junk = new Uint8Array(3).fill(0xff);
  const deadline = { type: 1, value: new Uint8Array(4) };
  const pingWith = (...extensions: readonly Extension[]): OutgoingMessage =>
    messageOf(MessageType.CALL, callOf("mxp.ping", 1, extensions));
  const cases: [OutgoingMessage, number][] = [
    [messageOf(MessageType.AGENT_REGISTER, junk), StatusCode.INVALID_ARGUMENT],
    [messageOf(MessageType.AGENT_DISCOVER, junk), StatusCode.INVALID_ARGUMENT],
    [messageOf(MessageType.AGENT_HEARTBEAT, junk), StatusCode.INVALID_ARGUMENT],
    [messageOf(MessageType.CALL, junk), StatusCode.INVALID_ARGUMENT],
    [pingWith(deadline, deadline), StatusCode.INVALID_ARGUMENT],
    [pingWith({ type: 1, value: junk }), StatusCode.INVALID_ARGUMENT],
    [messageOf(MessageType.EVENT, junk), StatusCode.INVALID_ARGUMENT],
    [messageOf(MessageType.STREAM_OPEN, junk), StatusCode.UNIMPLEMENTED],
    [messageOf(MessageType.RESPONSE, junk), StatusCode.UNIMPLEMENTED],
    [messageOf(MessageType.ERROR, junk), StatusCode.UNIMPLEMENTED],
    [messageOf(0x80, junk), StatusCode.UNIMPLEMENTED],
    [
      messageOf(
        MessageType.CALL,
        callOf("mxp.ping", 1),
        MessageFlags.COMPRESSED,
      ),
      StatusCode.UNIMPLEMENTED,
    ],
    [
      messageOf(
        MessageType.CALL,
        callOf("mxp.ping", 1),
        MessageFlags.ENCRYPTED,
      ),
      StatusCode.UNIMPLEMENTED,
    ],
  ];
  for (const [message, status] of cases) {
    const channel = new MessageChannel(rig.open());
    await channel.send(message);
    channel.finish();
    const answer = await channel.receive();
    assert.equal(answer?.type, MessageType.ERROR);
    assert.equal(decodeError(answer!.payload).status, status);
    assert.equal(decodeError(answer!.payload).messageId, 5n);
  }
  await rig.register();
  assert.deepEqual(rig.warnings, []);
});

Deno.test("NodeSession resets a stream that holds no messages, or too large a one", async () => {
  const rig = new Rig();
  const large = new Uint8Array(MAX_NODE_PAYLOAD_BYTES + 1);
  const message = {
    type: 0x12,
    flags: 0,
    messageId: 1n,
    traceId: 1n,
    payload: large,
  };
  for (const bytes of [new Uint8Array(64), encodeMessage(message)]) {
    const stream = rig.open();
    await stream.write(bytes);
    await settle();
    const theirs = rig.accepted.at(-1)!;
    assert.equal(theirs.resetCode, StatusCode.INTERNAL);
    assert.equal(theirs.stopCode, StatusCode.INTERNAL);
  }
  assert.equal(rig.memory.usedBytes, 0);
  assert.deepEqual(rig.warnings, []);
});

Deno.test("NodeSession resets a stream that ends inside a message, the first one or one behind an event", async () => {
  const rig = new Rig();
  const { CALL, EVENT } = MessageType;
  const ids = { flags: 0, messageId: 5n, traceId: 6n };
  const call = encodeMessage({
    ...ids,
    type: CALL,
    payload: callOf("mxp.ping", 1),
  });
  const event = encodeMessage({
    ...ids,
    type: EVENT,
    payload: encodeEvent({ ...encodeValue(1), topic: "quiet", sequence: 0 }),
  });
  for (const before of [new Uint8Array(0), event]) {
    for (const length of [1, 32, call.length - 1]) {
      const stream = rig.open();
      await stream.write(before);
      await stream.write(call.subarray(0, length));
      stream.finish();
      await settle();
      const theirs = rig.accepted.at(-1)!;
      assert.equal(theirs.resetCode, StatusCode.INTERNAL, `${length} bytes`);
    }
  }
  assert.equal(rig.memory.usedBytes, 0);
  assert.deepEqual(rig.warnings, []);
});

Deno.test("NodeSession ends a stream without an answer that ends without a message", async () => {
  const rig = new Rig();
  const channel = new MessageChannel(rig.open());
  channel.finish();
  assert.equal(await channel.receive(), undefined);
  assert.equal(rig.accepted[0]!.resetCode, undefined);
});

Deno.test("NodeSession gives up a request that does not arrive in time", async () => {
  const rig = new Rig();
  const stream = rig.open();
  const call = encodeMessage({
    type: MessageType.CALL,
    flags: 0,
    messageId: 1n,
    traceId: 1n,
    payload: callOf("mxp.ping", 1),
  });
  await stream.write(call.subarray(0, 50));
  await settle();
  rig.clock.advance(REQUEST_TIMEOUT_MS);
  await settle();
  assert.equal(rig.accepted[0]!.resetCode, StatusCode.DEADLINE_EXCEEDED);
  assert.equal(rig.memory.usedBytes, 0);
  assert.equal(rig.clock.timerCount, 0);
});

Deno.test("NodeSession gives up an answer that is not taken", async () => {
  const rig = new Rig();
  const channel = new MessageChannel(rig.open());
  rig.accepted[0]!.isBlocked = true;
  await channel.send(messageOf(MessageType.CALL, callOf("mxp.ping", 1)));
  await settle();
  assert.ok(rig.memory.usedBytes > 0);
  rig.clock.advance(REQUEST_TIMEOUT_MS);
  await settle();
  assert.equal(rig.accepted[0]!.resetCode, StatusCode.DEADLINE_EXCEEDED);
  assert.equal(rig.memory.usedBytes, 0);
});

Deno.test("NodeSession serves so many requests at a time and resets the next one", async () => {
  const rig = new Rig();
  for (let count = 0; count <= MAX_CONCURRENT_REQUESTS; count++) rig.open();
  const codes = rig.accepted.map(({ resetCode }) => resetCode);
  assert.equal(codes.pop(), StatusCode.RESOURCE_EXHAUSTED);
  assert.deepEqual(new Set(codes), new Set([undefined]));
  rig.accepted[0]!.peer.finish();
  await settle();
  await rig.register();
});

Deno.test("NodeSession hides its own failures from peers and reports them", async () => {
  class FailingRegistry extends MemoryRegistry {
    override register(): never {
      throw new TypeError("secret detail");
    }

    override find(): never {
      throw new RegistryError("STORE_FAILED", "Registry file: disk is full");
    }
  }
  const rig = new Rig(new FailingRegistry());
  const error = await assertRefused("INTERNAL", rig.register());
  assert.equal(error.message.includes("secret"), false);
  const query = { kind: "all" } as const;
  await assertRefused("UNAVAILABLE", discoverAgents(rig, query, rig.options));
  assert.equal(rig.warnings.length, 2);
});

Deno.test("NodeSession sends matching events on one stream, in order, with its own numbers", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "orders.*", rig.options);
  await subscribeTopic(rig, "bills", rig.options);
  for (const topic of ["orders.1", "other", "bills", "orders.2"]) {
    await rig.publish(topic);
  }
  await settle();
  assert.equal(rig.opened.length, 1);
  const channel = new MessageChannel(rig.opened[0]!);
  for (const [index, topic] of ["orders.1", "bills", "orders.2"].entries()) {
    const message = await channel.receive();
    assert.equal(message?.type, MessageType.EVENT);
    assert.equal(message?.traceId, 6n);
    const event = decodeEvent(message!.payload);
    assert.equal(event.topic, topic);
    assert.equal(event.sequence, index);
    assert.equal(new TextDecoder().decode(event.body), topic);
  }
  await unsubscribeTopic(rig, "bills", rig.options);
  await rig.publish("bills");
  await rig.publish("orders.3");
  const last = await channel.receive();
  assert.equal(decodeEvent(last!.payload).topic, "orders.3");
});

Deno.test("NodeSession forwards sealed events unopened", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a", Uint8Array.of(1, 2), MessageFlags.ENCRYPTED);
  const message = await new MessageChannel(rig.opened[0]!).receive();
  assert.equal(message?.flags, MessageFlags.ENCRYPTED);
});

Deno.test("NodeSession refuses bad topics and serves the publisher's stream on", async () => {
  const rig = new Rig();
  const channel = new MessageChannel(rig.open());
  const send = (topic: string, flags: number): Promise<void> =>
    channel.send(messageOf(
      MessageType.EVENT,
      encodeEvent({ ...encodeValue(1), topic, sequence: 0 }),
      flags,
    ));
  for (const topic of ["mxp.x", "a*", ""]) {
    await send(topic, 0);
    const answer = await channel.receive();
    assert.equal(answer?.type, MessageType.ERROR);
  }
  await send("quiet", 0);
  await channel.send(messageOf(MessageType.CALL, callOf("mxp.ping", 1)));
  assert.equal((await channel.receive())?.type, MessageType.ERROR);
  await send("good", MessageFlags.REQUIRES_ACK);
  const answer = await channel.receive();
  assert.equal(answer?.type, MessageType.ACK);
  assert.equal(decodeAck(answer!.payload).messageId, 5n);
  channel.finish();
  assert.equal(await channel.receive(), undefined);
});

Deno.test("NodeSession never makes a publisher wait for a slow subscriber", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a", 0);
  await settle();
  rig.opened[0]!.peer.isBlocked = true;
  const count = 1_024 + 10;
  for (let index = 1; index <= count + 1; index++) {
    await rig.publish("a", index);
  }
  assert.equal(rig.session.droppedEventCount, 10);
  rig.opened[0]!.peer.unblock();
  const channel = new MessageChannel(rig.opened[0]!);
  const sequences: number[] = [];
  for (let index = 0; index < 3; index++) {
    sequences.push(decodeEvent((await channel.receive())!.payload).sequence);
  }
  // One was on its way when the stream stalled; then a gap of ten.
  assert.deepEqual(sequences, [0, 1, 12]);
});

Deno.test("NodeSession lets the event loop turn while events come and go, and drops none of a reader", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "a", rig.options);
  const publisher = new MessageChannel(rig.open());
  const count = 5_000;
  for (let index = 0; index < count; index++) {
    const flags = index === count - 1 ? MessageFlags.REQUIRES_ACK : 0;
    const event = encodeEvent({
      ...encodeValue(index),
      topic: "a",
      sequence: 0,
    });
    publisher.push(messageOf(MessageType.EVENT, event, flags));
  }
  let hasTurned = false;
  const timer = setTimeout(() => {
    hasTurned = true;
  });
  assert.equal((await publisher.receive())?.type, MessageType.ACK);
  clearTimeout(timer);
  assert.ok(hasTurned);
  const channel = new MessageChannel(rig.opened[0]!);
  for (let index = 0; index < count; index++) {
    const { sequence, body } = decodeEvent((await channel.receive())!.payload);
    assert.equal(sequence, index);
    assert.equal(new TextDecoder().decode(body), `${index}`);
  }
  assert.equal(rig.session.droppedEventCount, 0);
  publisher.finish();
  assert.equal(await publisher.receive(), undefined);
});

Deno.test("NodeSession counts an event until the subscriber's stream has taken it", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a");
  await settle();
  assert.equal(rig.queueBudget.usedBytes, 0);
  rig.opened[0]!.peer.isBlocked = true;
  await rig.publish("a", new Uint8Array(1_000));
  await settle();
  assert.ok(rig.queueBudget.usedBytes > 1_000);
  rig.opened[0]!.peer.unblock();
  await settle();
  assert.equal(rig.queueBudget.usedBytes, 0);
  rig.opened[0]!.peer.isBlocked = true;
  for (let index = 0; index < 3; index++) await rig.publish("a");
  await settle();
  assert.ok(rig.queueBudget.usedBytes > 0);
  rig.closed.resolve();
  rig.opened[0]!.peer.fail(new CallError("CANCELLED", "gone"));
  await settle();
  assert.equal(rig.queueBudget.usedBytes, 0);
});

Deno.test("NodeSession forgets the subscriptions of a peer that stops its events", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a");
  await settle();
  rig.opened[0]!.peer.fail(new CallError("CANCELLED", "stopped"));
  await rig.publish("a");
  await settle();
  assert.equal(rig.hub.subscriptionCount, 0);
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a", "again");
  await settle();
  assert.equal(rig.opened.length, 2);
  const message = await new MessageChannel(rig.opened[1]!).receive();
  assert.equal(
    new TextDecoder().decode(decodeEvent(message!.payload).body),
    "again",
  );
});

Deno.test("NodeSession forgets everything when its connection ends", async () => {
  const rig = new Rig();
  await subscribeTopic(rig, "a", rig.options);
  rig.closed.resolve();
  await settle();
  assert.equal(rig.hub.subscriptionCount, 0);
  await assertRefused("CANCELLED", subscribeTopic(rig, "a", rig.options));
});

Deno.test("publishEvents() takes as long as it needs while the node acknowledges some, and asks for nothing after the last", async () => {
  const clock = new TimerClock();
  const [ours, theirs] = createStreamPair();
  const count = 1_000;
  let published = 0n;
  const publishing = publishEvents(
    { openStream: () => Promise.resolve(ours) },
    Array.from(
      { length: count },
      (_, index) =>
        encodeOutgoingEvent({ topic: "a", content: encodeValue(index) }),
    ),
    { messageId: 0n, traceId: 1n, clock, nextMessageId: () => ++published },
  );
  const node = new MessageChannel(theirs);
  let isAcked = false;
  for (let index = 0; index < count; index++) {
    const message = await node.receive();
    // Three times the limit of one request, in all.
    clock.advance(3 * REQUEST_TIMEOUT_MS / count);
    isAcked = (message!.flags & MessageFlags.REQUIRES_ACK) !== 0;
    if (!isAcked) continue;
    await node.send(ackOf(message!));
    await settle();
  }
  assert.ok(isAcked);
  await publishing;
  assert.equal(await node.receive(), undefined);
  assert.equal(theirs.stopCode, undefined);
  assert.equal(clock.timerCount, 0);
});

Deno.test("registry_client gives up at its time limit and on a signal", async () => {
  const clock = new TimerClock();
  const silent: RequestConnection = {
    openStream: () => Promise.resolve(createStreamPair()[0]),
  };
  const ids = { messageId: 1n, traceId: 1n, clock };
  const query = { kind: "all" } as const;
  const late = discoverAgents(silent, query, { ...ids, timeoutMs: 100 });
  await settle();
  clock.advance(100);
  await assertRefused("DEADLINE_EXCEEDED", late);
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = discoverAgents(silent, query, { ...ids, signal });
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(aborted, reason);
  assert.equal(clock.timerCount, 0);
});
