/**
 * Messages one way, as fast as they go.
 *
 * @module
 */
import type { PeerConnection } from "../driver.ts";
import type { MetricSettings } from "./metric.ts";

/** Messages of the first flow. */
const FIRST_COUNT = 16;

/** Growth of the first, short flows, until one is long enough to go by. */
const MAX_GROWTH = 8;

/** What a flow did. */
export interface FlowResult {
  /** Messages that arrived. */
  readonly count: number;
  /** From the request to the last of them, in seconds. */
  readonly seconds: number;
}

/**
 * Has a number of messages sent, and checks each.
 *
 * @param connection On what.
 * @param bytes Size of each.
 * @param count How many.
 * @returns What came, and how long it took.
 */
async function receive(
  connection: PeerConnection,
  bytes: number,
  count: number,
): Promise<FlowResult> {
  let goodCount = 0;
  const startedAt = performance.now();
  await connection.stream({ count, bytes }, (message) => {
    if (message.length === bytes) goodCount++;
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  if (goodCount !== count) {
    throw new Error(
      `Messages of ${bytes} bytes: ${goodCount} of ${count} came`,
    );
  }
  return { count, seconds };
}

/**
 * Measures a flow: warms up with growing ones until one takes as long as the
 * warm-up has to, then one that takes about as long as the measurement.
 *
 * @param connection On what.
 * @param bytes Size of the messages.
 * @param settings How long.
 * @param onWarm Called between the two.
 * @returns The last flow.
 */
export async function measureFlow(
  connection: PeerConnection,
  bytes: number,
  settings: MetricSettings,
  onWarm: () => Promise<void> = () => Promise.resolve(),
): Promise<FlowResult> {
  const longEnough = settings.warmUpSeconds / 2;
  let warm = await receive(connection, bytes, FIRST_COUNT);
  while (warm.seconds < longEnough) {
    const missing = 1.5 * longEnough / Math.max(warm.seconds, 1e-4);
    const count = Math.ceil(warm.count * Math.min(MAX_GROWTH, missing));
    warm = await receive(connection, bytes, count);
  }
  await onWarm();
  const perSecond = warm.count / warm.seconds;
  return await receive(
    connection,
    bytes,
    Math.max(FIRST_COUNT, Math.ceil(perSecond * settings.seconds)),
  );
}
