/**
 * How long calls take at half of the highest rate, sent at that rate whatever
 * becomes of the earlier ones.
 *
 * @module
 */
import { percentile } from "../../support/statistics.ts";
import {
  CALL_WARM_UP_FACTOR,
  callAtRate,
  callConstantly,
  OUTSTANDING_COUNT,
  prepareCalls,
} from "./call_load.ts";
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

/** Latency under load. */
export const load: Metric = {
  figures: [{
    key: "loadP99Ms",
    title: "p99 at half of its own maximum load",
    unit: "ms",
    better: "lower",
    required: "2 ms",
    aim: "1 ms",
  }],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const calls = await prepareCalls(run, settings);
    // Not what `calls` found: on a shared machine that was another one.
    const maximum = await findMaximum(run, settings);
    const work = { ...calls, callsPerSecond: maximum / 2 };
    await callAtRate({
      ...work,
      seconds: settings.warmUpSeconds * CALL_WARM_UP_FACTOR,
    });
    const { latenciesMs } = await callAtRate({
      ...work,
      seconds: settings.seconds,
    });
    return { loadP99Ms: percentile(latenciesMs, 0.99) };
  },
};

async function findMaximum(
  run: MetricRun,
  settings: MetricSettings,
): Promise<number> {
  const work = {
    ...await prepareCalls(run, settings),
    outstandingCount: OUTSTANDING_COUNT,
  };
  const result = await callConstantly({ ...work, seconds: settings.seconds });
  return result.latenciesMs.length / result.seconds;
}
