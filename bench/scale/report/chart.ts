/**
 * The chart: a panel for each figure of each curve. What there is more of grows
 * by tens to the right; the range of the rounds stands as a line at each point.
 *
 * @module
 */
import { formatNumber } from "../../support/number_format.ts";
import { COLOURS, round, svgDocument, text } from "../../support/svg.ts";
import { formatCount, type Point } from "../point.ts";
import type { Cell, Curve, Results, Row } from "../results.ts";

const COLUMNS = 4;
const PANEL_WIDTH = 260;
const PLOT_HEIGHT = 90;
const PANEL_HEIGHT = PLOT_HEIGHT + 92;
const PANEL_GAP = 24;
const MARGIN = 24;
const HEAD_HEIGHT = 64;
const CURVE_HEIGHT = 34;

/** Room at both ends of the line, for what stands over the points. */
const INSET = 22;

/**
 * Draws a run.
 *
 * @param results The run.
 * @returns An SVG document.
 */
export function renderChart(results: Results): string {
  const { machine, roundCount, startedAt, curves } = results;
  const elements: string[] = [];
  let top = HEAD_HEIGHT;
  for (const curve of curves) {
    elements.push(
      text(MARGIN, top + 14, curve.name, { size: 15, isBold: true }),
    );
    top += CURVE_HEIGHT;
    curve.rows.forEach((row, index) => {
      const left = MARGIN + index % COLUMNS * (PANEL_WIDTH + PANEL_GAP);
      const line = Math.floor(index / COLUMNS);
      elements.push(renderPanel(curve, row, left, top + line * PANEL_HEIGHT));
    });
    top += Math.ceil(curve.rows.length / COLUMNS) * PANEL_HEIGHT;
  }
  const title = "@mxp/core as the work grows";
  const width = 2 * MARGIN + COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * PANEL_GAP;
  const subtitle = `medians of ${roundCount} interleaved rounds, two ` +
    `processes each on 127.0.0.1; ${machine.processor}, ` +
    `${machine.processorCount} processors; ${startedAt.slice(0, 10)}`;
  return svgDocument(title, { width, height: top + MARGIN }, [
    text(MARGIN, 28, title, { size: 18, isBold: true }),
    text(MARGIN, 48, subtitle, { colour: COLOURS.faint }),
    ...elements,
  ]);
}

interface Mark {
  readonly point: Point;
  readonly cell: Cell;
  readonly x: number;
}

function renderPanel(
  { points }: Curve,
  row: Row,
  left: number,
  top: number,
): string {
  const better = row.better === "higher" ? "more is better" : "less is better";
  const step = (PANEL_WIDTH - 2 * INSET) / Math.max(1, points.length - 1);
  const marks = points.flatMap((point, index): Mark[] => {
    const cell = row.cells[index];
    const x = left + INSET + index * step;
    return cell ? [{ point, cell, x }] : [];
  });
  const most = Math.max(0, ...marks.map(({ cell }) => highest(cell))) || 1;
  const base = top + 46 + PLOT_HEIGHT;
  const yOf = (value: number): number => base - value / most * PLOT_HEIGHT;
  const line = marks.map(({ x, cell }) =>
    `${round(x)},${round(yOf(cell.median))}`
  );
  return [
    text(left, top + 12, row.title, { isBold: true }),
    text(left, top + 27, `${row.unit}, ${better}`, {
      colour: COLOURS.faint,
      size: 11,
    }),
    `<line x1="${round(left)}" y1="${round(base)}" ` +
    `x2="${round(left + PANEL_WIDTH)}" y2="${round(base)}" ` +
    `stroke="${COLOURS.faint}"/>`,
    `<polyline points="${line.join(" ")}" fill="none" ` +
    `stroke="${COLOURS.ours}" stroke-width="2"/>`,
    ...marks.flatMap((mark) => renderMark(mark, yOf, base)),
  ].join("\n");
}

function renderMark(
  { point, cell, x }: Mark,
  yOf: (value: number) => number,
  base: number,
): string[] {
  const values = cell.rounds.filter((value) => value !== null);
  const from = yOf(Math.max(0, Math.min(...values)));
  const to = yOf(highest(cell));
  return [
    `<line x1="${round(x)}" y1="${round(from)}" x2="${round(x)}" ` +
    `y2="${round(to)}" stroke="${COLOURS.text}"/>`,
    `<circle cx="${round(x)}" cy="${round(yOf(cell.median))}" r="3" ` +
    `fill="${COLOURS.ours}"/>`,
    text(x, to - 6, formatNumber(cell.median), { size: 11, anchor: "middle" }),
    text(x, base + 14, formatCount(point), {
      size: 11,
      anchor: "middle",
      colour: COLOURS.faint,
    }),
  ];
}

/** Memory can have shrunk: it is drawn as nothing. */
function highest(cell: Cell): number {
  return Math.max(0, ...cell.rounds.filter((value) => value !== null));
}
