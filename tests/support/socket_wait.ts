/**
 * How long what comes to a socket waits until it is read.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { MonotonicClock } from "../../internal/instant.ts";
import { DenoUdpCarrier } from "../../transport/carrier/deno_udp.ts";
import { systemClock } from "../../transport/system_clock.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/**
 * Keeps the process busy.
 *
 * @param ms For how long, in milliseconds.
 */
export function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/**
 * Measures how long datagrams wait at a socket.
 *
 * @param clock Reads the time.
 * @returns The usual case, in milliseconds.
 */
export async function measureWait(
  clock: MonotonicClock = systemClock,
): Promise<number> {
  const sender = new DenoUdpCarrier(LOCAL);
  const receiver = new DenoUdpCarrier(LOCAL);
  let heard = Promise.withResolvers<void>();
  receiver.start(() => heard.resolve(), assert.fail);
  const waitsMs: number[] = [];
  for (let count = 0; count < 9; count++) {
    heard = Promise.withResolvers();
    const sentAt = clock();
    await sender.send(new Uint8Array(1), receiver.localAddress);
    await heard.promise;
    waitsMs.push(clock() - sentAt);
  }
  await Promise.all([sender.close(), receiver.close()]);
  return waitsMs.sort((a, b) => a - b)[4]!;
}
