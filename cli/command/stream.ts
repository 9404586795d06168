/**
 * `mxp stream`: prints the chunks of a stream as they come.
 *
 * @module
 */
import type { Command } from "commander";
import type { CallStreamEnding } from "../../mesh/mod.ts";
import {
  addCallOptions,
  type CallCommandOptions,
  readCallRequest,
} from "../call_command.ts";
import type { CommandContext } from "../context.ts";
import { type MeshClient, withMesh } from "../mesh_client.ts";
import { parseMilliseconds } from "../mesh_options.ts";

interface StreamCommandOptions extends CallCommandOptions {
  /** Longest wait for the next chunk, in milliseconds. */
  readonly idleTimeout?: number;
}

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addStream(program: Command, context: CommandContext): void {
  const stream = program.command("stream")
    .description("call a method that streams, and print what comes as it comes")
    .option(
      "--idle-timeout <ms>",
      "longest wait for the next chunk, in milliseconds (default: 60000)",
      parseMilliseconds,
    );
  addCallOptions(stream, "none, but 5000 for connecting").action(
    async (words: string[], options: StreamCommandOptions) => {
      const request = await readCallRequest(words, options, context);
      const { url, target, method, value, startedAt } = request;
      const { idleTimeout } = options;
      await withMesh(
        {
          url,
          options,
          context,
          startedAt,
          hasDefaultTimeout: false,
          waitsFor: "end of the stream",
        },
        async (client) => {
          const timeoutMs = client.remainingMs();
          const chunks = client.agent.stream<unknown>(target, method, value, {
            signal: client.signal,
            ...(timeoutMs === undefined ? {} : { timeoutMs }),
            ...(idleTimeout === undefined
              ? {}
              : { idleTimeoutMs: idleTimeout }),
          });
          await print(chunks, client, context);
        },
      );
    },
  );
}

async function print(
  chunks: ReturnType<MeshClient["agent"]["stream"]>,
  { race, signal }: MeshClient,
  { output }: CommandContext,
): Promise<void> {
  let isMidLine = false;
  try {
    for await (const chunk of chunks) {
      await race(output.chunk(chunk));
      isMidLine = typeof chunk === "string" && !chunk.endsWith("\n");
    }
  } finally {
    chunks.cancel();
    // A person's prompt begins on a line of its own.
    const isBroken = isMidLine && !output.isJson && output.isTerminal;
    if (isBroken && !signal.aborted) await output.write("\n");
    const ending = await chunks.ending;
    // A stream that never began has nothing to say beside the error.
    if (ending.type === "completed" || ending.chunkCount > 0) {
      output.note(describe(ending));
    }
  }
}

function describe({ type, chunkCount }: CallStreamEnding): string {
  const chunks = chunkCount === 1 ? "1 chunk" : `${chunkCount} chunks`;
  return `mxp: stream ${type} after ${chunks}`;
}
