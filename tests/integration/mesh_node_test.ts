import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Agent,
  type AgentOptions,
  CallError,
  Node,
  ProtocolError,
  SealedValue,
  type Sendable,
  TransportError,
} from "../../mod.ts";
import { generateKeyPair, sealPayload } from "../../crypto/mod.ts";
import { ContentType } from "../../protocol/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import {
  type AgentRecord,
  type Lease,
  MemoryRegistry,
} from "../../registry/mod.ts";
import { collect, until, withMesh } from "../support/mesh.ts";
import { TimerClock } from "../support/timer_clock.ts";
import { bindTransport } from "../support/transport_pair.ts";

Deno.test("Agent.discover() finds by capability, name, tag and id, and forgets who left", async () => {
  await withMesh(async ({ connect }) => {
    const one = await connect({
      name: "one",
      capabilities: ["see", "hear"],
      tags: ["left"],
      metadata: { model: "small" },
    });
    const two = await connect({ name: "two", capabilities: ["see"] });
    const client = await connect();
    const names = async (query: Parameters<Agent["discover"]>[0]) =>
      (await client.discover(query)).map(({ name }) => name).sort();
    assert.deepEqual(await names({}), ["one", "two"]);
    assert.deepEqual(await names({ capability: "see" }), ["one", "two"]);
    assert.deepEqual(await names({ capability: "hear" }), ["one"]);
    assert.deepEqual(await names({ name: "two" }), ["two"]);
    assert.deepEqual(await names({ tag: "left" }), ["one"]);
    for (const id of [two.id, two.id.toUpperCase()]) {
      assert.deepEqual(await names({ id }), ["two"]);
    }
    await assert.rejects(client.discover({ id: "two" }), {
      code: "INVALID_AGENT_ID",
    });
    assert.equal((await client.discover({ limit: 1 })).length, 1);
    for (const limit of [0, 1.5, NaN, 1_001]) {
      await assert.rejects(client.discover({ limit }), {
        code: "INVALID_ARGUMENT",
        message: `Discovery: limit must be 1 to 1000, got ${limit}`,
      });
    }
    const [record] = await client.discover({ name: "one" });
    assert.deepEqual(record?.publicKey, one.publicKey);
    assert.deepEqual(record?.metadata, { model: "small" });
    assert.equal(record?.port, one.localAddress.port);
    await two.close();
    assert.deepEqual(await names({ capability: "see" }), ["one"]);
    await assert.rejects(
      client.discover({ name: "one", tag: "left" }),
      CallError,
    );
  });
});

Deno.test("An agent comes back by itself when its node was restarted, with its subscriptions", async () => {
  const keyPair = generateKeyPair(systemRandom);
  let node = await Node.start({ bind: "127.0.0.1:0", keyPair });
  const { url } = node;
  const bind = `127.0.0.1:${node.localAddress.port}`;
  const warnings: string[] = [];
  const agent = await Agent.connect(url, {
    name: "steady",
    onWarning: (line) => warnings.push(line),
  });
  const client = await Agent.connect(url);
  try {
    agent.onCall("echo", (request) => request.value);
    const events: unknown[] = [];
    await agent.subscribe("news", {
      onEvent: ({ value }) => events.push(value),
    });
    assert.equal(await client.call({ name: "steady" }, "echo", 1), 1);
    await node.close();
    assert.equal(await client.call({ name: "steady" }, "echo", 2), 2);
    await until(() => !agent.isConnected);
    node = await Node.start({ bind, keyPair });
    await until(async () => (await node.agents()).length === 1);
    await until(() => client.isConnected);
    assert.equal(await client.call({ name: "steady" }, "echo", 3), 3);
    await client.publish("news", "back");
    await until(() => events.length > 0);
    assert.deepEqual(events, ["back"]);
    assert.match(warnings.join("\n"), /lost .* connecting again/);
  } finally {
    await Promise.all([agent.close(), client.close()]);
    await node.close();
  }
});

/** Notes what agents are granted, and counts their heartbeats. */
class WatchedRegistry extends MemoryRegistry {
  readonly leasesMs: number[] = [];
  heartbeatCount = 0;

