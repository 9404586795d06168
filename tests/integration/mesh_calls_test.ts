import assert from "node:assert/strict";
import {
  type Agent,
  type AgentOptions,
  CallError,
  type CallOptions,
  MxpError,
  type SpanRecord,
  type StreamPriority,
} from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  type AgentEntry,
  type Instant,
  MemoryRegistry,
  type RegistryQuery,
} from "../../registry/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import { currentCall } from "../../mesh/call_context.ts";
import { collect, until, whenAborted, withMesh } from "../support/mesh.ts";
import { RecordingCarrier } from "../support/recording_carrier.ts";
import { TimerClock } from "../support/timer_clock.ts";

/** Passes for a `CallError` of this code. */
function hasCode(code: string, text = ""): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CallError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(text), error.message);
    return true;
  };
}

Deno.test("Agent.call() carries bytes, text and JSON both ways", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "echo", tags: ["fast"] });
    callee.onCall("echo", (request) => request.value);
    const caller = await connect();
    for (
      const target of [{ name: "echo" }, { tag: "fast" }, { id: callee.id }]
    ) {
      for (const value of ["text", new Uint8Array([1, 2]), { a: [1] }, null]) {
        assert.deepEqual(await caller.call(target, "echo", value), value);
      }
    }
    const long = { text: "word ".repeat(1_000) };
    for (const compress of [true, "auto"] as const) {
      assert.deepEqual(
        await caller.call({ name: "echo" }, "echo", long, { compress }),
        long,
      );
    }
  });
});

Deno.test("Bytes arrive as they were when they were given, whatever a request waits for", async () => {
  await withMesh(async ({ connect }) => {
    const hold = Promise.withResolvers<void>();
    const connectCallee = async (name: string): Promise<void> => {
      const callee = await connect({ name, transport: { maxBidiStreams: 1 } });
      callee.onCall("echo", (request) => request.value);
      callee.onCall("hold", () => hold.promise);
      callee.onStream("stream", function* (request) {
        yield request.value;
      });
    };
    await connectCallee("one");
    await connectCallee("two");
    const caller = await connect();
    const bytes = new Uint8Array(3);
    const use = <Result>(request: () => Result): Result => {
      bytes.fill(1);
      const result = request();
      bytes.fill(2);
      return result;
    };
    const call = (name: string): Promise<Uint8Array> =>
      use(() => caller.call<Uint8Array>({ name }, "echo", bytes));
    const stream = (name: string): Promise<Uint8Array[]> =>
      collect(use(() => caller.stream<Uint8Array>({ name }, "stream", bytes)));
    const given = new Uint8Array(3).fill(1);
    assert.deepEqual(await call("one"), given, "not connected");
    assert.deepEqual(await call("one"), given, "connected");
    assert.deepEqual(await stream("two"), [given], "not connected");
    assert.deepEqual(await stream("two"), [given], "connected");
    const held = ["one", "two"].map((name) => caller.call({ name }, "hold"));
    const waiting = [call("one"), stream("two")];
    hold.resolve();
    await Promise.all(held);
    assert.deepEqual(await Promise.all(waiting), [given, [given]], "no stream");
    const events = await caller.subscribe("topic");
    await use(() => caller.publish("topic", bytes));
    for await (const { value } of events) {
      assert.deepEqual(value, given, "event");
      break;
    }
  });
});

Deno.test("Agent.call() tells the handler who calls and what the caller said", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee", capabilities: ["see"] });
    callee.onCall("who", ({ caller, metadata, capability, remainingMs }) => ({
      id: caller.id ?? "",
      name: caller.name ?? "",
      fingerprint: caller.fingerprint,
      metadata: { ...metadata },
      capability: capability ?? "",
      hasTime: remainingMs! > 0 && remainingMs! <= 20_000,
    }));
    const caller = await connect({ name: "caller" });
    assert.deepEqual(
      await caller.call({ capability: "see" }, "who", null, {
        timeoutMs: 20_000,
        metadata: { key: "value" },
      }),
      {
        id: caller.id,
        name: "caller",
        fingerprint: caller.fingerprint,
        metadata: { key: "value" },
        capability: "see",
        hasTime: true,
      },
    );
  });
});

Deno.test("Agent.call() says of metadata that no message holds that they are too long", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    callee.onCall("see", ({ metadata }) => metadata["k"]!.length);
    const caller = await connect();
    const lengthOf = (length: number) =>
      caller.call({ name: "callee" }, "see", null, {
        metadata: { k: "v".repeat(length) },
      });
    for (const length of [70_000, 17 * 1024 * 1024]) {
      await assert.rejects(lengthOf(length), {
        code: "INVALID_VALUE",
        message: "Metadata: it is above 65535 bytes",
      });
    }
    assert.equal(await lengthOf(60_000), 60_000);
  });
});

