/**
 * Runs simulations of the transport: `deno task sim --seeds 1000 --from 1`, or
 * one of them with `deno task sim --seed 17`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { simulateResumption } from "./resumption_simulation.ts";
import { simulateTransport } from "./transport_simulation.ts";

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
  },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let lostCount = 0;
let failureCount = 0;
for (let seed = first; seed < first + count; seed++) {
  try {
    lostCount += simulateTransport(seed).lostCount;
    simulateResumption(seed);
  } catch (error) {
    failureCount++;
    const text = error instanceof Error ? error.stack : String(error);
    process.stdout.write(`deno task sim --seed ${seed}\n${text}\n\n`);
  }
}
process.stdout.write(
  `${count} runs, ${failureCount} failed, ${lostCount} ends lost to faults\n`,
);
process.exitCode = failureCount === 0 ? 0 : 1;
