/**
 * The command line of `deno task sim`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { countOption, TaskUsageError } from "../../tools/task.ts";

/** Which seeds are run. */
export interface SeedRange {
  /** The lowest. */
  readonly first: number;
  /** How many. */
  readonly count: number;
}

const DEFAULT_COUNT = 1_000;

/** What `--help` prints. */
export const HELP: string =
  `Runs the transport over simulated networks, one for each seed.

  --seeds N      how many, ${DEFAULT_COUNT} when absent
  --from N       the first of them, 1 when absent
  --seed N       this one only
  --help
`;

/**
 * Reads the command line.
 *
 * @param args Without the program.
 * @returns Which seeds to run.
 * @throws {TaskUsageError} For a number that is none, or for one seed and
 * several.
 */
export function parseOptions(args: readonly string[]): SeedRange {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: "string" },
      seed: { type: "string" },
      seeds: { type: "string" },
    },
  });
  const seed = countOption("seed", values.seed, 0);
  const first = countOption("from", values.from, 0);
  const count = countOption("seeds", values.seeds);
  if (seed === undefined) {
    return { first: first ?? 1, count: count ?? DEFAULT_COUNT };
  }
  if (first !== undefined || count !== undefined) {
    throw new TaskUsageError("--seed: runs one, without --from and --seeds");
  }
  return { first: seed, count: 1 };
}