Deno.test("Agent.call() names an unknown capability and an unknown method", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee", capabilities: ["see"] });
    callee.onStream("words", async function* () {});
    callee.onCall("word", () => "word");
    const caller = await connect();
    await assert.rejects(
      caller.call({ capability: "fly" }, "fly"),
      (error) => {
        assert.ok(hasCode("NOT_FOUND", '"fly"')(error));
        assert.equal((error as CallError).capability, "fly");
        return true;
      },
    );
    await assert.rejects(
      caller.call({ capability: "see" }, "hear"),
      (error) => {
        assert.ok(hasCode("UNIMPLEMENTED", "hear")(error));
        assert.equal((error as CallError).method, "hear");
        return true;
      },
    );
    await assert.rejects(
      caller.call({ name: "callee" }, "words"),
      hasCode("UNIMPLEMENTED", "stream"),
    );
    await assert.rejects(
      caller.stream({ name: "callee" }, "word")[Symbol.asyncIterator]().next(),
      hasCode("UNIMPLEMENTED", "one value"),
    );
  });
});

Deno.test("Calls for which there is no stream wait for one, as long as nobody gives them up", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({
      name: "callee",
      transport: { maxBidiStreams: 3 },
    });
    const isReleased = Promise.withResolvers<void>();
    callee.onCall("hold", () => isReleased.promise);
    callee.onCall("echo", (request) => request.value);
    const caller = await connect();
    const target = { name: "callee" };
    await caller.call(target, "echo");
    const held = Array.from({ length: 3 }, () => caller.call(target, "hold"));
    const controller = new AbortController();
    const givenUp = caller.call(target, "echo", null, {
      signal: controller.signal,
    });
    const late = caller.call(target, "echo", null, { timeoutMs: 50 });
    const waiting = Array.from(
      { length: 20 },
      (_, index) => caller.call(target, "echo", index),
    );
    await assert.rejects(late, hasCode("DEADLINE_EXCEEDED"));
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(givenUp, reason);
    isReleased.resolve();
    await Promise.all(held);
    assert.deepEqual(
      await Promise.all(waiting),
      Array.from({ length: 20 }, (_, index) => index),
    );
  });
});

Deno.test("The newest of the calls that wait for a stream comes first once the time of one was over", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({
      name: "callee",
      transport: { maxBidiStreams: 1 },
    });
    let isReleased = Promise.withResolvers<void>();
    const served: unknown[] = [];
    callee.onCall("hold", () => isReleased.promise);
    callee.onCall("note", (request) => void served.push(request.value));
    const caller = await connect();
    const target = { name: "callee" };
    const note = (value: number, options?: CallOptions): Promise<unknown> =>
      caller.call(target, "note", value, options);
    const serve = async (giveUp: () => Promise<void>): Promise<unknown[]> => {
      served.length = 0;
      isReleased = Promise.withResolvers();
      const held = caller.call(target, "hold");
      const waiting = [0, 1, 2, 3].map((value) => note(value));
      await giveUp();
      waiting.push(note(4));
      isReleased.resolve();
      await Promise.all([held, ...waiting]);
      return served;
    };
    await note(0);
    const controller = new AbortController();
    const { signal } = controller;
    const inOrder = serve(async () => {
      const givenUp = note(9, { signal });
      controller.abort(new Error("enough"));
      await assert.rejects(givenUp, /enough/);
    });
    assert.deepEqual(await inOrder, [0, 1, 2, 3, 4]);
    const inTime = serve(() =>
      assert.rejects(note(9, { timeoutMs: 50 }), hasCode("DEADLINE_EXCEEDED"))
    );
    assert.deepEqual(await inTime, [4, 3, 2, 1, 0]);
  });
});

Deno.test("Calls that wait for a stream end with the connection", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({
      name: "callee",
      transport: { maxBidiStreams: 1 },
    });
    const isHeld = Promise.withResolvers<void>();
    callee.onCall("hold", async ({ signal }) => {
      isHeld.resolve();
      await whenAborted(signal);
    });
    const caller = await connect();
    const calls = Array.from(
      { length: 5 },
      () => caller.call({ name: "callee" }, "hold"),
    );
    const outcomes = Promise.allSettled(calls);
    await isHeld.promise;
    await callee.close({ drainMs: 0 });
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, "rejected");
      assert.ok(outcome.reason instanceof CallError, String(outcome.reason));
    }
  });
});

Deno.test("Agent.call() rejects with what the handler threw, without its stack", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    callee.onCall("quota", () => {
      throw new CallError("RESOURCE_EXHAUSTED", "Quota: used up", {
        retryAfterMs: 5_000,
      });
    });
    callee.onCall("break", () => {
      throw new Error(`${"x".repeat(600)}\n    at secret.ts:1`);
    });
    const caller = await connect();
    await assert.rejects(caller.call({ name: "callee" }, "quota"), (error) => {
      assert.ok(hasCode("RESOURCE_EXHAUSTED", "Quota: used up")(error));
      assert.equal((error as CallError).retryAfterMs, 5_000);
      return true;
    });
    await assert.rejects(caller.call({ name: "callee" }, "break"), (error) => {
      assert.ok(hasCode("INTERNAL")(error));
      assert.equal((error as CallError).message, "x".repeat(500));
      return true;
    });
  });
});

