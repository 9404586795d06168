/** What agents do while their node is away. */
import assert from "node:assert/strict";
import {
  Agent,
  CallError,
  type EventSubscription,
  Node,
  type NodeOptions,
} from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  type AgentEntry,
  type AgentRecord,
  type Lease,
  MemoryRegistry,
  type RegistryQuery,
} from "../../registry/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import { MAX_NODE_REQUEST_TIMEOUT_MS } from "../../mesh/config.ts";
import { MAX_SUBSCRIPTIONS_PER_CONNECTION } from "../../mesh/node_config.ts";
import { formatMxpUrl, parseMxpUrl } from "../../protocol/mod.ts";
import { systemRandom, TransportError } from "../../transport/mod.ts";
import { until, whenAborted, withMesh } from "../support/mesh.ts";
import { TimerClock } from "../support/timer_clock.ts";
import { UdpRelay } from "../support/udp_relay.ts";
import { collectUncaught } from "../support/uncaught_errors.ts";

Deno.test("While the node is away, calls go on to agents found before, however long ago", async () => {
  const clock = new TimerClock();
  await withMesh(async ({ node, connect }) => {
    const callee = await connect({ name: "callee", capabilities: ["greet"] });
    callee.onCall("greet", () => "hello");
    const caller = await connect({ clock });
    const call = () => caller.call({ capability: "greet" }, "greet");
    assert.equal(await call(), "hello");
    await node.close();
    await until(() => !caller.isConnected);
    // The time of the caller stands still: to wait for the node would not end.
    for (let round = 0; round < 3; round++) {
      clock.advance(10_000);
      assert.equal(await call(), "hello");
    }
  });
});

Deno.test("While the node is away, an agent that is gone does not take the others with it", async () => {
  await withMesh(async ({ node, connect }) => {
    const names = ["one", "two"];
    const [one, two] = await Promise.all(names.map(async (name) => {
      const callee = await connect({ name, capabilities: ["greet"] });
      return callee.onCall("greet", () => name);
    }));
    const caller = await connect();
    // Else a request that was sent to the one that leaves is lost with it.
    const options = { isIdempotent: true };
    const call = () =>
      caller.call({ capability: "greet" }, "greet", null, options);
    assert.deepEqual([await call(), await call()].sort(), names);
    await node.close();
    await two!.close({ drainMs: 0 });
    for (let round = 0; round < 5; round++) assert.equal(await call(), "one");
    await one!.close({ drainMs: 0 });
  });
});

/** A registry that counts the questions. */
class CountingRegistry extends MemoryRegistry {
  findCount = 0;

  override find(now: Instant, query: RegistryQuery): AgentEntry[] {
    this.findCount++;
    return super.find(now, query);
  }
}

Deno.test("A caller that has too many calls at a time does not take its callee for gone", async () => {
  const store = new CountingRegistry();
  await withMesh(async ({ connect }) => {
    const callee = await connect({
      name: "slow",
      transport: { maxBidiStreams: 1 },
    });
    const started = Promise.withResolvers<void>();
    callee.onCall("wait", ({ signal }) => {
      started.resolve();
      return whenAborted(signal).then(() => null);
    });
    const caller = await connect({ limits: { discoveryCacheMs: 3_600_000 } });
    const abort = new AbortController();
    const options = { signal: abort.signal };
    let refusedCount = 0;
    const call = () =>
      caller.call({ name: "slow" }, "wait", null, options).catch((error) => {
        if (error instanceof CallError) {
          assert.equal(error.code, "RESOURCE_EXHAUSTED");
          refusedCount++;
        }
      });
    const first = call();
    await started.promise;
    // What a slow handshake has it ask is asked by then.
    await caller.discover();
    const { findCount } = store;
    const calls = Array.from({ length: 17_000 }, call);
    await until(() => refusedCount > 0);
    assert.equal(store.findCount, findCount);
    abort.abort();
    await Promise.all([first, ...calls]);
  }, { store });
});

Deno.test("Agent.drain() waits for its handlers when the node is away, and warns", async () => {
  await withMesh(async ({ node, connect }) => {
    const warnings: string[] = [];
    const clock = new TimerClock();
    const callee = await connect({
      name: "callee",
      clock,
      onWarning: (line) => warnings.push(line),
    });
    const started = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    callee.onCall("work", () => {
      started.resolve();
      return released.promise.then(() => "done");
    });
    const caller = await connect();
    const answer = caller.call({ name: "callee" }, "work");
    await started.promise;
    await node.close();
    await until(() => !callee.isConnected);
    let isDrained = false;
    const draining = callee.drain().then(() => isDrained = true);
    // The node is given its time, and then up.
    await until(() => {
      clock.advance(1_000);
      return warnings.some((line) => line.includes("was not told"));
    });
    assert.ok(!isDrained);
    released.resolve();
    assert.equal(await answer, "done");
    await draining;
  });
});

