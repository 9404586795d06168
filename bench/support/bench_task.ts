/**
 * A bench as a developer task: it says on standard error how far it is, prints
 * a table, and leaves files.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { noteLine, printLine } from "../../tools/print_line.ts";
import { type Task, taskOptions, TaskUsageError } from "../../tools/task.ts";

/** What every bench is asked for. */
export interface BenchOptions {
  /** Where the files go. */
  readonly outputFolder: string;
}

/** A bench. */
export interface BenchTask<Options extends BenchOptions, Results>
  extends Task<Options> {
  /**
   * Measures.
   *
   * @param options What is asked for.
   * @param say Told how far it is.
   * @returns What is written to `results.json`.
   */
  readonly measure: (
    options: Options,
    say: (line: string) => void,
  ) => Promise<Results>;
  /** The table. */
  readonly renderTable: (results: Results) => string;
  /** The files beside `results.json`, by name. */
  readonly renderFiles: (results: Results) => Readonly<Record<string, string>>;
  /** Whether all that has to work did. */
  readonly isGood: (results: Results) => boolean;
}

/**
 * Runs a bench by the command line of this process, and ends the process.
 *
 * @param task The bench.
 */
export async function runBenchTask<Options extends BenchOptions, Results>(
  task: BenchTask<Options, Results>,
): Promise<never> {
  const { name, help, measure, renderTable, renderFiles, isGood } = task;
  const options = taskOptions({
    name,
    help,
    parse: (args) => {
      const parsed = task.parse(args);
      makeFolder(parsed.outputFolder);
      return parsed;
    },
  });
  const results = await measure(options, noteLine);
  printLine(`\n${renderTable(results)}`);
  const files = {
    "results.json": `${JSON.stringify(results, undefined, 2)}\n`,
    ...renderFiles(results),
  };
  for (const [file, content] of Object.entries(files)) {
    const path = join(options.outputFolder, file);
    writeFileSync(path, content);
    noteLine(`Written: ${path}`);
  }
  process.exit(isGood(results) ? 0 : 1);
}

/** Minutes of measuring end in this folder: so it is made before. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    throw new TaskUsageError(`--out: ${folder} cannot be a folder`);
  }
}
