/**
 * Agents of which each calls on, for tests of what OpenTelemetry gets. Without an
 * argument: a node, whose URL is printed, and the agent that answers, until standard
 * input ends. With that URL: an agent that relays, and one that calls it twice.
 *
 * @module
 */
import { trace } from "@opentelemetry/api";
import { Agent, Node } from "../../mod.ts";
import { answerLines, printLine } from "./line_process.ts";

const [nodeUrl] = Deno.args;
if (nodeUrl === undefined) await answer();
else await call(nodeUrl);

async function answer(): Promise<void> {
  await using node = await Node.start({ bind: "127.0.0.1:0" });
  await using agent = await Agent.connect(node.url, { name: "answerer" });
  agent.onCall("last", () => "answer");
  printLine(node.url);
  await answerLines(() => "");
}

async function call(nodeUrl: string): Promise<void> {
  await using relay = await Agent.connect(nodeUrl, { name: "relay" });
  relay.onCall("middle", () => relay.call({ name: "answerer" }, "last"));
  await using caller = await Agent.connect(nodeUrl);
  await caller.call({ name: "relay" }, "middle");
  await trace.getTracer("test").startActiveSpan("around", async (span) => {
    await caller.call({ name: "relay" }, "middle");
    span.end();
  });
  printLine("done");
}
