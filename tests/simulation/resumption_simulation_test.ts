/**
 * A batch of seeded simulations of session tickets; `deno task sim --seeds N`
 * runs more of them.
 */
import assert from "node:assert/strict";
import {
  type ResumptionReport,
  simulateResumption,
} from "./resumption_simulation.ts";

/** Seeds of the ordinary run. */
const SEED_COUNT = 120;

/**
 * Seeds that once found a bug: a hello that starts over and may not prove its
 * address again, a ticket kept twice because its frame came twice.
 */
const REGRESSIONS: readonly number[] = [1258, 2840];

function simulate(seed: number): ResumptionReport {
  try {
    return simulateResumption(seed);
  } catch (error) {
    throw new Error(`Repeat with: deno task sim --seed ${seed}`, {
      cause: error,
    });
  }
}

Deno.test(`Tickets and early data survive ${SEED_COUNT} simulated networks and attackers`, () => {
  let acceptedCount = 0;
  let rejectedCount = 0;
  let copyCount = 0;
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const report = simulate(seed);
    acceptedCount += report.acceptedCount;
    rejectedCount += report.rejectedCount;
    copyCount += report.copyCount;
  }
  assert.ok(acceptedCount > SEED_COUNT, `${acceptedCount} taken`);
  assert.ok(rejectedCount > SEED_COUNT / 2, `${rejectedCount} refused`);
  assert.ok(copyCount > 10 * SEED_COUNT, `${copyCount} copies`);
});

Deno.test("Tickets and early data survive the simulated networks that once broke them", () => {
  for (const seed of REGRESSIONS) simulate(seed);
});

Deno.test("simulateResumption() gives the same run for the same seed", () => {
  assert.deepEqual(simulateResumption(7), simulateResumption(7));
});
