/**
 * `mxp ping`: how far away a node or an agent is.
 *
 * @module
 */
import type { Command } from "commander";
import { parseMxpUrl } from "../../protocol/mod.ts";
import type { Target } from "../../mesh/mod.ts";
import { formatAddress } from "../../transport/mod.ts";
import { parseAddressed } from "../call_words.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../error.ts";
import { withMesh } from "../mesh_client.ts";
import {
  addMeshOptions,
  addTargetOptions,
  addUrlOption,
  findNode,
  type MeshOptions,
  requireNode,
} from "../mesh_options.ts";
import { printable } from "../../internal/printable.ts";

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addPing(program: Command, context: CommandContext): void {
  const ping = program.command("ping")
    .description("measure the round trip to a node or an agent")
    .argument("[words...]", "[node or agent] [capability:x, name:x, …]");
  addMeshOptions(addUrlOption(addTargetOptions(ping))).action(
    async (words: string[], options: MeshOptions) => {
      const { node, target, rest } = parseAddressed(words, {
        targets: options,
        hasNode: options.node !== undefined,
      });
      if (rest.length > 0) throw usageError(`what is ${rest[0]}?`);
      const isDirect = target !== undefined && "url" in target;
      const url = isDirect
        ? parseMxpUrl(target.url)
        : requireNode(findNode(node, options, context), context);
      const { output } = context;
      await withMesh({ url, options, context }, async (client) => {
        const { agent, signal } = client;
        const timeoutMs = client.remainingMs()!;
        const rttMs = await agent.ping(
          isDirect ? undefined : target,
          { timeoutMs, signal },
        );
        const to = describe(isDirect ? undefined : target) ??
          formatAddress(url);
        await client.print(
          output.isJson
            ? output.json({ target: to, rttMs })
            : output.write(`${printable(to)}: ${rttMs.toFixed(2)} ms\n`),
        );
      });
    },
  );
}

function describe(target: Target | undefined): string | undefined {
  if (target === undefined) return undefined;
  const [kind, term] = Object.entries(target)[0]!;
  return `${kind}:${term}`;
}
