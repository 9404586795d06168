/**
 * The command line.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { BenchOptions } from "../support/bench_task.ts";
import { countOption, TaskUsageError } from "../../tools/task.ts";
import { type Peer, PEERS } from "./catalogue.ts";
import type { MetricName, MetricSettings } from "./metrics/metric.ts";
import { METRIC_NAMES } from "./metrics/mod.ts";

/** What is asked for. */
export interface CompareOptions extends BenchOptions {
  /** The peers. */
  readonly peers: readonly Peer[];
  /** The metrics. */
  readonly metrics: readonly MetricName[];
  /** How often. */
  readonly roundCount: number;
  /** How long. */
  readonly settings: MetricSettings;
  /** Whether each side gets a processor of its own. */
  readonly isPinned: boolean;
}

/** Half an hour for all peers on two processors. */
const FULL: MetricSettings = {
  warmUpSeconds: 0.3,
  seconds: 0.5,
  setUpCount: 60,
  idleCount: 1_000,
};

/** Under a minute and a half; to see that everything works. */
const QUICK: MetricSettings = {
  warmUpSeconds: 0.1,
  seconds: 0.15,
  setUpCount: 6,
  idleCount: 100,
};

const FULL_ROUNDS = 3;
const QUICK_ROUNDS = 1;

/** What `--help` prints. */
export const HELP: string =
  `Measures @mxp/core beside its peers, two processes each.

  --quick        one short round
  --only LIST    these metrics and peers, by name, with commas between
  --rounds N     how many rounds, ${FULL_ROUNDS} when absent
  --pin          each side on a processor of its own (Linux, taskset)
  --out FOLDER   where results.json, chart.svg and table.md go,
                 dist/compare when absent
  --help

Metrics: ${METRIC_NAMES.join(", ")}
Peers: ${PEERS.map(({ name }) => name).join(", ")}
`;

/**
 * Reads the command line.
 *
 * @param args Without the program.
 * @returns What is asked for.
 * @throws {TaskUsageError} For a name that does not exist, or a number that is
 * none.
 */
export function parseOptions(args: readonly string[]): CompareOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      pin: { type: "boolean", default: false },
      out: { type: "string", default: "dist/compare" },
    },
  });
  const names = values.only.flatMap((list) => list.split(","))
    .map((name) => name.trim());
  const peers = PEERS.filter(({ name }) => names.includes(name));
  const metrics = METRIC_NAMES.filter((name) => names.includes(name));
  const known = [...peers.map(({ name }) => name), ...metrics];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TaskUsageError(
      `--only: must be names of metrics and peers, got "${unknown}"`,
    );
  }
  return {
    peers: peers.length > 0 ? peers : PEERS,
    metrics: metrics.length > 0 ? metrics : METRIC_NAMES,
    roundCount: countOption("rounds", values.rounds) ??
      (values.quick ? QUICK_ROUNDS : FULL_ROUNDS),
    settings: values.quick ? QUICK : FULL,
    isPinned: values.pin,
    outputFolder: values.out,
  };
}
