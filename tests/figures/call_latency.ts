/**
 * How long calls take over a path that loses datagrams, in virtual time.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Connection } from "../../transport/core/connection.ts";
import { Pair } from "../support/pair.ts";

/** What is measured. */
export interface CallLoad {
  /** Round-trip time of the path, in milliseconds. */
  readonly rttMs: number;
  /** Share of the datagrams that is lost, in each direction. */
  readonly lossRate: number;
  /** How many calls. */
  readonly callCount: number;
  /** Size of a call and of its answer, in bytes. */
  readonly callBytes: number;
  /** From the start of one call to that of the next, in milliseconds; `undefined`: to its end. */
  readonly intervalMs: number | undefined;
  /** Everything random is drawn from it. */
  readonly seed: number;
}

/**
 * Makes calls, each a stream of its own, and answers them at once.
 *
 * @param load How many, how long, how often, over what.
 * @returns How long each took, in milliseconds, ascending.
 */
export function measureCalls(load: CallLoad): number[] {
  const { rttMs, callCount, callBytes, intervalMs, seed } = load;
  const pair = new Pair({ seed, link: { latencyMs: rttMs / 2 } });
  const { client, server } = pair.connect();
  const payload = new Uint8Array(callBytes).fill(1);
  const startedAt = new Map<number, number>();
  const callMs: number[] = [];
  const call = (): void => {
    const id = client.openStream({ priority: 1 })!;
    startedAt.set(id, pair.now);
    client.writeStream(id, payload);
    client.finishStream(id);
  };
  pair.server.onEvent = (_connection, event) => {
    if (event.type !== "stream-readable") return;
    if (!isWhole(server, event.id)) return;
    server.writeStream(event.id, payload);
    server.finishStream(event.id);
  };
  pair.client.onEvent = (_connection, event) => {
    if (event.type !== "stream-readable") return;
    if (!isWhole(client, event.id)) return;
    callMs.push(pair.now - startedAt.get(event.id)!);
    startedAt.delete(event.id);
    if (intervalMs === undefined && callMs.length < callCount) call();
  };
  // The path is measured and its size found before anything is lost.
  pair.runFor(40 * rttMs);
  pair.network.configure({ lossRate: load.lossRate });
  if (intervalMs === undefined) call();
  else {
    for (let index = 0; index < callCount; index++) {
      call();
      pair.runFor(intervalMs);
    }
  }
  pair.runUntil(() => callMs.length === callCount, callCount * 10 * rttMs);
  assert.equal(startedAt.size, 0);
  return callMs.sort((left, right) => left - right);
}

/** Reads what is there. @returns Whether the end of the stream was reached. */
function isWhole(connection: Connection, streamId: number): boolean {
  while (connection.readStream(streamId) !== undefined);
  return connection.streamState(streamId)?.isFinished !== false;
}
