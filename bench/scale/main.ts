/**
 * `deno task bench:scale`: what it costs that there is more and more of it.
 *
 * @module
 */
import { runBenchTask } from "../support/bench_task.ts";
import { HELP, parseOptions } from "./options.ts";
import { renderChart } from "./report/chart.ts";
import { renderTable } from "./report/table.ts";
import { measureScale } from "./scale.ts";

await runBenchTask({
  name: "bench:scale",
  help: HELP,
  parse: parseOptions,
  measure: measureScale,
  renderTable,
  renderFiles: (results) => ({ "chart.svg": renderChart(results) }),
  isGood: ({ curves }) => curves.every(({ failures }) => failures.length === 0),
});
