/**
 * How long a call of 256 bytes there and back takes when nothing else is under
 * way.
 *
 * @module
 */
import { percentile } from "../../support/statistics.ts";
import {
  CALL_WARM_UP_FACTOR,
  callConstantly,
  prepareCalls,
} from "./call_load.ts";
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

const US_PER_MS = 1_000;

/** Latency of a single call. */
export const latency: Metric = {
  figures: [
    {
      key: "latencyP50Us",
      title: "sequential call, 256 B, p50",
      unit: "us",
      better: "lower",
      required: "1.4 x raw",
      aim: "1.15 x raw",
    },
    {
      key: "latencyP99Us",
      title: "sequential call, 256 B, p99 (x: raw p50)",
      unit: "us",
      better: "lower",
      rawKey: "latencyP50Us",
      required: "3 x raw p50",
      aim: "2 x raw p50",
    },
  ],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const work = { ...await prepareCalls(run, settings), outstandingCount: 1 };
    await callConstantly({
      ...work,
      seconds: settings.warmUpSeconds * CALL_WARM_UP_FACTOR,
    });
    const { latenciesMs } = await callConstantly({
      ...work,
      seconds: settings.seconds,
    });
    return {
      latencyP50Us: percentile(latenciesMs, 0.5) * US_PER_MS,
      latencyP99Us: percentile(latenciesMs, 0.99) * US_PER_MS,
    };
  },
};
