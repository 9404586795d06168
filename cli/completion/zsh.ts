/**
 * Completions for zsh.
 *
 * @module
 */
import { type CompletionCommand, listCommands } from "./command_tree.ts";

/**
 * Writes the script.
 *
 * @param root The commands.
 * @returns Text for a file `_mxp` in a directory of `$fpath`, or for `source`
 * after `compinit`.
 */
export function zshCompletion(root: CompletionCommand): string {
  const [program = ""] = root.path;
  const commands = listCommands(root);
  const known = commands.slice(1).map(({ path }) => quote(pathWord(path)));
  const paths = optionCases(commands, "path");
  const others = optionCases(commands, "other");
  return `#compdef ${program}
# zsh completion for ${program}; made by "${program} completions zsh"
_${program}() {
  local word place="" index
  local -a items
  for ((index = 2; index < CURRENT; index++)); do
    word=$words[index]
    case "$place/$word" in
    ${known.join(" | ")}) place="$place/$word" ;;
    esac
  done
  case "$place $words[CURRENT-1]" in
  ${paths.join(" | ")}) _files; return ;;
  ${others.join(" | ")}) return ;;
  esac
  case "$place" in
${commands.map(itemCase).join("\n")}
  esac
  _describe -V ${quote(program)} items
}
if [ "$funcstack[1]" = "_${program}" ]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`;
}

function pathWord(path: readonly string[]): string {
  return path.slice(1).map((word) => `/${word}`).join("");
}

function optionCases(
  commands: readonly CompletionCommand[],
  argument: "path" | "other",
): string[] {
  return commands.flatMap((command) =>
    command.options
      .filter((option) => option.argument === argument)
      .flatMap(({ names }) =>
        names.map((name) => quote(`${pathWord(command.path)} ${name}`))
      )
  );
}

function itemCase(command: CompletionCommand): string {
  const items = [
    ...command.commands.map((child) => [child.path.at(-1)!, child.description]),
    ...command.choices.map((choice) => [choice, ""]),
    ...command.options.flatMap(({ names, description }) =>
      names.map((name) => [name, description])
    ),
  ];
  // A colon parts the word from its description.
  const words = items.map(([word = "", text = ""]) =>
    quote(text === "" ? word : `${word.replaceAll(":", "\\:")}:${text}`)
  );
  const paths = command.takesPath ? "; _files" : "";
  return `  ${quote(pathWord(command.path))}) items=(${
    words.join(" ")
  })${paths} ;;`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