  override register(
    ...[now, record]: Parameters<MemoryRegistry["register"]>
  ): Lease {
    this.leasesMs.push(record.ttlMs);
    return super.register(now, record);
  }

  override heartbeat(
    ...[now, agentId, update]: Parameters<MemoryRegistry["heartbeat"]>
  ): boolean {
    this.heartbeatCount++;
    return super.heartbeat(now, agentId, update);
  }
}

Deno.test("An agent without a wish has the lease that is usual at its node, and keeps it", async () => {
  const store = new WatchedRegistry();
  await withMesh(async ({ connect }) => {
    await connect({ name: "plain" });
    assert.equal(store.leasesMs[0], 600);
    await until(() => store.heartbeatCount >= 3);
  }, { store, leaseMs: 600 });
});

Deno.test("An agent that wishes for a longer lease than there is sends heartbeats as often as the node says", async () => {
  const store = new WatchedRegistry();
  const clock = new TimerClock();
  await withMesh(async ({ node }) => {
    // More than a lease of five minutes.
    const heartbeatIntervalMs = 400_000;
    const patient = await Agent.connect(node.url, {
      name: "patient",
      heartbeatIntervalMs,
      clock,
    });
    assert.deepEqual(store.leasesMs, [300_000]);
    clock.advance(100_000);
    await until(() => store.heartbeatCount === 1);
    await patient.close({ drainMs: 0 });
  }, { store });
});

Deno.test("An agent registers again when its node has forgotten it", async () => {
  const store = new MemoryRegistry();
  await withMesh(async ({ connect }) => {
    const agent = await connect({ name: "quick", heartbeatIntervalMs: 20 });
    await store.unregister(agent.id);
    assert.equal(store.size, 0);
    await until(() => store.size === 1);
  }, { store });
});

Deno.test("Agent.drain() takes the agent out of discovery, but not out of the registry", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect({ name: "tired" });
    const client = await connect();
    await agent.drain();
    assert.deepEqual(await client.discover({ name: "tired" }), []);
    const [record] = await client.discover({ id: agent.id });
    assert.equal(record?.status, "draining");
  });
});

Deno.test("An agent that closes sends no heartbeats while its handlers finish, and warns of none", async () => {
  await withMesh(async ({ connect, node }) => {
    const clock = new TimerClock();
    const warnings: string[] = [];
    const leaving = await connect({
      name: "leaving",
      clock,
      heartbeatIntervalMs: 1_000,
      onWarning: (message) => warnings.push(message),
    });
    const started = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    leaving.onCall("work", () => {
      started.resolve();
      return released.promise;
    });
    const caller = await connect();
    const call = caller.call({ name: "leaving" }, "work");
    await started.promise;
    const closing = leaving.close();
    await until(async () => (await node.agents()).length === 0);
    for (let beat = 0; beat < 3; beat++) {
      clock.advance(1_000);
      await leaving.ping();
      await leaving.ping();
    }
    released.resolve();
    await Promise.all([call, closing]);
    assert.deepEqual(warnings.filter((text) => text.includes("heartbeat")), []);
    assert.deepEqual(await node.agents(), []);
  });
});

Deno.test("Agent.subscribe() gives events in order, by topic and by prefix, to loop and callback", async () => {
  await withMesh(async ({ connect }) => {
    const reader = await connect();
    const writer = await connect();
    const seen: string[] = [];
    const prefixed = await reader.subscribe("orders.*", {
      onEvent: ({ topic, value }) => seen.push(`${topic} ${value}`),
    });
    const exact = await reader.subscribe("orders.created");
    await writer.publish("orders.created", 1);
    await writer.publish("orders.deleted", 2);
    await writer.publish("other", 3);
    await writer.publish("orders.created", { id: 4 });
    const values: unknown[] = [];
    for await (const event of exact) {
      values.push(event.value);
      if (values.length === 2) break;
    }
    assert.deepEqual(values, [1, { id: 4 }]);
    await until(() => seen.length === 3);
    assert.deepEqual(seen, [
      "orders.created 1",
      "orders.deleted 2",
      "orders.created [object Object]",
    ]);
    await prefixed.close();
    await writer.publish("orders.created", 5);
    assert.equal(seen.length, 3);
    await assert.rejects(writer.publish("a*", 1), CallError);
    await assert.rejects(reader.subscribe("a*b"), CallError);
  });
});

