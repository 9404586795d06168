/**
 * The end that is called, as a process of its own: a node and an agent that
 * answers with what it was sent. It prints the agent's URL, and a
 * {@linkcode CalleeReport} as a line of JSON for each line that it reads.
 *
 * @module
 */
import { Agent, Node } from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import { formatMxpUrl } from "../../protocol/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import { answerLines, printLine } from "../support/line_process.ts";
import { PathCounts } from "./path_counts.ts";

/** How the callee is. */
export interface CalleeReport {
  /** Calls that its handler was run for. */
  readonly handledCount: number;
  /** Its resident memory, in bytes. */
  readonly residentBytes: number;
  /** Keys that were replaced. */
  readonly keyUpdateCount: number;
  /** Times that a peer came from another address. */
  readonly moveCount: number;
}

if (import.meta.main) {
  const keyUpdatePackets = Number(Deno.args[0]);
  const counts = new PathCounts();
  const keyPair = generateKeyPair(systemRandom);
  const node = await Node.start({ bind: "127.0.0.1:0" });
  const agent = await Agent.connect(node.url, {
    name: "echo",
    bind: "127.0.0.1:0",
    keyPair,
    transport: { keyUpdatePackets },
    observe: counts.observe,
  });
  let handledCount = 0;
  agent.onCall("echo", (request) => {
    handledCount++;
    return request.value;
  });
  const { port } = agent.localAddress;
  const { publicKey } = keyPair;
  printLine(formatMxpUrl({ hostname: "127.0.0.1", port, publicKey }));
  await answerLines(() => {
    const { keyUpdateCount, moveCount } = counts;
    const residentBytes = Deno.memoryUsage().rss;
    const report = { handledCount, residentBytes, keyUpdateCount, moveCount };
    return JSON.stringify(report satisfies CalleeReport);
  });
  await agent.close({ drainMs: 0 });
  await node.close();
}
