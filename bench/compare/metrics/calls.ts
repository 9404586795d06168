/**
 * How many calls of 256 bytes there and back are answered in a second while 64
 * are under way, and how much processor time each takes on both sides together.
 *
 * @module
 */
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";
import {
  callConstantly,
  OUTSTANDING_COUNT,
  prepareCalls,
} from "./call_load.ts";

/** Throughput of calls. */
export const calls: Metric = {
  figures: [
    {
      key: "callsPerSecond",
      title: `calls per second, ${OUTSTANDING_COUNT} outstanding, 256 B`,
      unit: "per second",
      better: "higher",
      required: "60 k, 1.2 x ws",
      aim: "120 k",
    },
    {
      key: "callProcessorUs",
      title: "CPU per call, both sides, 64 outstanding",
      unit: "us",
      better: "lower",
    },
  ],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const work = {
      ...await prepareCalls(run, settings),
      outstandingCount: OUTSTANDING_COUNT,
    };
    await callConstantly({ ...work, seconds: settings.warmUpSeconds });
    const processorBefore = await run.processorTimeUs();
    const result = await callConstantly({
      ...work,
      seconds: settings.seconds,
    });
    const processorUs = await run.processorTimeUs() - processorBefore;
    return {
      callsPerSecond: result.latenciesMs.length / result.seconds,
      callProcessorUs: processorUs / result.latenciesMs.length,
    };
  },
};
