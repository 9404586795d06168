/**
 * Completions for bash.
 *
 * @module
 */
import { type CompletionCommand, listCommands } from "./command_tree.ts";

/**
 * Writes the script.
 *
 * @param root The commands.
 * @returns Text for `source` or a file in `bash-completion/completions`.
 */
export function bashCompletion(root: CompletionCommand): string {
  const [program = ""] = root.path;
  const commands = listCommands(root);
  const known = commands.slice(1).map(({ path }) => quote(pathWord(path)));
  const taking = commands.flatMap((command) => valueCases(command));
  return `# bash completion for ${program}; made by "${program} completions bash"
_${program}() {
  local word index place="" words=""
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case "$place/$word" in
    ${known.join(" | ")}) place="$place/$word" ;;
    esac
  done
  COMPREPLY=()
  case "$place $previous" in
${taking.join("\n")}
  esac
  case "$place" in
${commands.map(wordCase).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _${program} ${program}
`;
}

/** The commands after the program's name, as the script writes them. */
function pathWord(path: readonly string[]): string {
  return path.slice(1).map((word) => `/${word}`).join("");
}

function valueCases(command: CompletionCommand): string[] {
  const place = pathWord(command.path);
  const cases: string[] = [];
  for (const argument of ["path", "other"] as const) {
    const patterns = command.options
      .filter((option) => option.argument === argument)
      .flatMap(({ names }) => names.map((name) => quote(`${place} ${name}`)));
    if (patterns.length === 0) continue;
    const reply = argument === "path"
      ? ` local IFS=$'\\n'\n    COMPREPLY=($(compgen -f -- "$current"))\n   `
      : "";
    cases.push(`  ${patterns.join(" | ")})\n   ${reply} return\n    ;;`);
  }
  return cases;
}

function wordCase(command: CompletionCommand): string {
  const words = [
    ...command.commands.map(({ path }) => path.at(-1)!),
    ...command.choices,
    ...command.options.flatMap(({ names }) => names),
  ];
  return `  ${quote(pathWord(command.path))}) words=${
    quote(words.join(" "))
  } ;;`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
