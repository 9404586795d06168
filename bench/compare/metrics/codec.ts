/**
 * How long it takes to turn a message of 256 bytes into bytes, and back.
 *
 * @module
 */
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

/** Between two looks at the clock. */
const BATCH = 1_000;

const NS_PER_MS = 1e6;

/** Cost of the message format. */
export const codec: Metric = {
  figures: [
    {
      key: "encodeNs",
      title: "encode a message, 256 B",
      unit: "ns",
      better: "lower",
      required: "200 ns",
      aim: "120 ns",
    },
    {
      key: "decodeNs",
      title: "decode (and verify) a message, 256 B",
      unit: "ns",
      better: "lower",
      required: "150 ns",
      aim: "100 ns",
    },
  ],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const create = run.peer.driver.createCodec;
    if (create === undefined) return {};
    const codec = await create();
    return {
      encodeNs: time(() => codec.encode(), settings),
      decodeNs: time(() => codec.decode(), settings),
    };
  },
};

/** @returns Nanoseconds of one call of `work`. */
function time(work: () => void, settings: MetricSettings): number {
  repeat(work, settings.warmUpSeconds / 2);
  return repeat(work, settings.seconds / 2);
}

function repeat(work: () => void, seconds: number): number {
  const startedAt = performance.now();
  let count = 0;
  let elapsedMs = 0;
  do {
    for (let index = 0; index < BATCH; index++) work();
    count += BATCH;
    elapsedMs = performance.now() - startedAt;
  } while (elapsedMs < seconds * 1_000);
  return elapsedMs / count * NS_PER_MS;
}
