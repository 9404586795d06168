/**
 * `mxp agent list`: the agents that a node knows.
 *
 * @module
 */
import type { Command } from "commander";
import { DEFAULT_QUERY_LIMIT } from "../../registry/mod.ts";
import { writeAgents } from "../agent_table.ts";
import type { CommandContext } from "../context.ts";
import { withMesh } from "../mesh_client.ts";
import { addHelp } from "./help.ts";
import {
  addMeshOptions,
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
export function addAgent(program: Command, context: CommandContext): void {
  const agent = program.command("agent").description("look at agents");
  const list = agent.command("list")
    .description("show the agents that a node knows, as many as --limit says")
    .argument("[node]", "the node, mxp://host:port?pk=…")
    .option(
      "--limit <count>",
      "most agents to show, 1 to 1,000",
      parseLimit,
      DEFAULT_QUERY_LIMIT,
    );
  addMeshOptions(list).action(
    async (
      word: string | undefined,
      options: MeshOptions & { limit: number },
    ) => {
      const url = requireNode(findNode(word, options, context), context);
      const { limit } = options;
      await withMesh({ url, options, context }, async (client) => {
        const agents = await client.race(client.agent.discover({ limit }));
        const nothing = "No agent is registered";
        await client.print(
          writeAgents(agents, context.output, { limit, nothing }),
        );
      });
    },
  );
  addHelp(agent);
}
