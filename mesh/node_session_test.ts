import assert from "node:assert/strict";
import {
  AGENT_ID,
  assertRefused,
  callOf,
  LEASE_MS,
  messageOf,
  NodeRig,
  settle,
} from "../tests/support/node_rig.ts";
import { createStreamPair } from "../tests/support/byte_stream_pair.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import {
  ContentType,
  decodeAgentList,
  decodeError,
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
} from "../protocol/mod.ts";
import {
  type AgentStatus,
  MemoryRegistry,
  type Registry,
  RegistryError,
} from "../registry/mod.ts";
import {
  MemoryLimit,
  MessageChannel,
  type OutgoingMessage,
} from "./message_channel.ts";
import {
  MAX_CONCURRENT_REQUESTS,
  MAX_NODE_PAYLOAD_BYTES,
  REGISTRATION_BURST,
  REQUEST_TIMEOUT_MS,
} from "./node_config.ts";
import {
  callNode,
  discoverAgents,
  registerAgent,
  type RequestConnection,
  sendHeartbeat,
} from "./registry_client.ts";
import { StatusCode } from "./status_code.ts";

function eventOf(topic: string, size: number): Uint8Array {
  const content = encodeValue(new Uint8Array(size));
  return encodeMessage({
    type: MessageType.EVENT,
    flags: 0,
    messageId: 5n,
    traceId: 6n,
    payload: encodeEvent({ ...content, topic, sequence: 0 }),
  });
}

