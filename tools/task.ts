/**
 * The command line of a developer task, as in `deno task soak --calls 1000`:
 * `--help` explains it, and what makes no sense is answered with one line that
 * says what to do, before anything is tried.
 *
 * Reading the words is left to `parseArgs` of `node:util`. What the options say
 * is judged by the functions here.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { ExitCode } from "../cli/exit_code.ts";
import { noteLine, printLine } from "./print_line.ts";

/** A command line that makes no sense. Its message says what to do about it. */
export class TaskUsageError extends Error {}

/** A task, as far as its command line goes. */
export interface Task<Options> {
  /** Its name in `deno.json`. */
  readonly name: string;
  /** What `--help` prints. */
  readonly help: string;
  /**
   * Reads the words.
   *
   * @param args Those after the name of the task; `--help` is not among them.
   * @returns What is asked for.
   * @throws {TaskUsageError} When they make no sense. An error of `parseArgs`
   * counts as one.
   */
  readonly parse: (args: readonly string[]) => Options;
}

/** What a command line comes to. */
export type TaskRequest<Options> =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "refused"; readonly line: string };

/**
 * Judges a command line.
 *
 * @param task Whose.
 * @param args The words after the name of the task.
 * @returns What to do.
 */
export function readTask<Options>(
  task: Task<Options>,
  args: readonly string[],
): TaskRequest<Options> {
  const { name, help, parse } = task;
  if (asksForHelp(args)) return { kind: "help", text: help.trimEnd() };
  try {
    return { kind: "run", options: parse(args) };
  } catch (error) {
    const reason = usageReason(error);
    if (reason === undefined) throw error;
    const line = `${name}: ${reason} (see deno task ${name} --help)`;
    return { kind: "refused", line };
  }
}

/**
 * Reads the command line of this process. Where nothing is to be done, it
 * prints the help (exit code 0) or what is wrong (exit code 2, as in the
 * command line of the project) and ends the process.
 *
 * @param task Whose.
 * @returns What is asked for.
 */
export function taskOptions<Options>(task: Task<Options>): Options {
  const request = readTask(task, process.argv.slice(2));
  switch (request.kind) {
    case "run":
      return request.options;
    case "help":
      printLine(request.text);
      return process.exit(ExitCode.DONE);
    case "refused":
      noteLine(request.line);
      return process.exit(ExitCode.USAGE);
  }
}

/**
 * Reads the words of a task that takes none.
 *
 * @param args The words.
 */
export function parseNothing(args: readonly string[]): void {
  parseArgs({ args: [...args], options: {} });
}

/**
 * An option that counts.
 *
 * @param name Its name, without the dashes.
 * @param text What was given, if anything.
 * @param least The smallest number that makes sense; 1 when absent.
 * @returns The number; `undefined` when the option is absent.
 * @throws {TaskUsageError} For anything but a whole number from `least`.
 */
export function countOption(
  name: string,
  text: string | undefined,
  least = 1,
): number | undefined {
  if (text === undefined) return undefined;
  const count = numberOf(text);
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw new TaskUsageError(
    `--${name}: must be a whole number from ${least}, got "${text}"`,
  );
}

/**
 * An option that says how long something takes.
 *
 * @param name Its name, without the dashes.
 * @param text What was given, if anything.
 * @returns The seconds; `undefined` when the option is absent.
 * @throws {TaskUsageError} For anything but a number above zero.
 */
export function secondsOption(
  name: string,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  const seconds = numberOf(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new TaskUsageError(
    `--${name}: must be a number above 0, in seconds, got "${text}"`,
  );
}

/**
 * An option that names one of a few.
 *
 * @param name Its name, without the dashes.
 * @param text What was given, if anything.
 * @param choices The names there are.
 * @returns One of them; `undefined` when the option is absent.
 * @throws {TaskUsageError} For any other name.
 */
export function choiceOption<Choice extends string>(
  name: string,
  text: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw new TaskUsageError(
    `--${name}: must be ${choices.join(" or ")}, got "${text}"`,
  );
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const words = args.slice(0, end === -1 ? args.length : end);
  return words.includes("--help") || words.includes("-h");
}

/** @returns `undefined` when the command line is not to blame. */
function usageReason(error: unknown): string | undefined {
  if (error instanceof TaskUsageError) return error.message;
  if (!(error instanceof TypeError) || !("code" in error)) return undefined;
  if (!String(error.code).startsWith("ERR_PARSE_ARGS_")) return undefined;
  // What follows the first sentence is about words that start with a dash.
  return error.message.split(/\.\s/)[0]!.replaceAll("\n", " ");
}

/** `Number()` without its idea that nothing is zero. */
function numberOf(text: string): number {
  return text.trim() === "" ? NaN : Number(text);
}