Deno.test("Agent.call() ends at its deadline at both ends", async () => {
  await withMesh(async ({ connect }) => {
    const clocks = [new TimerClock(), new TimerClock()] as const;
    const callee = await connect({ name: "callee", clock: clocks[0] });
    const caller = await connect({ clock: clocks[1] });
    let started = Promise.withResolvers<void>();
    let stopped = Promise.withResolvers<unknown>();
    callee.onCall("wait", async (request) => {
      started.resolve();
      stopped.resolve(await whenAborted(request.signal));
    });
    // Whichever of them is the first to see that the time is over.
    for (const clock of clocks) {
      started = Promise.withResolvers();
      stopped = Promise.withResolvers();
      const ended = assert.rejects(
        caller.call({ name: "callee" }, "wait", null, { timeoutMs: 300 }),
        hasCode("DEADLINE_EXCEEDED"),
      );
      await started.promise;
      clock.advance(300);
      await ended;
      assert.ok(hasCode("DEADLINE_EXCEEDED")(await stopped.promise));
    }
  });
});

Deno.test("Agent.call() rejects with the reason of an aborted signal, and the handler hears of it", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const started = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<unknown>();
    callee.onCall("wait", async (request) => {
      started.resolve();
      stopped.resolve(await whenAborted(request.signal));
    });
    const caller = await connect();
    const controller = new AbortController();
    const call = caller.call({ name: "callee" }, "wait", null, {
      signal: controller.signal,
    });
    await started.promise;
    controller.abort("enough");
    await assert.rejects(call, (reason) => reason === "enough");
    assert.ok(hasCode("CANCELLED")(await stopped.promise));
    const aborted = AbortSignal.abort("before");
    await assert.rejects(
      caller.call({ name: "callee" }, "wait", null, { signal: aborted }),
      (reason) => reason === "before",
    );
  });
});

Deno.test("Agent.call() runs concurrent calls over one connection and goes round the candidates", async () => {
  await withMesh(async ({ connect }) => {
    const peers = new Set<string>();
    for (const name of ["a", "b"]) {
      const callee = await connect({ name, capabilities: ["work"] });
      callee.onCall("work", ({ caller }) => {
        peers.add(`${name} ${caller.address}`);
        return name;
      });
    }
    const caller = await connect();
    const names = await Promise.all(
      Array.from(
        { length: 40 },
        () => caller.call<string>({ capability: "work" }, "work"),
      ),
    );
    assert.equal(names.filter((name) => name === "a").length, 20);
    assert.equal(peers.size, 2);
  });
});

Deno.test("Agent.call() passes over agents that are gone or take no calls", async () => {
  await withMesh(async ({ connect }) => {
    const agents = await Promise.all(
      ["a", "b", "c"].map((name) => connect({ name, capabilities: ["work"] })),
    );
    for (const agent of agents) agent.onCall("work", () => agent.name);
    const caller = await connect({ limits: { discoveryCacheMs: 60_000 } });
    await caller.call({ capability: "work" }, "work");
    await agents[0]!.close();
    await agents[1]!.drain();
    for (let call = 0; call < 6; call++) {
      assert.equal(await caller.call({ capability: "work" }, "work"), "c");
    }
    await assert.rejects(
      caller.call({ id: agents[1]!.id }, "work"),
      (error) => {
        assert.ok(hasCode("UNAVAILABLE", "no new calls")(error));
        assert.ok((error as CallError).retryAfterMs! > 0);
        return true;
      },
    );
  });
});

Deno.test("Agent.call() goes to others while an agent does not answer, and to it again when it does", async () => {
  await withMesh(async ({ connect }) => {
    const carrier = await RecordingCarrier.bind();
    const names = ["a", "b", "frozen"];
    for (const name of names) {
      const agent = await connect({
        name,
        capabilities: ["work"],
        ...(name === "frozen" ? { carrier } : {}),
      });
      agent.onCall("work", () => name);
    }
    const caller = await connect({ transport: { idleTimeoutMs: 60_000 } });
    const call = (timeoutMs = 30_000) =>
      caller.call<string>({ capability: "work" }, "work", null, { timeoutMs });
    const answers = await Promise.all(names.map(() => call()));
    assert.deepEqual(answers.sort(), names);
    carrier.isMute = true;
    const stuck = caller.call({ name: "frozen" }, "work");
    let failedCount = 0;
    for (let inARow = 0; inARow < 9; inARow++) {
      await call(100).catch(() => {
        failedCount++;
        inARow = 0;
      });
      assert.ok(failedCount < 20, "every third call is for the frozen one");
    }
    carrier.isMute = false;
    await until(async () => await call() === "frozen");
    assert.equal(await stuck, "frozen");
  });
});

