/**
 * `mxp help`: what a command does and takes.
 *
 * @module
 */
import type { Command } from "commander";
import { usageError } from "../error.ts";

/**
 * Adds the command. The one that commander adds by itself shows everything for
 * a name that it does not know, and does not say so.
 *
 * @param parent Where to, and whose commands it explains.
 */
export function addHelp(parent: Command): void {
  parent.command("help")
    .description("show what a command does and takes")
    .argument("[command...]", "the command")
    .action((words: string[]) => findCommand(parent, words).outputHelp());
}

function findCommand(parent: Command, words: readonly string[]): Command {
  return words.reduce((command, word) => {
    const found = command.commands.find((child) => child.name() === word);
    if (found === undefined) throw usageError(`unknown command '${word}'`);
    return found;
  }, parent);
}
