/**
 * `deno task bench:compare`: @mxp/core beside its peers.
 *
 * @module
 */
import { runBenchTask } from "../support/bench_task.ts";
import { OURS } from "./catalogue.ts";
import { compare } from "./compare.ts";
import { HELP, parseOptions } from "./options.ts";
import { renderChart } from "./report/chart.ts";
import { renderMarkdown, renderTable } from "./report/table.ts";

await runBenchTask({
  name: "bench:compare",
  help: HELP,
  parse: parseOptions,
  measure: compare,
  renderTable,
  renderFiles: (results) => ({
    "chart.svg": renderChart(results, { ours: OURS }),
    "table.md": renderMarkdown(results),
  }),
  // A peer that fails is a matter of its own; that ours does is one of ours.
  isGood: ({ rows, peers }) =>
    rows.length > 0 &&
    !peers.find(({ name }) => name === OURS)?.failures.length,
});
