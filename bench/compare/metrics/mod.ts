/**
 * All metrics, in the order in which they are measured: those that warm the
 * code up come first.
 *
 * @module
 */
import { calls } from "./calls.ts";
import { codec } from "./codec.ts";
import { latency } from "./latency.ts";
import { load } from "./load.ts";
import { memory } from "./memory.ts";
import type { Metric, MetricName } from "./metric.ts";
import { oneWay } from "./one_way.ts";
import { setup } from "./setup.ts";
import { tokens } from "./tokens.ts";

/** The metrics by name. */
export const METRICS: Readonly<Record<MetricName, Metric>> = {
  codec,
  calls,
  latency,
  load,
  "one-way": oneWay,
  tokens,
  setup,
  memory,
};

/** Their names. */
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];
