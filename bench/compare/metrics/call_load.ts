/**
 * Calls, as a load: so many at a time, or so many a second.
 *
 * @module
 */
import type { PeerConnection } from "../driver.ts";
import { nextTurn } from "./macrotask.ts";
import type { MetricSettings } from "./metric.ts";
import type { MetricRun } from "./metric_run.ts";

/** Bytes of a call and of its answer. */
export const CALL_BYTES = 256;

/** @returns What is called with. */
export function createPayload(): Uint8Array {
  return Uint8Array.from({ length: CALL_BYTES }, (_, index) => index * 31);
}

/** What a load did. */
export interface LoadResult {
  /** How long each call took, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** How long all of them took, in seconds. */
  readonly seconds: number;
}

function checkAnswer(answer: Uint8Array): void {
  if (answer.length !== CALL_BYTES || answer[1] !== 31) {
    throw new Error(`Answer: ${answer.length} bytes for ${CALL_BYTES}`);
  }
}

/**
 * How much longer than a metric's own the warm-up is: of new processes, for V8 goes on
 * compiling for some ten seconds of calls, and of a metric that calls in another way
 * than what came before. In the minutes in which the other peers have their turn V8
 * gives memory back and forgets code, and p99 of lone calls goes on falling for twelve
 * seconds then, of WebSocket's as well.
 */
export const CALL_WARM_UP_FACTOR = 40;

/** Calls under way in the warm-up, and where the highest rate is looked for. */
export const OUTSTANDING_COUNT = 64;

/**
 * Makes ready for calls: both processes compiled, connected and warm.
 *
 * @param run The peer.
 * @param settings How long.
 * @returns On what and with what to call.
 */
export async function prepareCalls(
  run: MetricRun,
  settings: MetricSettings,
): Promise<{ connection: PeerConnection; payload: Uint8Array }> {
  const payload = createPayload();
  await run.warmUp((connection) =>
    callConstantly({
      connection,
      payload,
      outstandingCount: OUTSTANDING_COUNT,
      seconds: settings.warmUpSeconds * CALL_WARM_UP_FACTOR,
    })
  );
  return { connection: await run.connection, payload };
}

/**
 * Calls in a number of loops.
 *
 * @param options On what, with what, how many loops, for how long.
 * @returns What they did.
 */
export async function callConstantly(options: {
  readonly connection: Pick<PeerConnection, "call">;
  readonly payload: Uint8Array;
  readonly outstandingCount: number;
  readonly seconds: number;
}): Promise<LoadResult> {
  const { connection, payload } = options;
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  const until = startedAt + options.seconds * 1_000;
  const loop = async (): Promise<void> => {
    for (let now = performance.now(); now < until;) {
      checkAnswer(await connection.call(payload));
      const answeredAt = performance.now();
      latenciesMs.push(answeredAt - now);
      now = answeredAt;
    }
  };
  await Promise.all(Array.from({ length: options.outstandingCount }, loop));
  return { latenciesMs, seconds: (performance.now() - startedAt) / 1_000 };
}

/**
 * Calls at a constant rate, whether the earlier ones are answered or not. A
 * call's time counts from when it was due, so that a stall is seen by all the
 * calls that it held up and not by one.
 *
 * @param options On what, with what, how many a second, for how long.
 * @returns What they did, once all are answered.
 */
export async function callAtRate(options: {
  readonly connection: Pick<PeerConnection, "call">;
  readonly payload: Uint8Array;
  readonly callsPerSecond: number;
  readonly seconds: number;
}): Promise<LoadResult> {
  const { connection, payload, callsPerSecond } = options;
  const count = Math.max(1, Math.floor(callsPerSecond * options.seconds));
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  let begunCount = 0;
  let failure: unknown;
  const callOnce = async (dueAt: number): Promise<void> => {
    checkAnswer(await connection.call(payload));
    latenciesMs.push(performance.now() - dueAt);
  };
  // Nothing is kept of a call that is over: to collect it would be measured too.
  while (latenciesMs.length < count && failure === undefined) {
    const elapsedSeconds = (performance.now() - startedAt) / 1_000;
    const dueCount = Math.min(
      count,
      Math.ceil(elapsedSeconds * callsPerSecond),
    );
    while (begunCount < dueCount) {
      const dueAt = startedAt + begunCount++ / callsPerSecond * 1_000;
      callOnce(dueAt).catch((error) => failure ??= error);
    }
    // A timer is late by a millisecond, which would be all that is measured.
    await nextTurn();
  }
  if (failure !== undefined) throw failure;
  return { latenciesMs, seconds: (performance.now() - startedAt) / 1_000 };
}
