/**
 * An agent to try the command line with. Start a node with `mxp start`, then
 *
 *     deno run --unstable-net --allow-net --allow-env=MXP_NODE \
 *       examples/summarizer_agent.ts 'mxp://127.0.0.1:9000?pk=…'
 *
 * and, from another shell, `mxp call --capability summarize summarize 'Text.'`
 * or `mxp stream --capability summarize tokens 'one by one'`. It runs until
 * Ctrl-C. The node's address may also come from the variable MXP_NODE.
 */
import process from "node:process";
import { Agent } from "@mxp/core";

const url = process.argv[2] ?? process.env.MXP_NODE;
if (url === undefined) {
  process.stderr.write("Usage: summarizer_agent.ts mxp://host:port?pk=…\n");
  process.exit(2);
}

const agent = await Agent.connect(url, {
  name: "summarizer",
  capabilities: ["summarize"],
}).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  return process.exit(1);
});

/** The text of a request: a string, or the `text` of an object. */
function textOf(value: unknown): string {
  const text = typeof value === "object" && value !== null && "text" in value
    ? value.text
    : value;
  return String(text);
}

agent.onCall("summarize", (request) => {
  const sentences = textOf(request.value).match(/[^.!?]+[.!?]*/g) ?? [];
  return {
    summary: sentences[0]?.trim() ?? "",
    sentenceCount: sentences.length,
  };
});

agent.onStream("tokens", async function* (request) {
  for (const word of textOf(request.value).split(/(?<=\s)/)) {
    yield word;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

process.stdout.write(`${agent.name} is registered as ${agent.id}\n`);

async function stop(): Promise<void> {
  await agent.close();
  process.exit(0);
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