Deno.test("Agent.call() that was not taken by one agent goes to one that answers, and not to one that does not", async () => {
  await withMesh(async ({ connect }) => {
    const carrier = await RecordingCarrier.bind();
    const begun = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    const parts: Record<string, AgentOptions> = {
      busy: { limits: { maxHandlersInFlight: 1 } },
      frozen: { carrier },
      well: {},
    };
    for (const [name, options] of Object.entries(parts)) {
      const agent = await connect({ name, capabilities: ["work"], ...options });
      agent.onCall("work", () => name);
      agent.onCall("hold", () => {
        begun.resolve();
        return free.promise;
      });
    }
    const caller = await connect({ transport: { idleTimeoutMs: 60_000 } });
    const call = (timeoutMs = 30_000) =>
      caller.call<string>({ capability: "work" }, "work", null, { timeoutMs });
    const turns = [await call(), await call(), await call()];
    assert.deepEqual(turns.toSorted(), Object.keys(parts).toSorted());
    const held = caller.call({ name: "busy" }, "hold");
    await begun.promise;
    carrier.isMute = true;
    const stuck = caller.call({ name: "frozen" }, "work");
    let failedCount = 0;
    for (let inARow = 0; inARow < 9; inARow++) {
      await call(200).then((name) => assert.equal(name, "well"), () => {
        failedCount++;
        inARow = 0;
      });
      assert.ok(failedCount < 20, "every second call is for the frozen one");
    }
    carrier.isMute = false;
    free.resolve();
    await Promise.all([held, stuck]);
  });
});

Deno.test("Agent.call() goes to a candidate that is connected when it has no connection left for another", async () => {
  await withMesh(async ({ connect }) => {
    const names = ["a", "b", "c", "d", "e", "f"];
    let release = Promise.withResolvers<void>();
    for (const name of names) {
      const callee = await connect({ name, capabilities: ["work"] });
      callee.onCall("work", () => release.promise.then(() => name));
    }
    const caller = await connect({ limits: { maxPeerConnections: 1 } });
    const work = (): Promise<string> =>
      caller.call<string>({ capability: "work" }, "work");
    const calls = Promise.all(names.map(work));
    release.resolve();
    assert.equal(new Set(await calls).size, 1);
    // In use, by a call to one of them: whom the others are turned to.
    release = Promise.withResolvers();
    const first = caller.call<string>({ name: "a" }, "work");
    await caller.ping({ name: "a" });
    const others = Promise.all(names.map(work));
    await assert.rejects(
      caller.call({ name: "b" }, "work", null, { timeoutMs: 1 }),
      hasCode("DEADLINE_EXCEEDED"),
    );
    release.resolve();
    assert.deepEqual([await first, ...await others], Array(7).fill("a"));
  });
});

/** Counts the questions of agents. */
class CountingRegistry extends MemoryRegistry {
  findCount = 0;

  override find(now: Instant, query: RegistryQuery): AgentEntry[] {
    this.findCount++;
    return super.find(now, query);
  }
}

Deno.test("Agent.call() remembers discoveries of as many targets as the agent may have connections", async () => {
  const store = new CountingRegistry();
  await withMesh(async ({ connect }) => {
    // More than are remembered as a rule, of a few agents.
    const capabilities = Array.from({ length: 300 }, (_, index) => `c${index}`);
    for (let start = 0; start < capabilities.length; start += 60) {
      const callee = await connect({
        name: `callee ${start}`,
        capabilities: capabilities.slice(start, start + 60),
      });
      callee.onCall("work", () => "done");
    }
    const caller = await connect({
      // For it no connection takes so long that it asks whether the agent is there.
      clock: new TimerClock(),
      limits: {
        maxPeerConnections: capabilities.length,
        discoveryCacheMs: 3_600_000,
      },
    });
    for (let round = 0; round < 2; round++) {
      for (const capability of capabilities) {
        assert.equal(await caller.call({ capability }, "work"), "done");
      }
    }
    assert.equal(store.findCount, capabilities.length);
  }, { store });
});

Deno.test("Agent.drain() lets running handlers finish", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<string>();
    callee.onCall("work", () => {
      started.resolve();
      return release.promise;
    });
    const caller = await connect();
    const call = caller.call({ name: "callee" }, "work");
    await started.promise;
    const closing = callee.close();
    release.resolve("done");
    assert.equal(await call, "done");
    await closing;
  });
});

Deno.test("Agent.close() lets the answers of its handlers arrive, large ones and errors as well", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const release = Promise.withResolvers<void>();
    let startedCount = 0;
    const started = Promise.withResolvers<void>();
    const begin = async (): Promise<void> => {
      if (++startedCount === 3) started.resolve();
      await release.promise;
    };
    callee.onCall("large", async () => {
      await begin();
      return new Uint8Array(1 << 20);
    });
    callee.onCall("fail", async () => {
      await begin();
      throw new CallError("FAILED_PRECONDITION", "Not today");
    });
    callee.onStream("stream", async function* () {
      await begin();
      for (let part = 0; part < 64; part++) yield new Uint8Array(16_384);
    });
    const caller = await connect();
    const target = { id: callee.id };
    const answers = Promise.all([
      caller.call<Uint8Array>(target, "large"),
      collect(caller.stream<Uint8Array>(target, "stream")),
      assert.rejects(
        caller.call(target, "fail"),
        hasCode("FAILED_PRECONDITION", "Not today"),
      ),
    ]);
    const closing = started.promise.then(() => callee.close());
    started.promise.then(() => release.resolve());
    const [large, stream] = await answers;
    assert.equal(large.length, 1 << 20);
    assert.equal(stream.length, 64);
    await closing;
  });
});

