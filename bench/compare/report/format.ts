/**
 * Units, spreads and ratios for people.
 *
 * @module
 */
import { formatNumber } from "../../support/number_format.ts";
import type { Cell, Row } from "./results.ts";

const UNIT_NAMES: Readonly<Record<Row["unit"], string>> = {
  ns: "ns",
  us: "µs",
  ms: "ms",
  "per second": "/s",
  "MB/s": "MB/s",
  KB: "KB",
};

/**
 * How a unit is written.
 *
 * @param unit Of a row.
 * @returns For example `µs`.
 */
export function formatUnit(unit: Row["unit"]): string {
  return UNIT_NAMES[unit];
}

/**
 * How far the rounds lie apart.
 *
 * @param cell One with more than one round.
 * @returns For example `±4%`; empty for a single round.
 */
export function formatSpread(cell: Cell): string {
  const count = cell.rounds.filter((value) => value !== null).length;
  return count > 1 ? `±${(cell.spread * 100).toFixed(0)}%` : "";
}

/**
 * The ratio to raw UDP.
 *
 * @param cell A number of the table.
 * @returns For example `1.3x`; empty where there is none.
 */
export function formatTimesRaw(cell: Cell): string {
  return cell.timesRaw === undefined ? "" : `${formatNumber(cell.timesRaw)}x`;
}
