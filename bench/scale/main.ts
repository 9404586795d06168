/**
 * `deno task bench:scale`: what it costs that there is more and more of it.
 *
 * @module
 */
import process from "node:process";
import { saveFiles } from "../support/save_files.ts";
import { HELP, parseOptions, type ScaleOptions } from "./options.ts";
import { renderChart } from "./report/chart.ts";
import { renderTable } from "./report/table.ts";
import { measureScale } from "./scale.ts";

/** As of the command line of the project. */
const USAGE_EXIT_CODE = 2;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  let options: ScaleOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return USAGE_EXIT_CODE;
  }
  if (options.isHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const results = await measureScale(options, say);
  process.stdout.write(`\n${renderTable(results)}\n`);
  saveFiles(options.outputFolder, {
    "results.json": `${JSON.stringify(results, undefined, 2)}\n`,
    "chart.svg": renderChart(results),
  }, say);
  return results.curves.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
