/**
 * How many tokens a stream delivers in a second, each of 8 bytes and a message
 * of its own.
 *
 * @module
 */
import { measureFlow } from "./message_flow.ts";
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

const TOKEN_BYTES = 8;

/** Throughput of a stream of tokens. */
export const tokens: Metric = {
  figures: [{
    key: "tokensPerSecond",
    title: "tokens, one stream, 8 B each",
    unit: "per second",
    better: "higher",
    required: "700 k",
    aim: "1.5 M",
  }],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const connection = await run.connection;
    const flow = await measureFlow(connection, TOKEN_BYTES, settings);
    return { tokensPerSecond: flow.count / flow.seconds };
  },
};