Deno.test("NodeSession registers an agent at the address that it sees", async () => {
  const registry = new MemoryRegistry();
  const rig = new NodeRig(registry);
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
  const rig = new NodeRig();
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

// docs/spec/registry.md#requests
Deno.test("NodeSession answers a request before its stream ends, and reads nothing behind it", async () => {
  for (const isAhead of [true, false]) {
    const rig = new NodeRig();
    const stream = rig.open();
    const ping = encodeMessage({
      ...messageOf(MessageType.CALL, callOf("mxp.ping", "x")),
      flags: 0,
    });
    if (isAhead) await stream.write(Uint8Array.of(...ping, ...ping));
    else await stream.write(ping);
    const channel = new MessageChannel(stream);
    assert.equal((await channel.receive())?.type, MessageType.RESPONSE);
    assert.equal(await channel.receive(), undefined);
    if (!isAhead) await stream.write(ping);
    await settle();
    assert.equal(rig.accepted[0]!.stopCode, StatusCode.OK);
  }
});

Deno.test("NodeSession refuses an agent id that another key holds", async () => {
  const registry = new MemoryRegistry();
  const registrants = new Map<string, symbol>();
  const owner = new NodeRig(registry, 1, registrants);
  await owner.register();
  const thief = new NodeRig(registry, 2, registrants);
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
  const rig = new NodeRig();
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
  const before = new NodeRig(registry, 7, registrants);
  const after = new NodeRig(registry, 7, registrants);
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

/** A registry that registers in another way. */
function withRegister(
  memory: MemoryRegistry,
  register: Registry["register"],
): Registry {
  return {
    size: 0,
    nextExpiry: undefined,
    register,
    heartbeat: (...given) => memory.heartbeat(...given),
    unregister: (...given) => memory.unregister(...given),
    find: (...given) => memory.find(...given),
    expire: (now) => memory.expire(now),
    close: () => memory.close(),
  };
}

Deno.test("NodeSession takes no heartbeat of an instance that is being replaced, though the registry has not answered yet", async () => {
  const memory = new MemoryRegistry();
  let answered = Promise.resolve();
  // As one behind a network: it has the record before it says so.
  const registry = withRegister(memory, (now, record) => {
    const lease = memory.register(now, record);
    return answered.then(() => lease);
  });
  const shared = [new Map(), undefined, new Map()] as const;
  const before = new NodeRig(registry, 7, ...shared);
  const after = new NodeRig(registry, 7, ...shared);
  await before.register();
  const answer = Promise.withResolvers<void>();
  answered = answer.promise;
  const registering = after.register();
  await settle();
  for (const status of ["draining", "leaving"] as const) {
    await assertRefused("PERMISSION_DENIED", before.heartbeat(status));
  }
  answer.resolve();
  await registering;
  assert.equal(memory.size, 1);
  await after.heartbeat("leaving");
  assert.equal(memory.size, 0);
  for (const map of [shared[0], shared[2]]) assert.equal(map.size, 0);
});

Deno.test("NodeSession has whoever registered last speak for an agent, also when one that began later has failed", async () => {
  const memory = new MemoryRegistry();
  const answers: Promise<boolean>[] = [];
  const registry = withRegister(memory, async (now, record) => {
    if (await answers.shift() !== false) return memory.register(now, record);
    throw new RegistryError("STORE_FAILED", "Test: no answer");
  });
  const shared = [new Map(), undefined, new Map()] as const;
  /** Registrations have a turn each. */
  const whenWaiting = async (left: number) => {
    while (answers.length > left) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const [before, after, failing] = [0, 1, 2].map(() =>
    new NodeRig(registry, 7, ...shared)
  ) as [NodeRig, NodeRig, NodeRig];
  await before.register();
  for (const isFirst of [true, false]) {
    const answer = Promise.withResolvers<boolean>();
    const failure = Promise.withResolvers<boolean>();
    answers.push(answer.promise, failure.promise);
    const registering = after.register();
    await whenWaiting(1);
    const refused = assertRefused("UNAVAILABLE", failing.register());
    await whenWaiting(0);
    const fail = async () => {
      failure.resolve(false);
      await refused;
    };
    if (isFirst) await fail();
    answer.resolve(true);
    await registering;
    if (!isFirst) await fail();
    await after.heartbeat();
    for (const other of [before, failing]) {
      await assertRefused("PERMISSION_DENIED", other.heartbeat("leaving"));
    }
    assert.equal(shared[2].size, 0);
    await before.register();
  }
});

Deno.test("NodeSession retires an agent that leaves, not one whose connection ends", async () => {
  const registry = new MemoryRegistry();
  const rig = new NodeRig(registry);
  await rig.register();
  rig.closed.resolve();
  await settle();
  assert.equal(registry.size, 1);
  await rig.heartbeat("leaving");
  assert.equal(registry.size, 0);
});

Deno.test("NodeSession retires an agent that leaves before its registration had its turn", async () => {
  const registry = new MemoryRegistry();
  const rig = new NodeRig(registry);
  await Promise.all([rig.register(), rig.heartbeat("leaving")]);
  assert.equal(registry.size, 0);
});

Deno.test("NodeSession registers nobody whose connection ended before the turn, and holds nothing of it", async () => {
  const registry = new MemoryRegistry();
  const rig = new NodeRig(registry);
  const registering = rig.register();
  await Promise.resolve();
  rig.closed.resolve();
  await assertRefused("CANCELLED", registering);
  assert.equal(registry.size, 0);
  assert.equal(rig.memory.usedBytes, 0);
});

// docs/spec/registry.md#heartbeat
Deno.test("NodeSession retires an agent that leaves also when a later heartbeat came before", async () => {
  const registry = new MemoryRegistry();
  const rig = new NodeRig(registry);
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
  const rig = new NodeRig();
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
  const rig = new NodeRig();
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
  const rig = new NodeRig();
  for (let count = 0; count < REGISTRATION_BURST; count++) await rig.register();
  const error = await assertRefused("RESOURCE_EXHAUSTED", rig.register());
  assert.ok(error.retryAfterMs! > 0);
  rig.clock.advance(error.retryAfterMs!);
  await rig.register();
});

Deno.test("NodeSession answers its own methods and refuses others", async () => {
  const rig = new NodeRig();
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
  const channel = new MessageChannel(new NodeRig().open());
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
  const rig = new NodeRig();
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
  const rig = new NodeRig();
  const large = new Uint8Array(MAX_NODE_PAYLOAD_BYTES + 1);
  const message = {
    type: 0x12,
    flags: 0,
    messageId: 1n,
    traceId: 1n,
    payload: large,
  };
  const encoded = encodeMessage(message);
  for (const bytes of [new Uint8Array(64), encoded, encoded.slice(0, 32)]) {
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
  const rig = new NodeRig();
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
  const rig = new NodeRig();
  const channel = new MessageChannel(rig.open());
  channel.finish();
  assert.equal(await channel.receive(), undefined);
  assert.equal(rig.accepted[0]!.resetCode, undefined);
});

Deno.test("NodeSession gives up a request that does not arrive in time", async () => {
  const rig = new NodeRig();
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

Deno.test("NodeSession waits for the next event as long as it likes, and for one that has begun as for a request", async () => {
  const rig = new NodeRig();
  const event = eventOf("news", 1);
  const stream = rig.open();
  await stream.write(event);
  await settle();
  rig.clock.advance(10 * REQUEST_TIMEOUT_MS);
  await settle();
  // One that is whole, and the beginning of another.
  await stream.write(event);
  await stream.write(event.subarray(0, 1));
  await settle();
  assert.equal(rig.accepted[0]!.resetCode, undefined);
  assert.ok(rig.memory.usedBytes > 0);
  rig.clock.advance(REQUEST_TIMEOUT_MS);
  await settle();
  assert.equal(rig.accepted[0]!.resetCode, StatusCode.DEADLINE_EXCEEDED);
  assert.equal(rig.memory.usedBytes, 0);
  assert.equal(rig.clock.timerCount, 0);
  assert.deepEqual(rig.warnings, []);
});

Deno.test("NodeSession takes heartbeats and events of others while one key leaves as much unfinished as it can", async () => {
  const memory = new MemoryLimit(8 * 1024 * 1024);
  const registry = new MemoryRegistry();
  const rigs = [8, 9].map((key) =>
    new NodeRig(registry, key, new Map(), memory)
  );
  const honest = new NodeRig(registry, 7, new Map(), memory);
  await honest.register();
  const event = eventOf("news", 1);
  const large = eventOf("news", MAX_NODE_PAYLOAD_BYTES - 1_024);
  for (const rig of rigs) {
    for (let count = 0; count < MAX_CONCURRENT_REQUESTS / 2; count++) {
      const stream = rig.open();
      await stream.write(event);
      await settle();
      await stream.write(large.subarray(0, large.length / 3));
      await settle();
    }
    await assertRefused("RESOURCE_EXHAUSTED", rig.publish("news", large));
  }
  await honest.heartbeat();
  await honest.publish("news", "x".repeat(100_000));
  rigs[0]!.clock.advance(REQUEST_TIMEOUT_MS);
  await settle();
  await rigs[0]!.publish("news", "x".repeat(500_000));
});

Deno.test("NodeSession answers what it has no memory for with a time to come again", async () => {
  const memory = new MemoryLimit(64 * 1024);
  const rig = new NodeRig(new MemoryRegistry(), 7, new Map(), memory);
  for (const before of [new Uint8Array(0), eventOf("news", 1)]) {
    const stream = rig.open();
    await stream.write(before);
    await settle();
    await stream.write(eventOf("news", 100_000));
    const answer = await new MessageChannel(stream).receive();
    assert.equal(answer?.type, MessageType.ERROR);
    const { status, retryAfterMs } = decodeError(answer.payload);
    assert.equal(status, StatusCode.RESOURCE_EXHAUSTED);
    assert.ok(retryAfterMs > 0);
    await settle();
    assert.equal(memory.usedBytes, 0);
  }
  assert.deepEqual(rig.warnings, []);
});

Deno.test("NodeSession gives up an answer that is not taken", async () => {
  const rig = new NodeRig();
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
  const rig = new NodeRig();
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
  const rig = new NodeRig(new FailingRegistry());
  const error = await assertRefused("INTERNAL", rig.register());
  assert.equal(error.message.includes("secret"), false);
  const query = { kind: "all" } as const;
  await assertRefused("UNAVAILABLE", discoverAgents(rig, query, rig.options));
  assert.equal(rig.warnings.length, 2);
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
