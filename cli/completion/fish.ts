/**
 * Completions for fish.
 *
 * @module
 */
import { type CompletionCommand, listCommands } from "./command_tree.ts";

/**
 * Writes the script.
 *
 * @param root The commands.
 * @returns Text for `~/.config/fish/completions/mxp.fish`.
 */
export function fishCompletion(root: CompletionCommand): string {
  const [program = ""] = root.path;
  const lines = listCommands(root).flatMap((command) =>
    commandLines(command, program)
  );
  return [
    `# fish completion for ${program}; made by "${program} completions fish"`,
    `complete -c ${program} -f`,
    ...lines,
    "",
  ].join("\n");
}

function commandLines(command: CompletionCommand, program: string): string[] {
  const start = `complete -c ${program} -n ${quote(conditionOf(command))}`;
  const words = [
    ...command.commands.map((child) => [child.path.at(-1)!, child.description]),
    ...command.choices.map((choice) => [choice, ""]),
  ];
  return [
    ...words.map(([word = "", text = ""]) =>
      `${start} -a ${quote(word)}${text === "" ? "" : ` -d ${quote(text)}`}`
    ),
    ...(command.takesPath ? [`${start} -F`] : []),
    ...command.options.map((option) => {
      const names = option.names.map((name) =>
        name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`
      );
      const argument = { none: "", path: " -r -F", other: " -x" };
      return `${start} ${names.join(" ")}${argument[option.argument]} -d ${
        quote(option.description)
      }`;
    }),
  ];
}

/** A test that holds where this command, and none below it, was typed. */
function conditionOf(command: CompletionCommand): string {
  const above = command.path.slice(1).map((word) =>
    `__fish_seen_subcommand_from ${word}`
  );
  const below = command.commands.map(({ path }) => path.at(-1)!);
  const parts = below.length === 0
    ? above
    : [...above, `not __fish_seen_subcommand_from ${below.join(" ")}`];
  return parts.length === 0 ? "true" : parts.join("; and ");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
