/**
 * The command line of `deno task fuzz`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  countOption,
  secondsOption,
  TaskUsageError,
} from "../../tools/task.ts";
import type { FuzzTarget } from "./target.ts";
import { TARGETS } from "./targets/mod.ts";

/** What is asked for. */
export type FuzzOptions =
  | { readonly kind: "list" }
  | {
    readonly kind: "replay";
    /** The target. */
    readonly target: FuzzTarget;
    /** The one input that it is given. */
    readonly input: Uint8Array;
  }
  | ({ readonly kind: "fuzz" } & FuzzRun);

/** A run of inputs that nobody chose. */
export interface FuzzRun {
  /** One after the other. */
  readonly targets: readonly FuzzTarget[];
  /** How long for each of them. */
  readonly seconds: number;
  /** Where the inputs come from. */
  readonly seed: number;
  /** Whether the corpus is replaced by what was found. */
  readonly isKept: boolean;
}

const DEFAULT_SECONDS = 30;

/** What `--help` prints. */
export const HELP: string =
  `Tries inputs that are made up, and keeps those that show new behaviour.

  deno task fuzz --list                   the targets
  deno task fuzz frames                   one of them
  deno task fuzz all --seconds 10         each of them, so long
  deno task fuzz frames --input FILE      one input, as a finding prints it

  --seconds N    how long for each target, ${DEFAULT_SECONDS} when absent
  --seed N       repeats a run; drawn and printed when absent
  --keep         the corpus is replaced by what was found
  --help
`;

/**
 * Reads the command line.
 *
 * @param args Without the program.
 * @returns What is asked for.
 * @throws {TaskUsageError} For a target that does not exist, a number that is
 * none, or a file that cannot be read.
 */
export function parseOptions(args: readonly string[]): FuzzOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      seconds: { type: "string" },
      seed: { type: "string" },
      input: { type: "string" },
    },
  });
  if (values.list) return { kind: "list" };
  const targets = findTargets(positionals);
  if (values.input !== undefined) {
    const [target] = targets;
    if (positionals[0] === "all" || target === undefined) {
      throw new TaskUsageError("--input: is for one target, not for all");
    }
    return { kind: "replay", target, input: readInput(values.input) };
  }
  return {
    kind: "fuzz",
    targets,
    seconds: secondsOption("seconds", values.seconds) ?? DEFAULT_SECONDS,
    // A seed that nobody chose is drawn and printed: each run looks elsewhere.
    seed: countOption("seed", values.seed, 0) ??
      Math.floor(Math.random() * 2 ** 31),
    isKept: values.keep,
  };
}

function findTargets(words: readonly string[]): readonly FuzzTarget[] {
  const [name] = words;
  if (name === undefined || words.length > 1) {
    throw new TaskUsageError(
      `Name one target, or all: got ${words.join(" ") || "none"}`,
    );
  }
  if (name === "all") return TARGETS.filter(({ isFaulty }) => !isFaulty);
  const target = TARGETS.find((each) => each.name === name);
  if (target !== undefined) return [target];
  throw new TaskUsageError(
    `There is no target "${name}": --list names them`,
  );
}

function readInput(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    throw new TaskUsageError(`--input: there is no file to read at ${path}`);
  }
}
