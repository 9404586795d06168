/**
 * `mxp completions`: what shells need to complete command lines.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import {
  type CompletionCommand,
  readCommandTree,
} from "../completion/command_tree.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import type { CommandContext } from "../context.ts";

const WRITERS: Readonly<Record<string, (root: CompletionCommand) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addCompletions(
  program: Command,
  context: CommandContext,
): void {
  program.command("completions")
    .description("print a script that completes mxp in your shell")
    .addArgument(
      new Argument("<shell>", "the shell").choices(Object.keys(WRITERS)),
    )
    .addHelpText(
      "after",
      "\n  bash: source <(mxp completions bash)" +
        "\n  zsh:  source <(mxp completions zsh)" +
        "\n  fish: mxp completions fish | source",
    )
    .action(async (shell: string) => {
      await context.output.write(WRITERS[shell]!(readCommandTree(program)));
    });
}