Deno.test("Agent.close() waits for a slow reader until drainMs ends", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const done = Promise.withResolvers<void>();
    callee.onStream("stream", function* () {
      yield new Uint8Array(1_000);
      yield new Uint8Array(400_000);
      done.resolve();
    });
    const caller = await connect({ transport: { maxStreamDataBytes: 16_384 } });
    const stream = caller.stream({ id: callee.id }, "stream");
    const reading = stream[Symbol.asyncIterator]();
    await reading.next();
    await done.promise;
    const begunAt = performance.now();
    await callee.close({ drainMs: 300 });
    assert.ok(performance.now() - begunAt >= 299);
    await assert.rejects(reading.next(), hasCode("CONNECTION_LOST"));
  });
});

Deno.test("Agent.call() with an idempotency key runs the handler once per caller", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    let runs = 0;
    callee.onCall("pay", () => ++runs);
    const one = await connect();
    const two = await connect();
    const pay = (agent: Agent, idempotencyKey: string): Promise<number> =>
      agent.call<number>({ name: "callee" }, "pay", null, { idempotencyKey });
    assert.deepEqual(
      await Promise.all([pay(one, "x"), pay(one, "x"), pay(one, "x")]),
      [1, 1, 1],
    );
    assert.equal(await pay(one, "y"), 2);
    assert.equal(await pay(two, "x"), 3);
    assert.equal(await pay(one, "x"), 1);
  });
});

Deno.test("Agent limits the handlers in flight", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({
      name: "callee",
      limits: { maxHandlersInFlight: 1 },
    });
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<string>();
    callee.onCall("work", () => {
      started.resolve();
      return release.promise;
    });
    const caller = await connect();
    const first = caller.call({ name: "callee" }, "work");
    await started.promise;
    await assert.rejects(
      caller.call({ name: "callee" }, "work"),
      hasCode("RESOURCE_EXHAUSTED"),
    );
    release.resolve("done");
    assert.equal(await first, "done");
  });
});

Deno.test("A burst of calls and streams of one caller is served, however many more they are than handlers", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const caller = await connect();
    const release = Promise.withResolvers<void>();
    let runningCount = 0;
    let mostRunning = 0;
    const run = async (): Promise<void> => {
      mostRunning = Math.max(mostRunning, ++runningCount);
      await release.promise;
      runningCount--;
    };
    callee.onCall("call", async (request) => {
      await run();
      return request.value;
    });
    callee.onStream("stream", async function* (request) {
      await run();
      yield request.value;
    });
    const target = { name: "callee" };
    const calls = Array.from(
      { length: 2_000 },
      (_, index) => caller.call<number>(target, "call", index),
    );
    const streams = Array.from({ length: 500 }, async (_, index) => {
      const values = [];
      for await (
        const value of caller.stream<number>(target, "stream", index)
      ) {
        values.push(value);
      }
      return values;
    });
    while (runningCount < 512) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // Another caller does not wait for them.
    callee.onCall("now", () => "now");
    const other = await connect();
    assert.equal(await other.call(target, "now"), "now");
    release.resolve();
    const answers = await Promise.all(calls);
    assert.deepEqual(answers, Array.from({ length: 2_000 }, (_, at) => at));
    const chunks = await Promise.all(streams);
    assert.deepEqual(chunks, Array.from({ length: 500 }, (_, at) => [at]));
    assert.equal(mostRunning, 512);
  });
});

Deno.test("Large requests that begin together are all served, also where some are given up, and hold small ones up for nothing", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const caller = await connect();
    callee.onCall("length", (request) => request.bytes().length);
    const target = { name: "callee" };
    const call = (length: number, options?: CallOptions): Promise<number> =>
      caller.call(target, "length", new Uint8Array(length), options);
    await call(1);
    // More than a callee holds of what one caller has not sent in full.
    const given = new AbortController();
    const { signal } = given;
    const large: Promise<number>[] = [];
    const givenUp: Promise<void>[] = [];
    for (let count = 0; count < 160; count++) {
      large.push(call(1_000_000));
      if (count % 20 > 0) continue;
      const reason = (error: unknown) => error === "enough";
      givenUp.push(assert.rejects(call(16_000_000, { signal }), reason));
    }
    assert.equal(await call(1), 1);
    given.abort("enough");
    assert.deepEqual(await Promise.all(large), Array(160).fill(1_000_000));
    await Promise.all(givenUp);
    assert.equal(await call(16_000_000), 16_000_000);
  });
});

