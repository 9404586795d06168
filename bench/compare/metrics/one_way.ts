/**
 * How fast messages of four sizes go one way, reliably and in order, and what
 * one of 1 KiB takes of the processors on both sides.
 *
 * @module
 */
import type { PeerConnection } from "../driver.ts";
import { measureFlow } from "./message_flow.ts";
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

const KIB = 1_024;
const MIB: number = 1_024 * KIB;
const BYTES_PER_MB = 1e6;

/** Throughput one way. */
export const oneWay: Metric = {
  figures: [
    {
      key: "oneWay64",
      title: "one-way, 64 B",
      unit: "per second",
      better: "higher",
      required: "1 M",
      aim: "2 M",
    },
    {
      key: "oneWay64Small",
      title: "one-way, 64 B, packets held at 1,200 B",
      unit: "per second",
      better: "higher",
      required: "300 k",
      aim: "600 k",
    },
    {
      key: "oneWay1K",
      title: "one-way, 1 KiB",
      unit: "per second",
      better: "higher",
      required: "170 k",
      aim: "300 k",
    },
    {
      key: "oneWay64K",
      title: "one-way, 64 KiB",
      unit: "MB/s",
      better: "higher",
      required: "220 MB/s",
      aim: "560 MB/s with FFI",
    },
    {
      key: "oneWay1M",
      title: "one-way, 1 MiB",
      unit: "MB/s",
      better: "higher",
      required: "250 MB/s",
      aim: "520 MB/s with FFI",
    },
    {
      key: "messageProcessorUs",
      title: "CPU per 1 KiB message, both sides",
      unit: "us",
      better: "lower",
    },
  ],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const connection = await run.connection;
    const sample: Record<string, number> = {};
    sample.oneWay64 = await messagesPerSecond(connection, 64, settings);
    if (run.peer.driver.holdsPacketSize === true) {
      const small = await run.smallPacketConnection;
      sample.oneWay64Small = await messagesPerSecond(small, 64, settings);
    }
    let processorBefore = 0;
    const flow = await measureFlow(connection, KIB, settings, async () => {
      processorBefore = await run.processorTimeUs();
    });
    const processorUs = await run.processorTimeUs() - processorBefore;
    sample.oneWay1K = flow.count / flow.seconds;
    sample.messageProcessorUs = processorUs / flow.count;
    for (const [key, bytes] of [["oneWay64K", 64 * KIB], ["oneWay1M", MIB]]) {
      const perSecond = await messagesPerSecond(
        connection,
        Number(bytes),
        settings,
      );
      sample[String(key)] = perSecond * Number(bytes) / BYTES_PER_MB;
    }
    return sample;
  },
};

async function messagesPerSecond(
  connection: PeerConnection,
  bytes: number,
  settings: MetricSettings,
): Promise<number> {
  const { count, seconds } = await measureFlow(connection, bytes, settings);
  return count / seconds;
}
