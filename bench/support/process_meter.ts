/**
 * What this process takes.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** Time for what was freed to go back to the system, in milliseconds. */
export const SETTLE_MS = 150;

const COLLECTION_COUNT = 3;

/** @returns What this process has used of the processors, in microseconds. */
export function processorTimeUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** @returns Resident bytes of this process after a collection, with `--expose-gc`. */
export async function weigh(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  for (let turn = 0; turn < COLLECTION_COUNT; turn++) {
    gc?.();
    await delay(SETTLE_MS);
  }
  return process.memoryUsage().rss;
}
