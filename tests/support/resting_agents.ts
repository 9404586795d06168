/**
 * A process with two agents that call, stream and publish until V8 has compiled
 * what that takes, and then rest: everything that nothing uses is collected, as
 * half a minute without work has it. Needs `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { Agent, Node } from "../../mod.ts";

/** Time of a processor for each kind of work: a busy machine takes longer. */
const WORK_MS = 1_500;

/** How much is under way at a time. */
const CONCURRENCY = 16;

const node = await Node.start({ bind: "127.0.0.1:0" });
const callee = await Agent.connect(node.url, {
  name: "callee",
  capabilities: ["rest.echo"],
});
callee.onCall("echo", (request) => request.bytes());
callee.onStream("count", function* () {
  for (let count = 0; count < 100; count++) yield count;
});
const events = await callee.subscribe("rest/*");
const listening = (async () => {
  for await (const _ of events);
})();
const caller = await Agent.connect(node.url, { name: "caller" });
const payload = new Uint8Array(256);

const KINDS: readonly (() => Promise<unknown>)[] = [
  () => caller.call({ name: "callee" }, "echo", payload),
  () => caller.call({ capability: "rest.echo" }, "echo", "text"),
  async () => {
    for await (const _ of caller.stream({ name: "callee" }, "count"));
  },
  () => caller.publish("rest/now", payload),
];
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1_000;
}

for (const work of KINDS) {
  const end = processorMs() + WORK_MS;
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    while (processorMs() < end) await work();
  }));
}

const { gc } = globalThis as unknown as {
  gc(options: Record<"type" | "execution" | "flavor", string>): void;
};
gc({ type: "major", execution: "sync", flavor: "last-resort" });
await events.close();
await listening;
for (const each of [caller, callee, node]) await each.close();
