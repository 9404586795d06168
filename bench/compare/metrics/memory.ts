/**
 * What an idle connection takes in memory, on the side that answers and on the
 * side that asks.
 *
 * @module
 */
import { createPayload } from "./call_load.ts";
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

/** Connections that are made at a time. */
const CONCURRENCY = 8;

/** Share of the connections that are made before the first weighing. */
const WARM_UP_SHARE = 0.1;

const BYTES_PER_KB = 1_000;

type Closable = { close(): Promise<void> | void };

/** Memory of a connection. */
export const memory: Metric = {
  isIsolated: true,
  figures: [
    {
      key: "idleServerKb",
      title: "memory per idle connection, answering side",
      unit: "KB",
      better: "lower",
      required: "60 KB",
      aim: "15 KB",
    },
    {
      key: "idleClientKb",
      title: "memory per idle connection, asking side",
      unit: "KB",
      better: "lower",
    },
  ],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    if (run.peer.driver.isConnectionless === true) return {};
    const open: Closable[] = [];
    await openIdle(run, Math.ceil(settings.idleCount * WARM_UP_SHARE), open);
    const serverBefore = await run.peer.ask("server-memory");
    const clientBefore = await run.peer.weigh();
    await openIdle(run, settings.idleCount, open);
    const serverBytes = await run.peer.ask("server-memory") - serverBefore;
    const clientBytes = await run.peer.weigh() - clientBefore;
    const perConnection = settings.idleCount * BYTES_PER_KB;
    return {
      idleServerKb: serverBytes / perConnection,
      idleClientKb: clientBytes / perConnection,
    };
  },
};

async function openIdle(
  run: MetricRun,
  count: number,
  open: Closable[],
): Promise<void> {
  const until = open.length + count;
  let begun = open.length;
  const loop = async (): Promise<void> => {
    while (begun < until) {
      begun++;
      open.push(await openOne(run));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, loop));
}

async function openOne(run: MetricRun): Promise<Closable> {
  const { driver, context, address } = run.peer;
  if (driver.connectIdle !== undefined) {
    return await driver.connectIdle(context, address);
  }
  const connection = await driver.connect(context, address, {});
  await connection.call(createPayload());
  return connection;
}
