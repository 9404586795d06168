/**
 * `deno task bench:compare`: @mxp/core beside its peers.
 *
 * @module
 */
import process from "node:process";
import { saveFiles } from "../support/save_files.ts";
import { OURS } from "./catalogue.ts";
import { compare } from "./compare.ts";
import { type CompareOptions, HELP, parseOptions } from "./options.ts";
import { renderChart } from "./report/chart.ts";
import { renderMarkdown, renderTable } from "./report/table.ts";

/** As of the command line of the project. */
const USAGE_EXIT_CODE = 2;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  let options: CompareOptions;
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
  const results = await compare(options, say);
  process.stdout.write(`\n${renderTable(results)}\n`);
  saveFiles(options.outputFolder, {
    "results.json": `${JSON.stringify(results, undefined, 2)}\n`,
    "chart.svg": renderChart(results, { ours: OURS }),
    "table.md": renderMarkdown(results),
  }, say);
  // A peer that fails is a matter of its own; that ours does is one of ours.
  const ours = results.peers.find(({ name }) => name === OURS);
  const isGood = results.rows.length > 0 && !ours?.failures.length;
  return isGood ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
