/**
 * How long it takes from nothing to the first answer: with a whole handshake,
 * with a shortened one, and with the question in the first packet.
 *
 * @module
 */
import type { PeerConnection, SetUp, SetUpKind } from "../driver.ts";
import { median } from "../../support/statistics.ts";
import { CALL_WARM_UP_FACTOR, createPayload } from "./call_load.ts";
import type { Metric, MetricSettings, Sample } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

const KEYS: Readonly<Record<SetUpKind, string>> = {
  fresh: "setUpFreshMs",
  resumed: "setUpResumedMs",
  "zero-rtt": "setUpZeroRttMs",
};

/** Most connections of a warm-up: TCP keeps the port of each for a minute. */
const MAX_WARM_UP_COUNT = 1_000;

/** Time to the first answer. */
export const setup: Metric = {
  figures: [
    {
      key: KEYS.fresh,
      title: "fresh connection to first answer",
      unit: "ms",
      better: "lower",
      required: "3 ms",
      aim: "1.6 ms",
    },
    {
      key: KEYS.resumed,
      title: "resumed connection to first answer",
      unit: "ms",
      better: "lower",
      rawKey: KEYS.fresh,
    },
    {
      key: KEYS["zero-rtt"],
      title: "resumed with 0-RTT to first answer",
      unit: "ms",
      better: "lower",
      rawKey: KEYS.fresh,
      required: "1.2 ms",
      aim: "0.6 ms",
    },
  ],
  async measure(run: MetricRun, settings: MetricSettings): Promise<Sample> {
    const sample: Record<string, number> = {};
    const { setUpKinds = [] } = run.peer.driver;
    for (const kind of new Set<SetUpKind>(["fresh", ...setUpKinds])) {
      const ms = await timeMany(run, kind, settings);
      if (ms !== undefined) sample[KEYS[kind]] = ms;
    }
    return sample;
  },
};

/** @returns Median in milliseconds; `undefined` when there is no such kind. */
async function timeMany(
  run: MetricRun,
  kind: SetUpKind,
  settings: MetricSettings,
): Promise<number | undefined> {
  const { warmUpSeconds, setUpCount } = settings;
  const { maxWarmUpSetUps = MAX_WARM_UP_COUNT } = run.peer.driver;
  const warmAt = performance.now() +
    warmUpSeconds * CALL_WARM_UP_FACTOR * 1_000;
  const times: number[] = [];
  for (let index = 0, count = 0; count < setUpCount; index++) {
    const isWarm = index >= maxWarmUpSetUps || performance.now() >= warmAt;
    const setUp = await prepare(run, kind);
    if (setUp === undefined) return undefined;
    const ms = await timeOne(setUp);
    if (!isWarm) continue;
    count++;
    if (setUp.isAsAsked?.() !== false) times.push(ms);
  }
  return times.length === 0 ? undefined : median(times);
}

async function timeOne(setUp: SetUp): Promise<number> {
  const payload = createPayload();
  const startedAt = performance.now();
  const answer = await setUp.firstAnswer(payload);
  const ms = performance.now() - startedAt;
  await setUp.close();
  if (answer.length !== payload.length) throw new Error("Wrong first answer");
  return ms;
}

function prepare(
  run: MetricRun,
  kind: SetUpKind,
): Promise<SetUp | undefined> | SetUp {
  const { driver, context, address } = run.peer;
  if (driver.setUp !== undefined) return driver.setUp(context, address, kind);
  let connection: PeerConnection | undefined;
  return {
    async firstAnswer(payload) {
      connection = await driver.connect(context, address, {});
      return await connection.call(payload);
    },
    close: () => connection?.close(),
  };
}