Deno.test("Agent.publishAll() publishes in order, and says which event the node refuses", async () => {
  await withMesh(async ({ connect }) => {
    const reader = await connect();
    const writer = await connect();
    const seen: number[] = [];
    await reader.subscribe("ticks", {
      onEvent: ({ value }) => void seen.push(value as number),
    });
    const ticks = Array.from({ length: 1_000 }, (_, tick) => tick);
    await writer.publishAll("ticks", ticks);
    await until(() => seen.length === ticks.length);
    assert.deepEqual(seen, ticks);
    await writer.publishAll("ticks", []);
    let wasStopped = false;
    const broken = function* (): Generator<number> {
      try {
        yield 1_000;
        throw new RangeError("no more");
      } finally {
        wasStopped = true;
      }
    };
    await assert.rejects(writer.publishAll("ticks", broken()), RangeError);
    assert.ok(wasStopped);
    await assert.rejects(
      writer.publishAll("a*", [1, 2]),
      (error) =>
        error instanceof CallError && error.code === "INVALID_ARGUMENT",
    );
    await writer.publish("ticks", 2_000);
    await until(() => seen.at(-1) === 2_000);
  });
});

Deno.test("An event subscription drops the oldest events of a slow reader and counts them", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const slow = await agent.subscribe("tick", { maxQueued: 3 });
    let delivered = 0;
    await agent.subscribe("tick", { onEvent: () => delivered++ });
    for (let tick = 0; tick < 10; tick++) await agent.publish("tick", tick);
    await until(() => delivered === 10);
    await slow.close();
    const rest = await collect(slow);
    assert.deepEqual(rest.map(({ value }) => value), [7, 8, 9]);
    assert.equal(slow.droppedCount, 7);
  });
});

Deno.test("A value sealed end to end is read by its recipient, not by the relay", async () => {
  await withMesh(async ({ connect }) => {
    const recipient = await connect({ name: "recipient" });
    recipient.onCall("read", (request) => {
      assert.ok(request.isSealed);
      assert.deepEqual(request.sealedBy, sender.publicKey);
      return `read ${request.text()}`;
    });
    const relay = await connect({ name: "relay" });
    const atRelay: unknown[] = [];
    relay.onCall("pass", async (request) => {
      const { bytes } = request.sealed!;
      atRelay.push(request.sealedBy, new TextDecoder().decode(bytes));
      const reply = await relay.call(
        { name: "recipient" },
        "read",
        request.sealed,
      );
      atRelay.push(JSON.stringify(reply));
      return reply;
    });
    const sender = await connect();
    const reply = await sender.call({ name: "relay" }, "pass", "the secret", {
      sealFor: [recipient.publicKey],
    });
    assert.equal(reply, "read the secret");
    assert.equal(atRelay[0], undefined);
    assert.ok(!String(atRelay).includes("secret"));
    const events = await recipient.subscribe("sealed");
    await sender.publish("sealed", sender.seal(7, [recipient.publicKey]));
    for await (const { value, sealedBy } of events) {
      assert.equal(value, 7);
      assert.deepEqual(sealedBy, sender.publicKey);
      break;
    }
  });
});

