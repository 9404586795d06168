/**
 * The commands of `mxp`.
 *
 * @module
 */
import { Command } from "commander";
import { addAgent } from "./command/agent.ts";
import { addCall } from "./command/call.ts";
import { addCompletions } from "./command/completions.ts";
import { addConformance } from "./command/conformance.ts";
import { addDiscover } from "./command/discover.ts";
import { addHelp } from "./command/help.ts";
import { addKeygen } from "./command/keygen.ts";
import { addPing } from "./command/ping.ts";
import { addStart } from "./command/start.ts";
import { addStream } from "./command/stream.ts";
import { addVersion } from "./command/version.ts";
import type { CommandContext } from "./context.ts";
import { VERSION } from "./version.ts";

const AFTER_HELP = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 timed out, 4 connection lost.

Try it:
  mxp start                                    a node; prints its URL
  export MXP_NODE='mxp://127.0.0.1:9000?pk=…'  the URL, in another shell
  mxp agent list
  mxp call capability:summarize summarize '{"text": "…"}'`;

/**
 * Builds the program.
 *
 * @param context What its commands are given.
 * @returns The program. Instead of ending the process it throws
 * `CommanderError`, and it prints nothing about wrong usage.
 */
export function createProgram(context: CommandContext): Command {
  const program = new Command("mxp")
    .description("Agents that find, call and stream to each other, encrypted.")
    .version(VERSION, "-V, --version", "show the version")
    .addHelpText("after", AFTER_HELP)
    .exitOverride()
    .configureOutput({
      outputError: () => {},
      // Decided here, so that commander asks for no environment variable.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addStart(program, context);
  addAgent(program, context);
  addDiscover(program, context);
  addCall(program, context);
  addStream(program, context);
  addPing(program, context);
  addConformance(program, context);
  addKeygen(program, context);
  addVersion(program, context);
  addCompletions(program, context);
  addHelp(program);
  return program;
}
