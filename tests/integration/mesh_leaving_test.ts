/** What calls do when agents leave the mesh, and when they come back. */
import assert from "node:assert/strict";
import {
  type Agent,
  type AgentOptions,
  CallError,
  type SpanRecord,
} from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import type { Clock } from "../../internal/clock.ts";
import { SYSTEM_CLOCK, systemRandom } from "../../transport/mod.ts";
import {
  collect,
  type Mesh,
  until,
  whenAborted,
  withMesh,
} from "../support/mesh.ts";
import { RecordingCarrier } from "../support/recording_carrier.ts";
import { TimerClock } from "../support/timer_clock.ts";
import { bindTransport } from "../support/transport_pair.ts";

/** An agent that tells its name, once and as a stream. */
async function connectWorker(
  { connect }: Mesh,
  options: AgentOptions,
): Promise<Agent> {
  const worker = await connect({ capabilities: ["work"], ...options });
  worker.onCall("work", () => worker.name);
  worker.onStream("works", function* () {
    yield worker.name;
  });
  return worker;
}

/**
 * An agent that uses discoveries for ever, and of which is known whom it dials.
 * Its time stands still as a rule: it takes nobody for slow who is not.
 */
async function connectCaller(
  { connect }: Mesh,
  clock: Clock = new TimerClock(),
): Promise<{
  caller: Agent;
  /** Ports. */
  dialled: number[];
  /** Those of connections that have ended, or were not made. */
  ended: number[];
}> {
  const dialled: number[] = [];
  const ended: number[] = [];
  const caller = await connect({
    clock,
    limits: { discoveryCacheMs: 3_600_000 },
    observe: () => ({
      onConnection: (_, { remoteAddress: { port } }) => {
        dialled.push(port);
        return {
          onEvent: (_, { type }) => {
            if (type === "connection-closed") ended.push(port);
          },
        };
      },
    }),
  });
  return { caller, dialled, ended };
}

function isNobodyThere(error: unknown): boolean {
  assert.ok(error instanceof CallError, String(error));
  return error.code === "NOT_FOUND" || error.code === "UNAVAILABLE";
}

function isCancelled(error: unknown): boolean {
  return error instanceof CallError && error.code === "CANCELLED";
}

const CAPABILITY = { capability: "work" };

Deno.test("Calls and streams go to the agents that stay, and nobody dials one that has left", async () => {
  await withMesh(async (mesh) => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const workers = await Promise.all(
      names.map((name) => connectWorker(mesh, { name })),
    );
    const { caller, dialled } = await connectCaller(mesh);
    const work = () => caller.call<string>(CAPABILITY, "work");
    const works = () => collect(caller.stream(CAPABILITY, "works"));
    const answers = await Promise.all(names.map(work));
    assert.deepEqual(answers.toSorted(), names);
    const dialCount = dialled.length;
    for (const worker of workers.slice(1)) {
      // Some of them are on their way to the one that leaves.
      const closing = worker.close();
      const calls = names.flatMap(() => [work(), works()]);
      await Promise.all(calls);
      await closing;
      for (const _ of names) {
        await work();
        await works();
      }
    }
    assert.equal(await work(), "a");
    assert.equal(dialled.length, dialCount);
  });
});

Deno.test("A call after a restart goes to the new instance, wherever it is, and to nobody when there is none", async () => {
  await withMesh(async (mesh) => {
    const keyPair = generateKeyPair(systemRandom);
    const name = "service";
    let worker = await connectWorker(mesh, { name, keyPair });
    const { id } = worker;
    const { caller, dialled } = await connectCaller(mesh);
    const targets = [{ name }, { id }, CAPABILITY];
    const callAll = async (): Promise<void> => {
      for (const target of targets) {
        assert.equal(await caller.call(target, "work"), name);
      }
    };
    await callAll();
    const { port } = worker.localAddress;
    const ports = [...dialled];
    for (const bind of [`127.0.0.1:${port}`, "127.0.0.1:0"]) {
      await worker.close();
      worker = await connectWorker(mesh, { name, id, keyPair, bind });
      await callAll();
      ports.push(worker.localAddress.port);
      assert.deepEqual(dialled, ports);
    }
    await worker.close();
    for (const target of targets) {
      await assert.rejects(caller.call(target, "work"), isNobodyThere);
    }
    assert.deepEqual(dialled, ports);
  });
});

Deno.test("A call that dials an agent that has left, which nobody told it, goes to another soon", async () => {
  await withMesh(async (mesh) => {
    const [a, b] = await Promise.all(
      ["a", "b"].map((name) => connectWorker(mesh, { name })),
    );
    const { caller, dialled, ended } = await connectCaller(mesh, SYSTEM_CLOCK);
    const stays = await caller.call(CAPABILITY, "work") === "a" ? a! : b!;
    const leaves = stays === a ? b! : a!;
    const { port } = leaves.localAddress;
    assert.ok(!dialled.includes(port));
    await leaves.close();
    assert.equal(await caller.call(CAPABILITY, "work"), stays.name);
    assert.ok(dialled.includes(port));
    // Not because the time for a connection was over.
    assert.deepEqual(ended, []);
    await assert.rejects(
      caller.call({ id: leaves.id }, "work"),
      isNobodyThere,
    );
  });
});

