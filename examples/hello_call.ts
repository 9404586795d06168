/**
 * One agent calls another: `deno run --allow-net examples/hello_call.ts`
 *
 * @module
 */
import { Agent, CallError, Node } from "@mxp/core";

// A node keeps the registry. In real life it is a process: `mxp start`.
const node = await Node.start({ bind: "127.0.0.1:0" });

const greeter = await Agent.connect(node.url, {
  name: "greeter",
  capabilities: ["greet"],
});
greeter.onCall("greet", (request) => {
  const name = request.text();
  if (name === "") throw new CallError("INVALID_ARGUMENT", "Greet: no name");
  return { text: `Hello, ${name}!`, length: name.length };
});

// An agent without a name is not registered: it only calls.
const caller = await Agent.connect(node.url);
const reply = await caller.call<{ text: string }>(
  { capability: "greet" },
  "greet",
  "Ada",
  { timeoutMs: 2_000 },
);
print(reply.text);

try {
  await caller.call({ capability: "greet" }, "greet", "");
} catch (error) {
  if (!(error instanceof CallError)) throw error;
  print(`${error.code}: ${error.message}`);
}

await caller.close();
await greeter.close();
await node.close();

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
