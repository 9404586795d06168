/**
 * The command line of `deno task soak`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { countOption } from "../../tools/task.ts";

/** What is asked for. */
export interface SoakCommand {
  /** Calls until it is over. */
  readonly callCount: number;
}

const DEFAULT_CALLS = 1_000_000;

/** What `--help` prints. */
export const HELP: string =
  `Makes calls on real sockets with key updates and changes of address.

  --calls N      how many, ${DEFAULT_CALLS} when absent
  --help
`;

/**
 * Reads the command line.
 *
 * @param args Without the program.
 * @returns What is asked for.
 * @throws {TaskUsageError} For a number that is none.
 */
export function parseOptions(args: readonly string[]): SoakCommand {
  const { values } = parseArgs({
    args: [...args],
    options: { calls: { type: "string" } },
  });
  return { callCount: countOption("calls", values.calls) ?? DEFAULT_CALLS };
}
