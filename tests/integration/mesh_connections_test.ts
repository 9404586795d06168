import assert from "node:assert/strict";
import {
  type Agent,
  CallError,
  type CallOptions,
  type SpanRecord,
} from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  CloseCode,
  systemRandom,
  TransportError,
} from "../../transport/mod.ts";
import { MemoryRegistry } from "../../registry/mod.ts";
import { type Mesh, whenAborted, withMesh } from "../support/mesh.ts";

/** Passes for a `CallError` of this code that names the limit. */
function namesLimit(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CallError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, /limits\.maxPeerConnections/);
    return true;
  };
}

/** Callees `0`, `1`, … that count the calls that reach them. */
async function connectCallees({ connect }: Mesh, count: number) {
  const reached: string[] = [];
  const names = Array.from({ length: count }, (_, index) => `${index}`);
  await Promise.all(names.map(async (name) => {
    const callee = await connect({ name, capabilities: ["work"] });
    callee.onCall("work", () => {
      reached.push(name);
      return name;
    });
    callee.onStream("hold", async function* ({ signal }) {
      reached.push(name);
      yield name;
      await whenAborted(signal);
    });
  }));
  return { names, reached };
}

/** Has a stream to each of them that does not end. */
async function hold(caller: Agent, names: readonly string[]) {
  const streams = names.map((name) => caller.stream({ name }, "hold"));
  await Promise.all(
    streams.map((stream) => stream[Symbol.asyncIterator]().next()),
  );
  return streams;
}

Deno.test("An agent calls more agents at one time than it keeps connections to", async () => {
  await withMesh(async (mesh) => {
    const { names } = await connectCallees(mesh, 12);
    const caller = await mesh.connect({ limits: { maxPeerConnections: 2 } });
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(
        // Two calls to each: the second waits with the first.
        [...names, ...names].map((name) => caller.call({ name }, "work")),
      );
      assert.deepEqual(answers, [...names, ...names]);
    }
    const chunks = await Promise.all(names.map(async (name) => {
      for await (const chunk of caller.stream({ name }, "hold")) return chunk;
    }));
    assert.deepEqual(chunks, names);
    const pings = names.map((name) => caller.ping({ name }));
    assert.equal((await Promise.all(pings)).length, names.length);
  });
});

Deno.test("A call that waits for a connection ends with its own limits, and has not been started", async () => {
  await withMesh(async (mesh) => {
    const { names, reached } = await connectCallees(mesh, 3);
    const caller = await mesh.connect({
      limits: { maxPeerConnections: 2, discoveryCacheMs: 60_000 },
    });
    // From here on it knows where that one is.
    await caller.ping({ name: "2" });
    const streams = await hold(caller, names.slice(0, 2));
    const spans: SpanRecord[] = [];
    caller.onSpan((span) => spans.push(span));
    const call = (options: CallOptions) =>
      caller.call({ name: "2" }, "work", null, options);
    await assert.rejects(
      call({ timeoutMs: 50 }),
      namesLimit("DEADLINE_EXCEEDED"),
    );
    assert.equal(spans[0]!.status, "DEADLINE_EXCEEDED");
    await assert.rejects(
      call({ idleTimeoutMs: 50 }),
      namesLimit("DEADLINE_EXCEEDED"),
    );
    await assert.rejects(
      caller.ping({ name: "2" }, { timeoutMs: 50 }),
      (error) => (error as CallError).code === "DEADLINE_EXCEEDED",
    );
    // A stream has no total limit: it is not to wait for ever.
    const late = caller.stream({ name: "2" }, "hold", null, {
      idleTimeoutMs: 50,
    });
    assert.equal((await late.ending).code, "DEADLINE_EXCEEDED");
    assert.match((await late.ending).message!, /limits\.maxPeerConnections/);
    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = call({ signal: controller.signal });
    const waiting = call({});
    controller.abort(reason);
    await assert.rejects(aborted, (error) => error === reason);
    assert.deepEqual(reached.toSorted(), ["0", "1"]);
    // Those that are connected are called as ever.
    assert.equal(await caller.call({ name: "0" }, "work"), "0");
    streams[1]!.cancel();
    assert.equal(await waiting, "2");
    assert.deepEqual(reached.slice(2), ["0", "2"]);
    streams[0]!.cancel();
  });
});

