/**
 * The command line.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { BenchOptions } from "../support/bench_task.ts";
import { choiceOption, countOption } from "../../tools/task.ts";
import type { ScaleSettings } from "./order.ts";
import { type CurveName, CURVES } from "./point.ts";

/** What is asked for. */
export interface ScaleOptions extends BenchOptions {
  /** The curves. */
  readonly curves: readonly CurveName[];
  /** How often. */
  readonly roundCount: number;
  /** How long. */
  readonly settings: ScaleSettings;
  /** Points above it are left out. */
  readonly maxCount: number;
}

/** Three minutes on two processors. */
const FULL: ScaleSettings = {
  // A call of its own in a datagram takes 20,000 of them to be compiled.
  processWarmUpSeconds: 8,
  warmUpSeconds: 0.2,
  seconds: 0.8,
};

/** Under forty seconds. */
const QUICK: ScaleSettings = {
  processWarmUpSeconds: 0.4,
  warmUpSeconds: 0.1,
  seconds: 0.2,
};

const FULL_ROUNDS = 3;
const QUICK_ROUNDS = 1;

/** What `--help` prints. */
export const HELP: string =
  `Measures @mxp/core with more and more connections and open streams.

  --quick        one short round
  --only CURVE   ${CURVES.join(" or ")}
  --max N        no points above N
  --rounds N     how many rounds, ${FULL_ROUNDS} when absent
  --out FOLDER   where results.json and chart.svg go, dist/scale when absent
  --help
`;

/**
 * Reads the command line.
 *
 * @param args Without the program.
 * @returns What is asked for.
 * @throws {TaskUsageError} For a name that does not exist, or a number that is
 * none.
 */
export function parseOptions(args: readonly string[]): ScaleOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      max: { type: "string" },
      rounds: { type: "string" },
      out: { type: "string", default: "dist/scale" },
    },
  });
  const { quick } = values;
  const only = choiceOption("only", values.only, CURVES);
  return {
    curves: only === undefined ? CURVES : [only],
    roundCount: countOption("rounds", values.rounds) ??
      (quick ? QUICK_ROUNDS : FULL_ROUNDS),
    settings: quick ? QUICK : FULL,
    maxCount: countOption("max", values.max) ?? Infinity,
    outputFolder: values.out,
  };
}
