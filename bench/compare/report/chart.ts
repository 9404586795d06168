/**
 * The chart: for each figure the peers as bars, on a scale of their own, the
 * range of the rounds as a line, and our own in colour.
 *
 * @module
 */
import { formatNumber } from "../../support/number_format.ts";
import {
  COLOURS as BASE_COLOURS,
  round,
  svgDocument,
  text,
} from "../../support/svg.ts";
import { formatTimesRaw, formatUnit } from "./format.ts";
import type { Cell, Results, Row } from "./results.ts";

const COLUMNS = 3;
const PANEL_WIDTH = 380;
const PANEL_GAP = 28;
const MARGIN = 24;
const HEAD_HEIGHT = 64;
const TITLE_HEIGHT = 40;
const BAR_PITCH = 18;
const BAR_HEIGHT = 12;
const NAME_WIDTH = 64;
const VALUE_WIDTH = 104;
const LEGEND_WIDTH = 170;

const COLOURS = {
  ...BASE_COLOURS,
  plain: "#c8ccd1",
  encrypted: "#8c959f",
  range: BASE_COLOURS.text,
};

/** What the colours depend on. */
export interface ChartOptions {
  /** Name of our own peer. */
  readonly ours: string;
}

/**
 * Draws a run.
 *
 * @param results The run.
 * @param options Who is who.
 * @returns An SVG document.
 */
export function renderChart(results: Results, options: ChartOptions): string {
  const { rows } = results;
  const panels: string[] = [];
  let top = HEAD_HEIGHT;
  for (let first = 0; first < rows.length; first += COLUMNS) {
    const line = rows.slice(first, first + COLUMNS);
    line.forEach((row, column) => {
      const left = MARGIN + column * (PANEL_WIDTH + PANEL_GAP);
      panels.push(renderPanel(row, { results, options, left, top }));
    });
    const barCount = Math.max(
      ...line.map(({ peers }) => Object.keys(peers).length),
    );
    top += TITLE_HEIGHT + barCount * BAR_PITCH + PANEL_GAP;
  }
  const columnCount = Math.min(COLUMNS, Math.max(1, rows.length));
  const width = 2 * MARGIN + columnCount * PANEL_WIDTH +
    (columnCount - 1) * PANEL_GAP;
  const { machine, roundCount, startedAt } = results;
  const subtitle = `medians of ${roundCount} interleaved rounds, two ` +
    `processes each on 127.0.0.1; ${machine.processor}, ` +
    `${machine.processorCount} processors; ${startedAt.slice(0, 10)}; x: ` +
    `times raw UDP`;
  const title = "@mxp/core beside its peers";
  return svgDocument(title, { width, height: top }, [
    text(MARGIN, 28, title, { size: 18, isBold: true }),
    text(MARGIN, 48, subtitle, { colour: COLOURS.faint }),
    ...renderLegend(width - MARGIN),
    ...panels,
  ]);
}

/** What the colours mean, ending at `right`. */
function renderLegend(right: number): string[] {
  const entries = [
    [COLOURS.ours, "@mxp/core, encrypted"],
    [COLOURS.encrypted, "encrypted"],
    [COLOURS.plain, "not encrypted"],
  ] as const;
  return entries.flatMap(([colour, label], index) => {
    const left = right - LEGEND_WIDTH * (entries.length - index);
    return [
      `<rect x="${left}" y="17" width="12" height="12" rx="2" ` +
      `fill="${colour}"/>`,
      text(left + 18, 27, label, { size: 11 }),
    ];
  });
}

interface Place {
  readonly results: Results;
  readonly options: ChartOptions;
  readonly left: number;
  readonly top: number;
}

function renderPanel(row: Row, place: Place): string {
  const { results, left, top } = place;
  const better = row.better === "higher" ? "more is better" : "less is better";
  const cells = Object.entries(row.peers).toSorted(([, a], [, b]) =>
    row.better === "higher" ? b.median - a.median : a.median - b.median
  );
  const longest = Math.max(...cells.map(([, cell]) => highest(cell)));
  const scale = (PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH) / (longest || 1);
  const bars = cells.map(([name, cell], index) => {
    const entry = results.peers.find((peer) => peer.name === name);
    return renderBar({
      name,
      cell,
      colour: name === place.options.ours
        ? COLOURS.ours
        : entry?.protection === "none"
        ? COLOURS.plain
        : COLOURS.encrypted,
      left,
      top: top + TITLE_HEIGHT + index * BAR_PITCH,
      scale,
    });
  });
  return [
    text(left, top + 14, row.title, { isBold: true }),
    text(left, top + 30, `${formatUnit(row.unit)}, ${better}`, {
      colour: COLOURS.faint,
      size: 11,
    }),
    ...bars,
  ].join("\n");
}

interface Bar {
  readonly name: string;
  readonly cell: Cell;
  readonly colour: string;
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

function renderBar(bar: Bar): string {
  const { name, cell, colour, left, top, scale } = bar;
  const start = left + NAME_WIDTH;
  const width = Math.max(0.5, cell.median * scale);
  const from = start + lowest(cell) * scale;
  const to = start + highest(cell) * scale;
  const middle = top + BAR_HEIGHT / 2;
  const isOurs = colour === COLOURS.ours;
  const ratio = formatTimesRaw(cell);
  const label = formatNumber(cell.median) + (ratio && `  ${ratio}`);
  return [
    text(start - 6, top + 10, name, {
      isBold: isOurs,
      anchor: "end",
      size: 11,
    }),
    `<rect x="${round(start)}" y="${top}" width="${round(width)}" ` +
    `height="${BAR_HEIGHT}" rx="2" fill="${colour}"/>`,
    `<line x1="${round(from)}" y1="${middle}" x2="${round(to)}" ` +
    `y2="${middle}" stroke="${COLOURS.range}"/>`,
    text(Math.max(to, start + width) + 6, top + 10, label, {
      isBold: isOurs,
      size: 11,
    }),
  ].join("\n");
}

function measured({ rounds }: Cell): number[] {
  return rounds.filter((value) => value !== null);
}

function lowest(cell: Cell): number {
  return Math.max(0, Math.min(...measured(cell)));
}

function highest(cell: Cell): number {
  return Math.max(0, ...measured(cell));
}
