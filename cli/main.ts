/**
 * `mxp`, the command line of the toolkit. Running this file runs it.
 *
 * ```sh
 * deno run --unstable-net --allow-net --allow-read --allow-write --allow-env cli/main.ts --help
 * ```
 *
 * Only what a command needs has to be allowed: `docs/cli.md` lists it.
 *
 * @module
 */
import process from "node:process";
import { CommanderError } from "commander";
import { CliError } from "./error.ts";
import { ExitCode, type ExitCodeValue } from "./exit_code.ts";
import { describeFailure, type Failure } from "./failure.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";

export { ExitCode, type ExitCodeValue };

/**
 * Runs one command line.
 *
 * @param args The words after the program's name.
 * @param interruption Fires at Ctrl-C.
 * @returns The exit code: 0 done, 1 failed, 2 wrong usage, 3 timed out, 4
 * connection lost, 130 interrupted.
 */
export async function main(
  args: readonly string[],
  interruption: AbortSignal = new AbortController().signal,
): Promise<ExitCodeValue> {
  const output = new Output({ isJson: hasJsonFlag(args), interruption });
  const program = createProgram({ output, interruption, environment, mayRead });
  try {
    await program.parseAsync(args, { from: "user" });
    await output.end();
    return ExitCode.DONE;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      return ExitCode.DONE; // help and version were asked for
    }
    if (isHelp(error)) return ExitCode.USAGE; // shown for want of a command
    const failure = describeFailure(error);
    await report(failure, output, helpCommand(program, args));
    return failure.exitCode;
  }
}

async function report(
  failure: Failure,
  output: Output,
  help: string,
): Promise<void> {
  if (failure.message === "") return await output.end();
  const hint = failure.exitCode === ExitCode.USAGE ? ` (see ${help})` : "";
  const { exitCode: _, ...error } = failure;
  await output.end({
    line: `mxp: ${failure.message}${hint}`,
    json: { error },
  });
}

function hasJsonFlag(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--json");
}

function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.code === "commander.help";
}

/** The command that explains the one that was used wrongly. */
function helpCommand(
  program: ReturnType<typeof createProgram>,
  args: readonly string[],
): string {
  const words = [program.name()];
  let command = program;
  for (const word of args) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) break;
    command = next;
    words.push(word);
  }
  return `${words.join(" ")} --help`;
}

function environment(name: string): string | undefined {
  return mayRead(name) ? process.env[name] || undefined : undefined;
}

function mayRead(name: string): boolean {
  try {
    void process.env[name];
    return true;
  } catch {
    return false; // Deno without the permission
  }
}

/** Runs the command line of this process, and ends it. */
async function run(): Promise<void> {
  const interruption = new AbortController();
  const end = (): void => {
    interruption.abort(new CliError("INTERRUPTED", "Interrupted"));
  };
  const interrupt = (): void => {
    // Whoever presses twice does not want to wait.
    if (interruption.signal.aborted) process.exit(ExitCode.INTERRUPTED);
    end();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  // A terminal that closes says so twice: its system does, and its shell.
  process.on("SIGHUP", end);
  process.on("uncaughtException", (error) => {
    const { message, exitCode } = describeFailure(error);
    const output = new Output({ isJson: false });
    output.note(`mxp: ${message}`);
    void output.end().finally(() => process.exit(exitCode));
  });
  process.exit(await main(process.argv.slice(2), interruption.signal));
}

// Undefined where the runtime does not say, as Node 20: there it is a program.
if ((import.meta as { main?: boolean }).main !== false) await run();