Deno.test("What a handler throws says nothing of a value that came sealed, unless it is a CallError", async () => {
  await withMesh(async ({ connect }) => {
    const recipient = await connect({ name: "recipient" });
    recipient.onCall("fail", (request) => {
      throw new Error(`Fail: ${request.text()}`);
    });
    recipient.onCall("parse", (request) => request.json());
    recipient.onStream("stream", async function* (request) {
      yield "first";
      await Promise.reject(new Error(`Stream: ${request.text()}`));
    });
    recipient.onCall("refuse", () => {
      throw new CallError("FAILED_PRECONDITION", "Refuse: not today");
    });
    const relay = await connect({ name: "relay" });
    const at = { name: "recipient" };
    relay.onCall("pass", async ({ sealed }) => {
      const failures: string[] = [];
      const note = (error: CallError): number =>
        failures.push(`${error.code} ${error.message}`);
      for (const method of ["fail", "parse", "refuse"]) {
        for (const options of [{}, { idempotencyKey: method }]) {
          await relay.call(at, method, sealed, options).catch(note);
        }
      }
      await collect(relay.stream(at, "stream", sealed)).catch(note);
      return failures;
    });
    const sender = await connect();
    const failed = "INTERNAL Handler: failed";
    const unreadable = "INVALID_ARGUMENT Request: its value is not JSON";
    const refused = "FAILED_PRECONDITION Refuse: not today";
    assert.deepEqual(
      await sender.call({ name: "relay" }, "pass", "the secret", {
        sealFor: [recipient.publicKey],
      }),
      [failed, failed, unreadable, unreadable, refused, refused, failed],
    );
    await assert.rejects(
      sender.call(at, "fail", "what is open"),
      /Fail: what is open/,
    );
  });
});

Deno.test("What a handler throws says nothing of a value that an unnamed sealer sent", async () => {
  await withMesh(async ({ connect }) => {
    const recipient = await connect({ name: "recipient" });
    const secret = new TextEncoder().encode("the secret");
    const sealed = new SealedValue(
      sealPayload(
        { recipients: [recipient.publicKey], random: systemRandom },
        new Uint8Array([ContentType.TEXT, ...secret]),
      ),
    );
    recipient.onCall("fail", (request) => {
      assert.equal(request.sealedBy, undefined);
      assert.equal(request.text(), "the secret");
      throw new Error(`Fail: ${request.text()}`);
    });
    const sender = await connect();
    await assert.rejects(sender.call({ name: "recipient" }, "fail", sealed), {
      code: "INTERNAL",
      message: "Handler: failed",
    });
  });
});

Deno.test("What a handler throws says nothing of an input once a value of it came sealed", async () => {
  await withMesh(async ({ connect }) => {
    const recipient = await connect({ name: "recipient" });
    recipient.onCall("fail", async (request) => {
      for await (const value of request.input) {
        if (value !== "go on") throw new Error(`Fail: ${value}`);
      }
    });
    const sender = await connect();
    const send = (...values: Sendable[]): Promise<unknown> =>
      sender.call({ name: "recipient" }, "fail", "open", {
        input: (async function* () {
          yield* values;
        })(),
      });
    const seal = (text: string): SealedValue =>
      sender.seal(text, [recipient.publicKey]);
    await assert.rejects(send("go on", seal("the secret")), {
      code: "INTERNAL",
      message: "Handler: failed",
    });
    await assert.rejects(send(seal("go on"), "what is open"), {
      message: "Handler: failed",
    });
    await assert.rejects(send("what is open", seal("the secret")), {
      message: "Fail: what is open",
    });
  });
});

Deno.test("Agent.connect() refuses a node that does not hold the pinned key", async () => {
  await withMesh(async ({ node }) => {
    const { publicKey } = generateKeyPair(systemRandom);
    const key = publicKey.toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    const { port } = node.localAddress;
    await assert.rejects(
      Agent.connect(`mxp://127.0.0.1:${port}?pk=${key}`),
      (error) => {
        assert.ok(error instanceof TransportError);
        assert.equal(error.code, "PEER_KEY_MISMATCH");
        assert.match(error.message, /^Peer 127\.0\.0\.1:\d+: .*SHA256:\S{43}$/);
        return true;
      },
    );
  });
});

