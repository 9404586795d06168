/**
 * `mxp discover`: the agents that can do something.
 *
 * @module
 */
import type { Command } from "commander";
import type { Target } from "../../mesh/mod.ts";
import { DEFAULT_QUERY_LIMIT } from "../../registry/mod.ts";
import { writeAgents } from "../agent_table.ts";
import { makeTarget, parseAddressed } from "../call_words.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../error.ts";
import { withMesh } from "../mesh_client.ts";
import {
  addMeshOptions,
  addTargetOptions,
  findNode,
  type MeshOptions,
  parseLimit,
  requireNode,
} from "../mesh_options.ts";

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addDiscover(program: Command, context: CommandContext): void {
  const discover = program.command("discover")
    .description("find agents by capability, name, tag or id")
    .argument("[words...]", "[node] [capability:x, name:x, tag:x or id:x]")
    .option(
      "--limit <count>",
      "most agents to show, 1 to 1,000",
      parseLimit,
      DEFAULT_QUERY_LIMIT,
    );
  addMeshOptions(addTargetOptions(discover)).action(
    async (words: string[], options: MeshOptions & { limit: number }) => {
      const { node, query } = readQuery(words, options);
      const url = requireNode(findNode(node, options, context), context);
      const { limit } = options;
      await withMesh({ url, options, context }, async (client) => {
        const agents = await client.race(
          client.agent.discover({ ...query, limit }),
        );
        const [kind, term] = Object.entries(query)[0]!;
        const nothing = `No agent with ${kind} "${term}" is registered`;
        await client.print(
          writeAgents(agents, context.output, { limit, nothing }),
        );
      });
    },
  );
}

function readQuery(
  words: readonly string[],
  options: MeshOptions,
): { node: string | undefined; query: Exclude<Target, { url: string }> } {
  const { node, target, rest } = parseAddressed(words, {
    targets: options,
    // A URL can only be the node here.
    hasNode: false,
  });
  const [word, ...others] = rest;
  const isCapability = target === undefined && word !== undefined;
  const query = isCapability ? makeTarget("capability", word) : target;
  if (query === undefined || "url" in query) {
    throw usageError("say what to look for, such as --capability summarize");
  }
  if (others.length > 0 || target !== undefined && word !== undefined) {
    throw usageError("one thing to look for only");
  }
  return { node, query };
}
