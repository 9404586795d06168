import assert from "node:assert/strict";
import { SAMPLE_RUN } from "../../support/sample_run.ts";
import type { Figure } from "../metrics/metric.ts";
import { renderChart } from "./chart.ts";
import { createRows, type Results } from "./results.ts";
import { renderMarkdown, renderTable } from "./table.ts";

const P50: Figure = {
  key: "p50",
  title: "call, p50",
  unit: "us",
  better: "lower",
  required: "1.4 x raw",
};
const P99: Figure = {
  key: "p99",
  title: "call, p99 < all",
  unit: "us",
  better: "lower",
  rawKey: "p50",
};
const TICKETS: Figure = {
  key: "tickets",
  title: "nobody has it",
  unit: "ms",
  better: "lower",
};

const ROWS = createRows(
  [P50, P99, TICKETS],
  new Map([
    ["raw", [{ p50: 100, p99: 200 }, { p50: 200, p99: 300 }, { p50: 80 }]],
    ["mxp", [{ p50: 150, p99: 400 }, { p50: 240, p99: 500 }, {
      p50: 160,
      p99: 480,
    }]],
    ["other", [{}, { p50: 400 }, {}]],
    ["broken", [{}, {}, {}]],
  ]),
  "raw",
);

const RESULTS: Results = {
  version: 1,
  ...SAMPLE_RUN,
  roundCount: 3,
  isPinned: false,
  settings: { warmUpSeconds: 1, seconds: 1, setUpCount: 1, idleCount: 1 },
  peers: [
    entry("raw"),
    entry("mxp"),
    entry("other"),
    { ...entry("absent"), missing: "no other-server" },
    { ...entry("broken"), failures: ["calls: it ended"] },
  ],
  rows: ROWS,
};

function entry(name: string) {
  const title = `the ${name}`;
  return {
    name,
    title,
    protection: "none",
    versions: {},
    failures: [],
  } as const;
}

Deno.test("createRows() gives medians, and the ratio to raw of the same round", () => {
  const { mxp } = ROWS[0]!.peers;
  assert.deepEqual(mxp!.rounds, [150, 240, 160]);
  assert.equal(mxp!.median, 160);
  assert.equal(mxp!.spread, 45 / 160);
  // 1.5, 1.2 and 2: not the ratio of the medians, which is 1.6.
  assert.equal(mxp!.timesRaw, 1.5);
  assert.equal(ROWS[0]!.peers.raw!.timesRaw, 1);
});

Deno.test("createRows() divides by another figure of raw where a row says so", () => {
  // 400 / 100, 500 / 200 and 480 / 80.
  assert.equal(ROWS[1]!.peers.mxp!.timesRaw, 4);
});

Deno.test("createRows() takes the rounds there are, and no row that nobody has", () => {
  const { other } = ROWS[0]!.peers;
  assert.deepEqual(other!.rounds, [null, 400, null]);
  assert.equal(other!.median, 400);
  assert.equal(other!.timesRaw, 2);
  assert.ok(!("broken" in ROWS[0]!.peers));
  assert.deepEqual(ROWS.map(({ key }) => key), ["p50", "p99"]);
});

Deno.test("renderTable() has a column for each measured peer and names the others", () => {
  const table = renderTable(RESULTS);
  const [head, , medians, below] = table.split("\n");
  assert.deepEqual(head!.trim().split(/ +/), [
    "required",
    "aim",
    "raw",
    "mxp",
    "other",
  ]);
  assert.match(medians!, /^call, p50, µs +1\.4 x raw +100 +160 +400$/);
  assert.match(below!, /±60% 1\.00x +±28% 1\.50x +2\.00x$/);
  assert.match(
    table,
    /absent: the absent; not on this machine: no other-server/,
  );
  assert.match(table, /broken failed: calls: it ended/);
  assert.match(table, /Abacus, 2 processors, 16 GiB/);
});

Deno.test("renderMarkdown() has as many cells in each line", () => {
  const lines = renderMarkdown(RESULTS).split("\n").filter((line) =>
    line.startsWith("|")
  );
  assert.equal(lines.length, 4);
  for (const line of lines) assert.equal(line.split("|").length, 8);
  assert.ok(lines[2]!.includes("| 160 ±28% (1.50x) |"));
});

Deno.test("renderChart() draws each figure of each peer once, escaped", () => {
  const chart = renderChart(RESULTS, { ours: "mxp" });
  // Five bars, and three colours explained.
  assert.equal(chart.match(/<rect x=/g)?.length, 5 + 3);
  assert.ok(chart.includes("call, p99 &lt; all"));
  assert.ok(!chart.includes("NaN") && !chart.includes("Infinity"));
  const opened = chart.match(/<(svg|text|title)\b/g)?.length;
  assert.equal(chart.match(/<\/(svg|text|title)>/g)?.length, opened);
});