Deno.test("Agent.connect() trusts a key on first use and refuses another one later", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mxp-"));
  const knownPeersPath = join(folder, "known_peers");
  try {
    const first = await Node.start({ bind: "127.0.0.1:0" });
    const { port } = first.localAddress;
    const url = `mxp://127.0.0.1:${port}`;
    const warnings: string[] = [];
    const onWarning = (line: string) => warnings.push(line);
    for (let time = 0; time < 2; time++) {
      const agent = await Agent.connect(url, { knownPeersPath, onWarning });
      await agent.close();
    }
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]!.includes(first.fingerprint));
    await first.close();
    const second = await Node.start({ bind: `127.0.0.1:${port}` });
    await assert.rejects(
      Agent.connect(url, { knownPeersPath }),
      (error) =>
        error instanceof TransportError && error.code === "PEER_KEY_MISMATCH" &&
        error.message.includes(knownPeersPath),
    );
    const pinned = await Agent.connect(second.url, { knownPeersPath });
    await pinned.close();
    await second.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("Agent.connect() takes a peer with its own key only when that key is expected", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mxp-"));
  const knownPeersPath = join(folder, "known_peers");
  const mirror = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const reflecting = (async () => {
    for await (const [bytes, from] of mirror) await mirror.send(bytes, from);
  })();
  const keyPair = generateKeyPair(systemRandom);
  const node = await Node.start({ bind: "127.0.0.1:0", keyPair });
  try {
    const { port } = mirror.addr as Deno.NetAddr;
    for (const options of [{ keyPair }, { keyPair, knownPeersPath }]) {
      await assert.rejects(
        Agent.connect(`mxp://127.0.0.1:${port}`, options),
        (error) =>
          error instanceof TransportError &&
          error.code === "PEER_KEY_MISMATCH" &&
          error.message.includes(`our own key, ${node.fingerprint}`),
      );
    }
    assert.equal(existsSync(knownPeersPath), false);
    const agent = await Agent.connect(node.url, { keyPair, knownPeersPath });
    await agent.close();
  } finally {
    await node.close();
    mirror.close();
    await reflecting;
    rmSync(folder, { recursive: true });
  }
});

Deno.test("Agent.connect() fails within its time limit when nobody listens, and leaves nothing behind", async () => {
  const nobody = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port } = nobody.addr as Deno.NetAddr;
  try {
    await assert.rejects(
      Agent.connect(`mxp://127.0.0.1:${port}`, { connectTimeoutMs: 50 }),
      (error) =>
        error instanceof TransportError && error.code === "HANDSHAKE_TIMEOUT",
    );
    const controller = new AbortController();
    const connecting = Agent.connect(`mxp://127.0.0.1:${port}`, {
      signal: controller.signal,
    });
    controller.abort("enough");
    await assert.rejects(connecting, (reason) => reason === "enough");
  } finally {
    nobody.close();
  }
});

Deno.test("Agent.connect() refuses options that make no sense", async () => {
  const url = "mxp://127.0.0.1:1";
  await assert.rejects(Agent.connect("http://localhost"), /mxp/);
  await assert.rejects(Agent.connect(url, { register: true }), CallError);
  await assert.rejects(Agent.connect(url, { bind: "nonsense" }), CallError);
  await assert.rejects(Agent.connect(url, { advertise: "x" }), CallError);
  await assert.rejects(
    Agent.connect(url, { name: "x", heartbeatIntervalMs: 0 }),
    CallError,
  );
  const wrong: AgentOptions[] = [
    { heartbeatIntervalMs: Infinity },
    { connectTimeoutMs: NaN },
    { connectTimeoutMs: -1 },
    { limits: { peerIdleTimeoutMs: NaN } },
    { limits: { peerIdleTimeoutMs: 0 } },
    { limits: { discoveryCacheMs: Infinity } },
    { limits: { maxHandlersInFlight: 1.5 } },
    { limits: { maxPeerConnections: 0 } },
  ];
  for (const options of wrong) {
    const names = Object.keys({ ...options.limits ?? options });
    await assert.rejects(Agent.connect(url, options), (error) => {
      assert.ok(error instanceof CallError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, new RegExp(`${names} must be .*, got `));
      return true;
    });
  }
});

Deno.test("Agent.connect() leaves no socket behind when its name is too long to be sent", async () => {
  // The test runner looks for the socket.
  const name = "x".repeat(70_000);
  await assert.rejects(
    Agent.connect("mxp://127.0.0.1:1", { name }),
    (error) => error instanceof ProtocolError && error.code === "INVALID_VALUE",
  );
});