Deno.test("Large requests leave by their priority", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const caller = await connect();
    callee.onCall("length", (request) => request.bytes().length);
    const target = { name: "callee" };
    await caller.call(target, "length", new Uint8Array(1));
    const order: StreamPriority[] = [];
    const call = async (
      length: number,
      priority: StreamPriority,
    ): Promise<void> => {
      const value = new Uint8Array(length);
      await caller.call(target, "length", value, { priority });
      order.push(priority);
    };
    await Promise.all([
      // Two of them fill the turns.
      ...Array.from({ length: 10 }, () => call(16_000_000, "bulk")),
      call(1_000_000, "interactive"),
      call(1_000_000, "control"),
    ]);
    assert.ok(order.indexOf("control") < 5, order.join());
    assert.ok(order.indexOf("interactive") < 5, order.join());
  });
});

Deno.test("A request too large for a message fails as such, and holds no other up", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const caller = await connect();
    callee.onCall("length", (request) => request.bytes().length);
    const target = { name: "callee" };
    const call = (length: number): Promise<number> =>
      caller.call(target, "length", new Uint8Array(length));
    await call(1);
    await Promise.all([
      assert.rejects(
        // Above all that takes turns at a time.
        call(40_000_000),
        (error) =>
          error instanceof MxpError && error.code === "PAYLOAD_TOO_LARGE",
      ),
      call(1_000_000).then((length) => assert.equal(length, 1_000_000)),
    ]);
  });
});

Deno.test("Large requests whose input goes on do not keep others from leaving", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const caller = await connect();
    callee.onStream("lengths", async function* (request) {
      yield request.bytes().length;
      for await (const value of request.input) yield value;
    });
    const target = { name: "callee" };
    const value = new Uint8Array(15_000_000);
    const release = Promise.withResolvers<string>();
    const streams: AsyncIterator<unknown>[] = [];
    async function* input(): AsyncGenerator<string> {
      yield await release.promise;
    }
    for (let count = 0; count < 4; count++) {
      const stream = caller.stream(target, "lengths", value, {
        input: input(),
        timeoutMs: 30_000,
      });
      const chunks = stream[Symbol.asyncIterator]();
      streams.push(chunks);
      assert.equal((await chunks.next()).value, value.length);
    }
    release.resolve("more");
    for (const chunks of streams) {
      assert.equal((await chunks.next()).value, "more");
      assert.ok((await chunks.next()).done);
    }
  });
});

Deno.test("Agent.call() reaches an agent by its address, whose key may be pinned", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    callee.onCall("echo", (request) => request.value);
    const caller = await connect();
    const { port } = callee.localAddress;
    const at = (path: string) => ({ url: `mxp://127.0.0.1:${port}${path}` });
    const key = encodeKey(callee.publicKey);
    const other = encodeKey(generateKeyPair(systemRandom).publicKey);
    for (const path of ["", `/${callee.id}`, `/${callee.id}?pk=${key}`]) {
      assert.equal(await caller.call(at(path), "echo", path), path);
    }
    await assert.rejects(
      caller.call(at(`?pk=${other}`), "echo"),
      hasCode("UNAUTHENTICATED", "SHA256:"),
    );
    await assert.rejects(
      caller.call(at(`/${caller.id}`), "echo"),
      hasCode("UNAVAILABLE", "not here"),
    );
  });
});

Deno.test("Agent.ping() measures the way to the node and to an agent", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    assert.ok(await callee.ping() > 0);
    const caller = await connect();
    assert.ok(await caller.ping({ name: "callee" }) > 0);
    await assert.rejects(caller.ping({ name: "nobody" }), hasCode("NOT_FOUND"));
  });
});

Deno.test("Agent.call() carries values up to the limit of a message and refuses larger ones", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    callee.onCall("length", (request) => request.bytes().length);
    const caller = await connect();
    const largest = new Uint8Array(16 * 1024 * 1024 - 1_000);
    assert.equal(
      await caller.call({ name: "callee" }, "length", largest),
      largest.length,
    );
    await assert.rejects(
      caller.call(
        { name: "callee" },
        "length",
        new Uint8Array(16 * 1024 * 1024),
      ),
      (error) =>
        error instanceof MxpError && error.code === "PAYLOAD_TOO_LARGE",
    );
  });
});

Deno.test("Agents refuse JSON that nobody would take before they look for anybody to send it to", async () => {
  const tooMuch = new Array(500_000).fill([]);
  await withMesh(async ({ connect }) => {
    const isTooLarge = (error: unknown): boolean =>
      error instanceof MxpError && error.code === "PAYLOAD_TOO_LARGE" &&
      error.fault === "caller";
    const callee = await connect({ name: "callee" });
    callee.onCall("much", () => tooMuch);
    const caller = await connect();
    const nobody = { name: "nobody" };
    await assert.rejects(caller.call(nobody, "method", tooMuch), isTooLarge);
    assert.throws(() => caller.stream(nobody, "method", tooMuch), isTooLarge);
    await assert.rejects(caller.publish("topic", tooMuch), isTooLarge);
    // As text it is looked at by nobody.
    await assert.rejects(
      caller.call(nobody, "method", JSON.stringify(tooMuch)),
      hasCode("NOT_FOUND"),
    );
    await assert.rejects(
      caller.call({ name: "callee" }, "much"),
      hasCode("INTERNAL", "JSON: 5500009 units of values and names"),
    );
  });
});

