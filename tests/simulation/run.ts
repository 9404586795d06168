/**
 * Runs simulations of the transport: `deno task sim --seeds 1000 --from 1`, or
 * one of them with `deno task sim --seed 17`.
 *
 * @module
 */
import process from "node:process";
import { printLine } from "../../tools/print_line.ts";
import { taskOptions } from "../../tools/task.ts";
import { HELP, parseOptions } from "./options.ts";
import { simulateResumption } from "./resumption_simulation.ts";
import { simulateTransport } from "./transport_simulation.ts";

const { first, count } = taskOptions({
  name: "sim",
  help: HELP,
  parse: parseOptions,
});
let lostCount = 0;
let failureCount = 0;
for (let seed = first; seed < first + count; seed++) {
  try {
    lostCount += simulateTransport(seed).lostCount;
    simulateResumption(seed);
  } catch (error) {
    failureCount++;
    const text = error instanceof Error ? error.stack : String(error);
    printLine(`deno task sim --seed ${seed}\n${text}\n`);
  }
}
printLine(
  `${count} runs, ${failureCount} failed, ${lostCount} ends lost to faults`,
);
process.exitCode = failureCount === 0 ? 0 : 1;
