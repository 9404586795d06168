/**
 * Who is there: `deno run --allow-net examples/discovery.ts`
 *
 * @module
 */
import { Agent, Node } from "@mxp/core";

const node = await Node.start({ bind: "127.0.0.1:0" });

const agents: Agent[] = [];
for (const [name, tag] of [["ada", "small"], ["bob", "large"]] as const) {
  const agent = await Agent.connect(node.url, {
    name,
    capabilities: ["summarize"],
    tags: [tag],
    metadata: { language: "en" },
  });
  agent.onCall("summarize", () => `${name} did it`);
  agents.push(agent);
}

const client = await Agent.connect(node.url);
for (const { name, tags, metadata } of await find()) {
  print(`${name}: ${tags.join(", ")}, speaks ${metadata.language}`);
}
const [large] = await client.discover({ tag: "large" });
print(`the large one is ${large?.name}`);

// A call by capability goes to each of them in turn.
const target = { capability: "summarize" };
const answers = new Set<string>();
for (let call = 0; call < 4; call++) {
  answers.add(await client.call<string>(target, "summarize"));
}
print([...answers].sort().join(", "));

// An agent that is draining finishes its work and gets no more.
await agents[0]!.drain();
print(`left: ${(await find()).map(({ name }) => name)}`);
print(await client.call<string>(target, "summarize"));

for (const agent of [client, ...agents]) await agent.close();
await node.close();

async function find() {
  const found = await client.discover({ capability: "summarize" });
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