Deno.test("An agent refuses times and counts that are none, and stays", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const isRefusal = (error: unknown) =>
      error instanceof CallError && error.code === "INVALID_ARGUMENT";
    await assert.rejects(agent.close({ drainMs: NaN }), isRefusal);
    await assert.rejects(agent.ping(undefined, { timeoutMs: NaN }), isRefusal);
    await assert.rejects(agent.subscribe("x", { maxQueued: NaN }), isRefusal);
    assert.ok(await agent.ping() >= 0);
  });
});

Deno.test("An agent refuses handlers that are none, and stays", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect({ name: "worker" });
    const isRefusal = (error: unknown) =>
      error instanceof CallError && error.code === "INVALID_ARGUMENT";
    for (const given of [undefined, null, "log", {}]) {
      const handler = given as unknown as () => never;
      assert.throws(() => agent.onCall("work", handler), isRefusal);
      assert.throws(() => agent.onStream("work", handler), isRefusal);
      assert.throws(() => agent.onSpan(handler), isRefusal);
      if (given === undefined) continue;
      const subscribing = agent.subscribe("x", { onEvent: handler });
      await assert.rejects(subscribing, isRefusal);
    }
    assert.throws(() => agent.onCall("", () => "done"), isRefusal);
    agent.onCall("work", () => "done");
    const caller = await connect();
    assert.equal(await caller.call({ name: "worker" }, "work"), "done");
  });
});

Deno.test("An agent refuses a signal that is none before a timer runs", async () => {
  await withMesh(async ({ connect }) => {
    const clock = new TimerClock();
    const agent = await connect({ clock });
    const before = clock.timerCount;
    const target = { name: "nobody" };
    for (const given of ["x", null, {}]) {
      const options = { signal: given as AbortSignal };
      const isRefusal = (error: unknown) =>
        error instanceof CallError && error.code === "INVALID_ARGUMENT" &&
        error.message.includes("signal must be an AbortSignal");
      await assert.rejects(agent.call(target, "x", null, options), isRefusal);
      assert.throws(() => agent.stream(target, "x", null, options), isRefusal);
      await assert.rejects(agent.ping(undefined, options), isRefusal);
      await assert.rejects(agent.ping(target, options), isRefusal);
    }
    assert.equal(clock.timerCount, before);
  });
});

Deno.test("Agent.connect() leaves no record behind when it is given up while the node registers it", async () => {
  const abort = new AbortController();
  class AbortingRegistry extends MemoryRegistry {
    override register(now: number, record: AgentRecord): Lease {
      const lease = super.register(now, record);
      abort.abort(new RangeError("enough"));
      return lease;
    }
  }
  await withMesh(async ({ node, connect }) => {
    const { signal } = abort;
    await assert.rejects(connect({ name: "ghost", signal }), RangeError);
    assert.deepEqual(await node.agents(), []);
  }, { store: new AbortingRegistry() });
});

Deno.test("Agent.connect() waits no longer for a registration than connectTimeoutMs says", async () => {
  const { transport } = await bindTransport();
  const { port } = transport.localAddress;
  // What listens there accepts connections and answers nothing.
  await assert.rejects(
    Agent.connect(`mxp://127.0.0.1:${port}`, {
      name: "patient",
      connectTimeoutMs: 1_000,
    }),
    (error) => error instanceof CallError && error.code === "UNAVAILABLE",
  );
  await transport.close();
});

Deno.test("An agent that is replaced by one of the same id and key leaves its successor registered", async () => {
  await withMesh(async ({ node, connect }) => {
    const identity = {
      name: "service",
      capabilities: ["greet"],
      id: crypto.randomUUID(),
      keyPair: generateKeyPair(systemRandom),
    };
    const before = await connect(identity);
    const after = await connect(identity);
    await before.drain();
    await before.close();
    const [record] = await node.agents();
    assert.equal(record?.port, after.localAddress.port);
    assert.equal(record?.status, "available");
    await after.close();
    assert.deepEqual(await node.agents(), []);
  });
});
