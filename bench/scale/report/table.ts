/**
 * The table: a row for each figure, a column for each point.
 *
 * @module
 */
import { describeRun } from "../../support/machine.ts";
import { formatNumber } from "../../support/number_format.ts";
import { alignColumns } from "../../support/text_table.ts";
import { formatCount } from "../point.ts";
import type { Cell, Curve, Results } from "../results.ts";

/** The figure and its unit. */
const HEAD_COLUMNS = 1;

/**
 * Writes a run for a terminal; below each median how many times the first point
 * of its curve it is.
 *
 * @param results The run.
 * @returns Lines, each ended.
 */
export function renderTable(results: Results): string {
  const { roundCount, curves } = results;
  return [
    ...curves.flatMap((curve) => [...renderCurve(curve), ""]),
    ...curves.flatMap(({ failures }) => failures).map((text) =>
      `Failed: ${text}`
    ),
    `Medians of ${roundCount} interleaved rounds; x: times the first column, ` +
    `in the same round. Two processes for each column, 127.0.0.1.`,
    describeRun(results),
    "",
  ].join("\n");
}

function renderCurve({ name, points, rows }: Curve): string[] {
  const lines = [[name, ...points.map(formatCount)]];
  for (const { title, unit, cells } of rows) {
    lines.push([`${title}, ${unit}`, ...cells.map(formatMedian)]);
    lines.push(["", ...cells.map(formatTimesFirst)]);
  }
  return alignColumns(lines, HEAD_COLUMNS);
}

function formatMedian(cell: Cell | null): string {
  return cell === null ? "-" : formatNumber(cell.median);
}

function formatTimesFirst(cell: Cell | null): string {
  return cell === null ? "" : `${formatNumber(cell.timesFirst)}x`;
}
