/**
 * `mxp agent list`: every agent that a node knows.
 *
 * @module
 */
import type { Command } from "commander";
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
    .description("show every agent that a node knows")
    .argument("[node]", "the node, mxp://host:port?pk=…")
    .option("--limit <count>", "most agents to show, 1 to 1,000", parseLimit);
  addMeshOptions(list).action(
    async (
      word: string | undefined,
      options: MeshOptions & { limit?: number },
    ) => {
      const url = requireNode(findNode(word, options, context));
      const { limit } = options;
      await withMesh({ url, options, context }, async ({ agent, race }) => {
        const agents = await race(agent.discover(
          limit === undefined ? {} : { limit },
        ));
        await writeAgents(agents, context.output, "No agent is registered");
      });
    },
  );
  addHelp(agent);
}