Deno.test("What a handler leaves running belongs to no call any more", async () => {
  type Facts = { remainingMs: number; isTraced: boolean };
  await withMesh(async ({ connect }) => {
    const leaf = await connect({ name: "leaf" });
    leaf.onCall("time", (request) => ({
      remainingMs: request.remainingMs!,
      isTraced: request.traceId === traceOfRoot,
    }));
    let traceOfRoot = 0n;
    const middle = await connect({ name: "middle" });
    const answered = Promise.withResolvers<void>();
    const late = Promise.withResolvers<Facts>();
    middle.onCall("start", (request) => {
      traceOfRoot = request.traceId;
      answered.promise
        .then(() => middle.call<Facts>({ name: "leaf" }, "time"))
        .then(late.resolve, late.reject);
      return "started";
    });
    const root = await connect({ name: "root" });
    assert.equal(
      await root.call({ name: "middle" }, "start", null, { timeoutMs: 15_000 }),
      "started",
    );
    answered.resolve();
    const { remainingMs, isTraced } = await late.promise;
    // The default of a call that nobody limits, not what the root allowed.
    assert.ok(remainingMs > 15_000);
    assert.equal(isTraced, false);
  });
});

Deno.test("What a handler does when its call is given up belongs to no call, whatever else its agent does", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const released = Promise.withResolvers<void>();
    let started = Promise.withResolvers<void>();
    let stopped = Promise.withResolvers<bigint | undefined>();
    callee.onCall("never", async ({ signal }) => {
      await whenAborted(signal);
    });
    callee.onCall("busy", async () => {
      // Limits that are reached while this call runs, and set timers in it.
      for (let count = 0; count < 3; count++) {
        await assert.rejects(
          callee.call({ name: "callee" }, "never", null, { timeoutMs: 1 }),
          hasCode("DEADLINE_EXCEEDED"),
        );
      }
      started.resolve();
      await released.promise;
    });
    callee.onCall("wait", (request) =>
      new Promise<void>((resolve) => {
        request.signal.addEventListener("abort", () => {
          stopped.resolve(currentCall()?.traceId);
          resolve();
        });
        started.resolve();
      }));
    const caller = await connect();
    const busy = caller.call({ name: "callee" }, "busy");
    await started.promise;
    const controller = new AbortController();
    const endings: [Agent, CallOptions, () => unknown][] = [
      [caller, { signal: controller.signal }, () => controller.abort()],
      // As long as a call may take to arrive where the host stands still for a moment.
      [caller, { timeoutMs: 1_000 }, () => {}],
    ];
    const leaving = await connect();
    endings.push([leaving, {}, () => leaving.close()]);
    for (const [agent, options, end] of endings) {
      started = Promise.withResolvers();
      stopped = Promise.withResolvers();
      const call = agent.call({ name: "callee" }, "wait", null, options);
      const ended = assert.rejects(call);
      await started.promise;
      await end();
      await ended;
      assert.equal(await stopped.promise, undefined);
    }
    released.resolve();
    await busy;
  });
});

Deno.test("Calls in a handler inherit trace, deadline and budget", async () => {
  await withMesh(async ({ connect }) => {
    const leaf = await connect({ name: "leaf" });
    leaf.onCall("spend", (request) => {
      request.spend({ tokens: 10 });
      return { remainingMs: request.remainingMs!, ...request.budget };
    });
    const middle = await connect({ name: "middle" });
    middle.onCall("twice", async () => [
      await middle.call({ name: "leaf" }, "spend", null, { timeoutMs: 60_000 }),
      await middle.call({ name: "leaf" }, "spend"),
    ]);
    middle.onCall("thrice", async () => {
      for (let call = 0; call < 3; call++) {
        await middle.call({ name: "leaf" }, "spend");
      }
    });
    const root = await connect({ name: "root" });
    const spans: SpanRecord[] = [];
    for (const agent of [root, middle, leaf]) {
      agent.onSpan((span) => spans.push(span));
    }
    const answers = await root.call<
      { remainingMs: number; calls: number; tokens: number }[]
    >({ name: "middle" }, "twice", null, {
      timeoutMs: 20_000,
      budget: { calls: 2, tokens: 100 },
    });
    assert.ok(answers.every(({ remainingMs }) => remainingMs <= 20_000));
    assert.deepEqual(answers.map(({ calls, tokens }) => [calls, tokens]), [
      [1, 90],
      [0, 80],
    ]);
    const [client] = spans.filter((span) => span.agent === "root");
    assert.equal(client?.parentSpanId, undefined);
    const server = spans.find((span) => span.parentSpanId === client?.spanId);
    assert.equal(server?.agent, "middle");
    const below = spans.filter((span) => span.parentSpanId === server?.spanId);
    assert.equal(below.length, 2);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
    assert.ok(
      spans.every(({ status, bytesSent }) => status === "OK" && bytesSent > 0),
    );
    await assert.rejects(
      root.call({ name: "middle" }, "thrice", null, { budget: { calls: 2 } }),
      hasCode("RESOURCE_EXHAUSTED", "Budget"),
    );
  });
});