Deno.test("A call that waits for a connection goes to any agent of its capability, and is given up when its agent closes", async () => {
  await withMesh(async (mesh) => {
    const { names } = await connectCallees(mesh, 3);
    const held = await mesh.connect({ name: "held" });
    held.onStream("hold", async function* ({ signal }) {
      yield "";
      await whenAborted(signal);
    });
    const caller = await mesh.connect({
      limits: { maxPeerConnections: 1, discoveryCacheMs: 60_000 },
    });
    await caller.call({ capability: "work" }, "work");
    const [stream] = await hold(caller, ["held"]);
    const calls = names.map(() =>
      caller.call<string>({ capability: "work" }, "work")
    );
    // They wait by now.
    await assert.rejects(
      caller.call({ capability: "work" }, "work", null, { timeoutMs: 50 }),
      namesLimit("DEADLINE_EXCEEDED"),
    );
    stream!.cancel();
    const answers = await Promise.all(calls);
    assert.equal(new Set(answers).size, 1);
    assert.ok(names.includes(answers[0]!));

    await hold(caller, ["held"]);
    const waiting = assert.rejects(
      caller.call({ name: "0" }, "work"),
      (error) => (error as CallError).code === "CANCELLED",
    );
    const unread = caller.stream({ name: "1" }, "hold");
    await caller.close({ drainMs: 0 });
    await waiting;
    assert.equal((await unread.ending).code, "CANCELLED");
  });
});

Deno.test("A call goes elsewhere when its callee takes no more connections of its key, and says so where there is no other", async () => {
  await withMesh(async (mesh) => {
    const keyPair = generateKeyPair(systemRandom);
    let connectionCount = 0;
    const full = await mesh.connect({
      name: "full",
      capabilities: ["work"],
      transport: { maxConnectionsPerKey: 1 },
      observe: () => ({
        onConnection: () => {
          connectionCount++;
          return undefined;
        },
      }),
    });
    let count = 0;
    full.onCall("work", () => `full ${++count}`);
    const [first, second] = [
      await mesh.connect({ keyPair }),
      await mesh.connect({ keyPair }),
    ];
    const target = { name: "full" };
    assert.equal(await first.call(target, "work"), "full 1");
    const isRefused = (error: unknown): boolean => {
      assert.ok(error instanceof CallError, String(error));
      assert.equal(error.code, "UNAVAILABLE");
      assert.match(error.message, /takes no more connections/);
      return true;
    };
    await assert.rejects(second.call(target, "work"), isRefused);
    await assert.rejects(second.ping(target), isRefused);
    for (let i = 0; i < 100; i++) {
      await assert.rejects(second.call(target, "work"), isRefused);
    }
    // A handshake for each would be a hundred more.
    assert.ok(connectionCount < 10, `${connectionCount} connections`);
    const other = await mesh.connect({
      name: "other",
      capabilities: ["work"],
    });
    other.onCall("work", () => "other");
    for (let i = 0; i < 8; i++) {
      assert.equal(await second.call({ capability: "work" }, "work"), "other");
    }
    assert.equal(await first.call(target, "work"), "full 2");
  });
});

Deno.test("Calls that go round an agent that takes no more connections do not ask the node each time", async () => {
  const store = new MemoryRegistry();
  let askedCount = 0;
  const find = store.find.bind(store);
  store.find = (...query) => {
    askedCount++;
    return find(...query);
  };
  await withMesh(async (mesh) => {
    const keyPair = generateKeyPair(systemRandom);
    for (const name of ["full", "other"]) {
      const agent = await mesh.connect({
        name,
        capabilities: ["work"],
        transport: { maxConnectionsPerKey: 1 },
      });
      agent.onCall("work", () => name);
    }
    const first = await mesh.connect({ keyPair });
    assert.equal(await first.call({ name: "full" }, "work"), "full");
    const second = await mesh.connect({ keyPair });
    for (let i = 0; i < 100; i++) {
      assert.equal(await second.call({ capability: "work" }, "work"), "other");
    }
    assert.ok(askedCount < 25, `asked ${askedCount} times`);
  }, { store });
});

Deno.test("A call that is given up with the end of another connection has not been refused by its own callee", async () => {
  await withMesh(async (mesh) => {
    const callee = await mesh.connect({ name: "callee" });
    const giveUp: AbortController[] = [];
    callee.onCall("work", async ({ signal }) => {
      giveUp.shift()?.abort(refusal());
      await whenAborted(signal);
    });
    const caller = await mesh.connect();
    const lost = (error: unknown): boolean => {
      assert.ok(error instanceof CallError, String(error));
      assert.equal(error.code, "CONNECTION_LOST");
      return true;
    };
    // The first one connects, the second one finds the connection.
    for (let turn = 0; turn < 2; turn++) {
      const controller = new AbortController();
      giveUp.push(controller);
      const { signal } = controller;
      await assert.rejects(
        caller.call({ name: "callee" }, "work", null, { signal }),
        lost,
      );
    }
    await assert.rejects(
      (await mesh.connect()).call({ name: "callee" }, "work", null, {
        input: (async function* () {
          yield 1;
          throw refusal();
        })(),
      }),
      lost,
    );
  });
});

/** What ends a connection that is refused. */
function refusal(): TransportError {
  return new TransportError("CLOSED_BY_PEER", "Another connection", {
    closeCode: CloseCode.CONNECTION_REFUSED,
  });
}
