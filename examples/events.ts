/**
 * Publish and subscribe: `deno run --allow-net examples/events.ts`
 *
 * @module
 */
import { Agent, Node } from "@mxp/core";

const node = await Node.start({ bind: "127.0.0.1:0" });
const shop = await Agent.connect(node.url, { name: "shop" });
const stock = await Agent.connect(node.url, { name: "stock" });
const auditor = await Agent.connect(node.url, { name: "auditor" });

// A callback for everything that begins with "orders."; a queue with a loop
// for one topic. Both have it once `subscribe` has resolved.
const audited = Promise.withResolvers<void>();
let auditedCount = 0;
await auditor.subscribe("orders.*", {
  onEvent: () => {
    if (++auditedCount === 4) audited.resolve();
  },
});
const created = await stock.subscribe("orders.created");

for (let id = 1; id <= 3; id++) {
  await shop.publish("orders.created", { id, item: "lamp" });
}
await shop.publish("orders.cancelled", { id: 2 });

for await (const { topic, value, sequence } of created) {
  const { id } = value as { id: number };
  print(`${topic} ${id} (number ${sequence})`);
  if (id === 3) break; // leaving the loop ends the subscription
}
await audited.promise;
print(`the auditor saw ${auditedCount} events`);

for (const agent of [shop, stock, auditor]) await agent.close();
await node.close();

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
