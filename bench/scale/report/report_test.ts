import assert from "node:assert/strict";
import { SAMPLE_RUN } from "../../support/sample_run.ts";
import { type Figure, figuresOf, type Sample } from "../figures.ts";
import { pointsOf } from "../point.ts";
import { createRow, type Results } from "../results.ts";
import { renderChart } from "./chart.ts";
import { renderTable } from "./table.ts";

const P50: Figure = {
  key: "p50Us",
  title: "calls < all, p50",
  unit: "µs",
  better: "lower",
};

const SETTINGS = { processWarmUpSeconds: 1, warmUpSeconds: 1, seconds: 1 };

function results(samples: Sample[][], figures: Figure[]): Results {
  return {
    version: 1,
    ...SAMPLE_RUN,
    roundCount: 2,
    settings: SETTINGS,
    curves: [{
      name: "connections",
      points: pointsOf("connections"),
      rows: figures.map((figure) => createRow(figure, samples)),
      failures: ["1,000 connections: it ended"],
    }],
  };
}

const SAMPLES: Sample[][] = [
  [{ p50Us: 100 }, { p50Us: 200 }],
  [{ p50Us: 150 }, { p50Us: 500 }],
  [{ p50Us: 300 }, {}],
  [],
];

Deno.test("createRow() compares with the first point in the same round", () => {
  const { cells } = createRow(P50, SAMPLES);
  assert.equal(cells[0]!.timesFirst, 1);
  // 1.5 and 2.5: not the ratio of the medians.
  assert.equal(cells[1]!.timesFirst, 2);
  assert.equal(cells[1]!.median, 325);
  assert.deepEqual(cells[2]!.rounds, [300, null]);
  assert.equal(cells[2]!.timesFirst, 3);
  assert.equal(cells[3], null);
});

Deno.test("createRow() compares with the first point that has the figure", () => {
  const { cells } = createRow(P50, [[{}], [{ p50Us: 4 }], [{ p50Us: 8 }]]);
  assert.deepEqual(cells.map((cell) => cell?.timesFirst), [undefined, 1, 2]);
});

Deno.test("renderTable() has a column for each point, and says what failed", () => {
  const lines = renderTable(results(SAMPLES, [P50])).split("\n");
  assert.deepEqual(lines.slice(0, 3).map((line) => line.split(/  +/)), [
    ["connections", "1", "10", "100", "1,000"],
    ["calls < all, p50, µs", "150", "325", "300", "-"],
    ["", "1.00x", "2.00x", "3.00x"],
  ]);
  assert.ok(lines.includes("Failed: 1,000 connections: it ended"));
  assert.ok(lines.some((line) => line.startsWith("Abacus, 2 processors")));
});

Deno.test("renderChart() draws every point that was measured, escaped", () => {
  const memory: Figure = { ...P50, key: "memoryMb", title: "nobody has it" };
  const chart = renderChart(results(SAMPLES, [P50, memory]));
  assert.equal(chart.match(/<circle /g)?.length, 3);
  assert.equal(chart.match(/<polyline /g)?.length, 2);
  assert.ok(chart.includes("calls &lt; all, p50"));
  assert.ok(!chart.includes("NaN") && !chart.includes("Infinity"));
});

Deno.test("figuresOf() has each figure once, under the same keys for both curves", () => {
  const keys = figuresOf("connections").map(({ key }) => key);
  assert.deepEqual(figuresOf("streams").map(({ key }) => key), keys);
  assert.equal(new Set(keys).size, keys.length);
});
