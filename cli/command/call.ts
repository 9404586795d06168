/**
 * `mxp call`: asks an agent and prints its answer.
 *
 * @module
 */
import type { Command } from "commander";
import {
  addCallOptions,
  type CallCommandOptions,
  readCallRequest,
} from "../call_command.ts";
import type { CommandContext } from "../context.ts";
import { withMesh } from "../mesh_client.ts";

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addCall(program: Command, context: CommandContext): void {
  const call = program.command("call")
    .description("call a method of an agent and print the answer");
  addCallOptions(call).action(
    async (words: string[], options: CallCommandOptions) => {
      const request = await readCallRequest(words, options, context);
      const { url, target, method, value, startedAt } = request;
      await withMesh(
        { url, options, context, startedAt },
        async (client) => {
          const answer = await client.agent.call<unknown>(
            target,
            method,
            value,
            { timeoutMs: client.remainingMs()!, signal: client.signal },
          );
          await client.print(context.output.value(answer));
        },
      );
    },
  );
}
