/**
 * A node and agents on loopback, closed when the test is over.
 *
 * @module
 */
import { Agent, type AgentOptions, Node, type NodeOptions } from "../../mod.ts";

/** What a test of the mesh works with. */
export interface Mesh {
  /** The node. */
  readonly node: Node;
  /** Connects an agent that is closed after the test. */
  connect(options?: AgentOptions): Promise<Agent>;
}

/**
 * Runs a test with a node of its own.
 *
 * @param body The test.
 * @param options Of the node.
 */
export async function withMesh(
  body: (mesh: Mesh) => Promise<void>,
  options: NodeOptions = {},
): Promise<void> {
  const node = await Node.start({ bind: "127.0.0.1:0", ...options });
  const agents: Agent[] = [];
  try {
    await body({
      node,
      connect: async (agentOptions = {}) => {
        const agent = await Agent.connect(node.url, agentOptions);
        agents.push(agent);
        return agent;
      },
    });
  } finally {
    await Promise.all(agents.map((agent) => agent.close({ drainMs: 0 })));
    await node.close();
  }
}

/**
 * Waits, with real time, for what another part of the process brings about.
 *
 * @param condition Whether it is there.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!await condition()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Resolves when a signal fires.
 *
 * @param signal The signal.
 * @returns Its reason.
 */
export function whenAborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason));
  });
}

/**
 * Collects an async iterable.
 *
 * @param iterable What to read.
 * @returns Everything, in order.
 */
export async function collect<Item>(
  iterable: AsyncIterable<Item>,
): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}
