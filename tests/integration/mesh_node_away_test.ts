/** What agents do while their node is away. */
import assert from "node:assert/strict";
import { Agent, CallError } from "../../mod.ts";
import type { AgentEntry, RegistryQuery } from "../../registry/mod.ts";
import { MemoryRegistry } from "../../registry/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import { until, whenAborted, withMesh } from "../support/mesh.ts";
import { TimerClock } from "../support/timer_clock.ts";
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
    callee.onCall("wait", ({ signal }) => whenAborted(signal).then(() => null));
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
    await until(() => store.findCount > 0);
    const calls = Array.from({ length: 5_000 }, call);
    await until(() => refusedCount > 0);
    const { findCount } = store;
    abort.abort();
    await Promise.all([first, ...calls]);
    assert.equal(findCount, 1);
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
