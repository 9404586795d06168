/**
 * What `mxp call` and `mxp stream` have in common.
 *
 * @module
 */
import type { Command } from "commander";
import type { Instant } from "../internal/instant.ts";
import type { Target } from "../mesh/mod.ts";
import { type MxpUrl, parseMxpUrl, type Value } from "../protocol/mod.ts";
import { systemClock } from "../transport/mod.ts";
import { parseCallWords } from "./call_words.ts";
import type { CommandContext } from "./context.ts";
import {
  addMeshOptions,
  addTargetOptions,
  addUrlOption,
  findNode,
  type MeshOptions,
  requireNode,
} from "./mesh_options.ts";
import { parsePath } from "./path_option.ts";
import { startTimeLimit } from "./time_limit.ts";
import { maxValueBytes, readValue, type ValueOptions } from "./value_source.ts";

/** Options of both commands. */
export type CallCommandOptions = MeshOptions & ValueOptions;

/** A request that a command line describes. */
export interface CallCommandRequest {
  /** Whom to connect to first: the node, or the agent itself. */
  readonly url: MxpUrl;
  /** Whom to call. */
  readonly target: Target;
  /** What to call. */
  readonly method: string;
  /** With what. */
  readonly value: Value | undefined;
  /** When the command began. */
  readonly startedAt: Instant;
}

const WORDS_HELP = `
The words are [node] [target] method [value]:
  node    mxp://host:port?pk=…, unless --node or MXP_NODE says it
  target  capability:x, name:x, tag:x, id:UUID, the mxp:// URL of an agent with
          its id, or an option; without one, the method names the capability
  value   JSON if it is JSON, text if not; - reads standard input`;

/**
 * Adds arguments and options.
 *
 * @param command The command.
 * @param timeoutDefault What the help says about a missing `--timeout`.
 * @returns The command.
 */
export function addCallOptions(
  command: Command,
  timeoutDefault?: string,
): Command {
  command
    .argument("[words...]", "[node] [target] method [value], see below")
    .option("--text", "the value is text, even if it looks like JSON")
    .option("--data-json", "the value has to be JSON")
    .option(
      "--file <file>",
      "the value is the bytes of this file",
      parsePath,
    )
    .addHelpText("after", WORDS_HELP);
  addUrlOption(addTargetOptions(command));
  return addMeshOptions(command, timeoutDefault);
}

/**
 * Reads the command line, and the value, within `--timeout` if it is given.
 *
 * @param words The words.
 * @param options The options.
 * @param context The surroundings.
 * @returns The request.
 * @throws {CliError} `USAGE`, `FILE_UNREADABLE`, or `INTERRUPTED` at Ctrl-C.
 * @throws {CallError} `DEADLINE_EXCEEDED`.
 * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID`.
 */
export async function readCallRequest(
  words: readonly string[],
  options: CallCommandOptions,
  context: CommandContext,
): Promise<CallCommandRequest> {
  const startedAt = systemClock();
  const { node, target, method, value: word } = parseCallWords(words, {
    targets: options,
    hasNode: options.node !== undefined,
  });
  // An agent whose address is given is called without a node, even if one is
  // known: it may be away.
  const url = "url" in target
    ? parseMxpUrl(target.url)
    : requireNode(findNode(node, options, context), context);
  const limit = startTimeLimit({
    timeoutMs: options.timeout,
    startedAt,
    waitsFor: "value",
    interruption: context.interruption,
  });
  try {
    const value = await limit.race(
      readValue(word, options, maxValueBytes(method)),
    );
    return { url, target, method, value, startedAt };
  } finally {
    limit.stop();
  }
}
