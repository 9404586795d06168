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
  const taking = commands.flatMap((command) => valueCases(command, program));
  const paths = commands.filter(({ takesPath }) => takesPath)
    .map(({ path }) => quote(pathWord(path)));
  return `# bash completion for ${program}; made by "${program} completions bash"
_${program}_paths() {
  local path
  # Paths are quoted, and directories end with a slash. Bash 3 cannot.
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do
    COMPREPLY+=("$path")
  done < <(compgen -f -- "$1")
}
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
  case "$place" in
  ${paths.join(" | ")}) _${program}_paths "$current" ;;
  esac
}
complete -F _${program} ${program}
`;
}

/** The commands after the program's name, as the script writes them. */
function pathWord(path: readonly string[]): string {
  return path.slice(1).map((word) => `/${word}`).join("");
}

function valueCases(command: CompletionCommand, program: string): string[] {
  const place = pathWord(command.path);
  const cases: string[] = [];
  for (const argument of ["path", "other"] as const) {
    const patterns = command.options
      .filter((option) => option.argument === argument)
      .flatMap(({ names }) => names.map((name) => quote(`${place} ${name}`)));
    if (patterns.length === 0) continue;
    const reply = argument === "path" ? `_${program}_paths "$current"; ` : "";
    cases.push(`  ${patterns.join(" | ")}) ${reply}return ;;`);
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