Deno.test("Calls of an input in a handler inherit as well, though it has waited for a stream", async () => {
  await withMesh(async ({ connect }) => {
    const leaf = await connect({
      name: "leaf",
      transport: { maxBidiStreams: 1 },
    });
    const hold = Promise.withResolvers<void>();
    leaf.onCall("hold", () => hold.promise);
    leaf.onCall("join", async (request) => {
      const values: unknown[] = [];
      for await (const value of request.input) values.push(value);
      return values;
    });
    const other = await connect({ name: "other" });
    other.onCall("budget", (request) => ({ ...request.budget }));
    const middle = await connect({ name: "middle" });
    const askOther = () => middle.call({ name: "other" }, "budget");
    const isAsked = Promise.withResolvers<void>();
    middle.onCall("ask", () => {
      const joined = middle.call({ name: "leaf" }, "join", null, {
        input: (async function* () {
          yield await askOther();
        })(),
      });
      isAsked.resolve();
      return joined;
    });
    const root = await connect();
    await askOther();
    await middle.call({ name: "leaf" }, "join", null, {
      input: (async function* () {})(),
    });
    const held = middle.call({ name: "leaf" }, "hold");
    const asking = root.call({ name: "middle" }, "ask", null, {
      budget: { calls: 5 },
    });
    await isAsked.promise;
    hold.resolve();
    await held;
    assert.deepEqual(await asking, [{ calls: 3 }]);
  });
});

Deno.test("A call in a handler that is refused for a wrong budget costs none of its calls", async () => {
  await withMesh(async ({ connect }) => {
    const leaf = await connect({ name: "leaf" });
    leaf.onCall("nothing", () => {});
    const middle = await connect({ name: "middle" });
    const wrong = { budget: { tokens: -1 } };
    middle.onCall("try", async (request) => {
      const isRefused = hasCode("INVALID_ARGUMENT", "Budget");
      const calling = middle.call({ name: "leaf" }, "nothing", null, wrong);
      await assert.rejects(calling, isRefused);
      assert.throws(
        () => middle.stream({ name: "leaf" }, "nothing", null, wrong),
        isRefused,
      );
      return request.budget;
    });
    const root = await connect();
    const budget = { calls: 1, tokens: 100 };
    assert.deepEqual(
      await root.call({ name: "middle" }, "try", null, { budget }),
      budget,
    );
  });
});

Deno.test("A caller that aborts stops the handler two hops away within 100 ms", async () => {
  await withMesh(async ({ connect }) => {
    const leaf = await connect({ name: "leaf" });
    let started = Promise.withResolvers<void>();
    let stopped = Promise.withResolvers<number>();
    leaf.onCall("wait", async (request) => {
      started.resolve();
      await whenAborted(request.signal);
      stopped.resolve(performance.now());
    });
    const middle = await connect({ name: "middle" });
    middle.onCall("relay", () => middle.call({ name: "leaf" }, "wait"));
    const root = await connect();
    // The fastest of some: a host may stand still for as long as that.
    let tookMs = Infinity;
    for (let turn = 0; turn < 20 && tookMs >= 100; turn++) {
      started = Promise.withResolvers();
      stopped = Promise.withResolvers();
      const controller = new AbortController();
      const call = root.call({ name: "middle" }, "relay", null, {
        signal: controller.signal,
      });
      await started.promise;
      const abortedAt = performance.now();
      controller.abort("enough");
      await assert.rejects(call, (reason) => reason === "enough");
      tookMs = Math.min(tookMs, await stopped.promise - abortedAt);
    }
    assert.ok(tookMs < 100, `it took ${tookMs} ms`);
  });
});

Deno.test("A handler whose caller closes its connection is stopped", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const started = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<unknown>();
    callee.onCall("wait", async (request) => {
      started.resolve();
      stopped.resolve(await whenAborted(request.signal));
    });
    const caller = await connect();
    const call = caller.call({ name: "callee" }, "wait");
    await started.promise;
    await Promise.all([
      assert.rejects(call, hasCode("CANCELLED")),
      caller.close(),
    ]);
    assert.ok(hasCode("CONNECTION_LOST")(await stopped.promise));
  });
});

function encodeKey(key: Uint8Array): string {
  return key.toBase64({ alphabet: "base64url", omitPadding: true });
}