Deno.test("An agent that has answered everything says so when it closes a connection, and only then", async () => {
  await withMesh(async (mesh) => {
    const started = Promise.withResolvers<void>();
    const observer = await bindTransport();
    const [idle, busy] = await Promise.all(
      ["idle", "busy"].map((name) => connectWorker(mesh, { name })),
    );
    busy!.onCall("wait", ({ signal }) => {
      started.resolve();
      return whenAborted(signal).then(() => null);
    });
    const caller = await mesh.connect();
    const waiting = caller.call({ name: "busy" }, "wait");
    const outcome = assert.rejects(waiting, CallError);
    await started.promise;
    for (const [agent, code] of [[idle!, 0x100], [busy!, 0]] as const) {
      const connection = await observer.transport.connect(agent.localAddress);
      await agent.close({ drainMs: code === 0 ? 0 : 60_000 });
      const { code: reason, closeCode } = await connection.closed;
      assert.deepEqual([reason, closeCode], ["CLOSED_BY_PEER", code]);
    }
    await outcome;
    await observer.transport.close();
  });
});

Deno.test("An agent that closes ends its streams, read or not", async () => {
  await withMesh(async (mesh) => {
    const clock = new TimerClock();
    const worker = await connectWorker(mesh, { name: "worker" });
    let sentCount = 0;
    worker.onStream("count", async function* ({ signal }) {
      yield* [1, 2, 3];
      sentCount++;
      await whenAborted(signal);
    });
    const caller = await mesh.connect({ clock });
    const spans: SpanRecord[] = [];
    caller.onSpan((span) => spans.push(span));
    const count = () =>
      caller.stream<number>({ name: "worker" }, "count", null, {
        timeoutMs: 3_600_000,
      });
    const [unread, paused, read] = [count(), count(), count()];
    const pausedLoop = paused[Symbol.asyncIterator]();
    await pausedLoop.next();
    const reading = assert.rejects(collect(read), isCancelled);
    await until(() => sentCount === 3);
    // What was sent before has arrived by then.
    await caller.ping({ name: "worker" });
    await caller.close({ drainMs: 0 });
    for (const stream of [unread, paused, read]) {
      const { type, code } = await stream.ending;
      assert.deepEqual([type, code], ["cancelled", "CANCELLED"]);
    }
    await reading;
    await assert.rejects(pausedLoop.next(), isCancelled);
    assert.deepEqual(
      spans.map(({ status }) => status),
      Array(3).fill("CANCELLED"),
    );
    assert.equal(clock.timerCount, 0);
  });
});

Deno.test("An agent that closes ends its calls with CANCELLED, whether they may be repeated or not", async () => {
  await withMesh(async (mesh) => {
    const worker = await mesh.connect({ name: "worker" });
    let begunCount = 0;
    worker.onCall("wait", async ({ signal }) => {
      begunCount++;
      await whenAborted(signal);
    });
    const caller = await mesh.connect();
    const spans: SpanRecord[] = [];
    caller.onSpan((span) => spans.push(span));
    const target = { name: "worker" };
    const input = (async function* () {
      yield 1;
      await new Promise(() => {});
    })();
    const calls = [{}, { isIdempotent: true }, { input }].map((options) =>
      caller.call(target, "wait", null, options)
    );
    const ended = calls.map((call) => assert.rejects(call, isCancelled));
    await until(() => begunCount === 3);
    const closing = caller.close({ drainMs: 0 });
    // One that begins while the agent closes.
    ended.push(assert.rejects(caller.call(target, "wait"), isCancelled));
    await closing;
    await Promise.all(ended);
    assert.deepEqual(
      spans.map(({ status }) => status),
      Array(4).fill("CANCELLED"),
    );
  });
});

Deno.test("An agent that closes ends its pings with CANCELLED", async () => {
  await withMesh(async ({ connect }) => {
    await connect({ name: "worker" });
    const carrier = await RecordingCarrier.bind();
    const caller = await connect({ carrier });
    const target = { name: "worker" };
    await caller.ping(target);
    // Nobody hears of it any more.
    carrier.send = () => {};
    const pinging = assert.rejects(caller.ping(target), isCancelled);
    await caller.close({ drainMs: 0 });
    await pinging;
  });
});

Deno.test("An agent that is closed refuses everything with CANCELLED", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const worker = await connect({ name: "worker" });
    worker.onCall("work", () => "done");
    const target = { name: "worker" };
    assert.equal(await agent.call(target, "work"), "done");
    await agent.close();
    const refused: (() => Promise<unknown>)[] = [
      () => agent.call(target, "work"),
      () => collect(agent.stream(target, "work")),
      () => agent.publish("news"),
      () => agent.publishAll("news", [1]),
      () => agent.subscribe("news"),
      () => agent.discover(target),
      () => agent.ping(),
      () => agent.ping(target),
    ];
    for (const ask of refused) await assert.rejects(ask(), isCancelled);
  });
});