Deno.test("An onWarning that throws when the node is lost is an uncaught error, and the agent closes", async () => {
  const failure = new RangeError("no more lines");
  const uncaught = await collectUncaught(() =>
    withMesh(async ({ node }) => {
      const hasThrown = Promise.withResolvers<void>();
      let isArmed = false;
      const agent = await Agent.connect(node.url, {
        name: "warned",
        onWarning: () => {
          if (!isArmed) return;
          // It is uncaught a microtask later.
          setTimeout(hasThrown.resolve);
          throw failure;
        },
      });
      isArmed = true;
      await node.close();
      await hasThrown.promise;
      await agent.close({ drainMs: 0 });
    })
  );
  assert.equal(uncaught[0], failure);
});

Deno.test("A node that is heard and does not answer in time fails the request and keeps its agent", async () => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const memory = new MemoryRegistry();
  const find = memory.find.bind(memory);
  const store = Object.assign(memory, {
    find: async (now: Instant, query: RegistryQuery): Promise<AgentEntry[]> => {
      asked.resolve();
      await answered.promise;
      return find(now, query);
    },
  });
  await withMesh(async ({ connect }) => {
    const warnings: string[] = [];
    const clock = new TimerClock();
    const agent = await connect({
      clock,
      onWarning: (line) => warnings.push(line),
    });
    warnings.length = 0;
    const discovering = assert.rejects(
      agent.discover(),
      (error) =>
        error instanceof CallError && error.code === "UNAVAILABLE" &&
        error.message.includes("no answer"),
    );
    await asked.promise;
    // What says that the node has the question is here by then.
    await agent.ping();
    clock.advance(MAX_NODE_REQUEST_TIMEOUT_MS);
    await discovering;
    assert.ok(agent.isConnected);
    assert.deepEqual(warnings, []);
    answered.resolve();
  }, { store });
});

Deno.test("An event to a node of which nothing is heard fails without a word on whether it arrived, and the agent comes back", async () => {
  await withMesh(async ({ node }) => {
    const parts = parseMxpUrl(node.url);
    const relay = await UdpRelay.start({
      target: { hostname: "127.0.0.1", port: parts.port },
    });
    const warnings: string[] = [];
    const clock = new TimerClock();
    const agent = await Agent.connect(
      formatMxpUrl({ ...parts, port: relay.address.port }),
      { clock, onWarning: (line) => warnings.push(line) },
    );
    const passAll = async (promise: Promise<unknown>): Promise<void> => {
      let isSettled = false;
      const settled = promise.finally(() => isSettled = true);
      await Promise.all([
        settled,
        until(() => {
          if (!isSettled) clock.advance(100);
          return isSettled;
        }),
      ]);
    };
    try {
      await agent.publish("topic", "arrives");
      relay.setFaults({ dropRate: 1 });
      await passAll(assert.rejects(
        agent.publish("topic", "vanishes"),
        (error) =>
          error instanceof CallError && error.code === "DEADLINE_EXCEEDED",
      ));
      assert.match(
        warnings.at(-1)!,
        /lost \(.*the node is silent\), connecting again/,
      );
      relay.setFaults({});
      await passAll(until(() => agent.isConnected));
      await agent.publish("topic", "arrives again");
    } finally {
      await agent.close({ drainMs: 0 });
      await relay.close();
    }
  });
});

