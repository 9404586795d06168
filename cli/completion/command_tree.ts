/**
 * The commands of a program, as shells complete them.
 *
 * @module
 */
import type { Command, Option } from "commander";

/** An option. */
export interface CompletionOption {
  /** `--node`; `-h` as well where there is a short form. */
  readonly names: readonly string[];
  /** One line for a person. */
  readonly description: string;
  /** What follows it: nothing, a path, or anything else. */
  readonly argument: "none" | "path" | "other";
}

/** A command and what follows it. */
export interface CompletionCommand {
  /** Words from the program's name on: `["mxp", "agent", "list"]`. */
  readonly path: readonly string[];
  /** One line for a person. */
  readonly description: string;
  /** Commands below it. */
  readonly commands: readonly CompletionCommand[];
  /** Its options. */
  readonly options: readonly CompletionOption[];
  /** The words that its first argument can be, if they are few. */
  readonly choices: readonly string[];
  /** Whether its first argument is a path. */
  readonly takesPath: boolean;
}

/**
 * Reads the commands off a program.
 *
 * @param command The program.
 * @param above Words before it.
 * @returns The tree.
 */
export function readCommandTree(
  command: Command,
  above: readonly string[] = [],
): CompletionCommand {
  const path = [...above, command.name()];
  const help = command.createHelp();
  return {
    path,
    description: command.description(),
    commands: command.commands.map((child) => readCommandTree(child, path)),
    options: help.visibleOptions(command).map(readOption),
    choices: readChoices(command),
    takesPath: command.registeredArguments[0]?.name() === "file",
  };
}

/**
 * Lists a tree.
 *
 * @param root The tree.
 * @returns The root and every command below it.
 */
export function listCommands(root: CompletionCommand): CompletionCommand[] {
  return [root, ...root.commands.flatMap(listCommands)];
}

function readChoices(command: Command): readonly string[] {
  const [argument] = command.registeredArguments;
  if (argument?.name() !== "command") return argument?.argChoices ?? [];
  return command.parent!.commands.map((child) => child.name());
}

function readOption(option: Option): CompletionOption {
  const names = [option.long, option.short].filter((name) =>
    name !== undefined && name !== null
  );
  const argument = !option.required && !option.optional
    ? "none"
    : /<(file|dir)>/i.test(option.flags)
    ? "path"
    : "other";
  return { names, description: option.description, argument };
}
