/**
 * A batch of seeded simulations; `deno task sim --seeds N` runs more of them.
 */
import assert from "node:assert/strict";
import { simulateTransport } from "./transport_simulation.ts";

/** Seeds of the ordinary run. */
const SEED_COUNT = 150;

/** Seeds that once found a bug. */
const REGRESSIONS: readonly number[] = [
  24,
  465,
  923,
  937,
  940,
  1195,
  7790,
  15249,
  16063,
];

function simulate(seed: number): number {
  try {
    return simulateTransport(seed).lostCount;
  } catch (error) {
    throw new Error(`Repeat with: deno task sim --seed ${seed}`, {
      cause: error,
    });
  }
}

Deno.test(`Transport survives ${SEED_COUNT} simulated networks`, () => {
  let lostCount = 0;
  for (let seed = 1; seed <= SEED_COUNT; seed++) lostCount += simulate(seed);
  assert.ok(lostCount < SEED_COUNT / 20, `${lostCount} ends lost to faults`);
});

Deno.test("Transport survives the simulated networks that once broke it", () => {
  for (const seed of REGRESSIONS) simulate(seed);
});

Deno.test("simulateTransport() gives the same run for the same seed", () => {
  assert.deepEqual(simulateTransport(7), simulateTransport(7));
});