/** Runs a test with a node that can be replaced by another at its address. */
async function withNodes(
  body: (
    nodes: {
      first: Node;
      startSecond: (options?: NodeOptions) => Promise<Node>;
    },
  ) => Promise<void>,
): Promise<void> {
  const keyPair = generateKeyPair(systemRandom);
  const first = await Node.start({ bind: "127.0.0.1:0", keyPair });
  const { port } = first.localAddress;
  const nodes = [first];
  try {
    await body({
      first,
      startSecond: async (options = {}) => {
        await first.close();
        const bind = `127.0.0.1:${port}`;
        nodes.push(await Node.start({ keyPair, ...options, bind }));
        return nodes[1]!;
      },
    });
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
}

function subscribeAll(
  agent: Agent,
  count: number,
): Promise<EventSubscription[]> {
  const topics = Array.from({ length: count }, (_, index) => `topic ${index}`);
  return Promise.all(topics.map((topic) => agent.subscribe(topic)));
}

Deno.test("Agent.subscribe() refuses a wrong pattern at once, with a node or without", async () => {
  await withMesh(async ({ node, connect }) => {
    const agent = await connect();
    await node.close();
    await until(() => !agent.isConnected);
    await assert.rejects(
      agent.subscribe("a*b"),
      (error) =>
        error instanceof CallError && error.code === "INVALID_ARGUMENT",
    );
  });
});

Deno.test("A subscription that the node refuses does not keep the agent from coming back, and is warned of", async () => {
  await withNodes(async ({ first, startSecond }) => {
    const warnings: string[] = [];
    // What waits for the node does not give up on a slow machine.
    const clock = new TimerClock();
    const agent = await Agent.connect(first.url, {
      clock,
      onWarning: (line) => warnings.push(line),
    });
    await subscribeAll(agent, MAX_SUBSCRIPTIONS_PER_CONNECTION);
    await first.close();
    await until(() => !agent.isConnected);
    const refused = assert.rejects(
      agent.subscribe("one more"),
      (error) =>
        error instanceof CallError && error.code === "RESOURCE_EXHAUSTED",
    );
    const second = await startSecond();
    await until(() => {
      if (second.status.connections === 0) clock.advance(10);
      return agent.isConnected;
    });
    await refused;
    assert.equal(
      second.status.subscriptions,
      MAX_SUBSCRIPTIONS_PER_CONNECTION,
    );
    assert.ok(
      warnings.some((line) =>
        line.startsWith("Subscription one more: refused")
      ),
    );
    await agent.close({ drainMs: 0 });
  });
});

Deno.test("A node that comes back with another key is refused in words, whatever is asked of it", async () => {
  await withNodes(async ({ first, startSecond }) => {
    const warnings: string[] = [];
    const clock = new TimerClock();
    const agent = await Agent.connect(first.url, {
      clock,
      onWarning: (line) => warnings.push(line),
    });
    await startSecond({ keyPair: generateKeyPair(systemRandom) });
    await until(() => {
      clock.advance(10);
      return warnings.some((line) => line.includes("does not hold the key"));
    });
    // From here on time stands still: nothing waits for a limit.
    const requests = [
      () => agent.publish("topic", 1),
      () => agent.subscribe("topic"),
      () => agent.discover(),
      () => agent.ping(),
      () => agent.call({ capability: "greet" }, "greet"),
    ];
    for (const request of requests) {
      await assert.rejects(request, (error) => {
        assert.ok(error instanceof CallError);
        assert.equal(error.code, "UNAUTHENTICATED");
        assert.ok(error.message.includes(first.fingerprint));
        assert.ok(error.cause instanceof TransportError);
        assert.equal(error.cause.code, "PEER_KEY_MISMATCH");
        return true;
      });
    }
    await agent.close({ drainMs: 0 });
  });
});

Deno.test("A subscription that is closed while the agent comes back is not kept at the node", async () => {
  await withNodes(async ({ first, startSecond }) => {
    const agent = await Agent.connect(first.url);
    const subscriptions = await subscribeAll(agent, 200);
    const second = await startSecond();
    // In the middle of subscribing again.
    await until(() => second.status.subscriptions > 0);
    const isBack = agent.isConnected;
    await Promise.all(subscriptions.map((each) => each.close()));
    await until(() => agent.isConnected);
    assert.equal(second.status.subscriptions, 0, `was back: ${isBack}`);
    await agent.close({ drainMs: 0 });
  });
});

Deno.test("An agent that closes while its node registers it again leaves no record", async () => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const memory = new MemoryRegistry();
  const register = memory.register.bind(memory);
  const store = Object.assign(memory, {
    register: async (now: Instant, record: AgentRecord): Promise<Lease> => {
      const lease = register(now, record);
      asked.resolve();
      await answered.promise;
      return lease;
    },
  });
  await withNodes(async ({ first, startSecond }) => {
    const agent = await Agent.connect(first.url, { name: "leaving" });
    const second = await startSecond({ store });
    await asked.promise;
    assert.equal((await second.agents()).length, 1);
    await agent.close();
    answered.resolve();
    assert.deepEqual(await second.agents(), []);
  });
});
