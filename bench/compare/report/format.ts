/**
 * Numbers for people.
 *
 * @module
 */
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
 * Three digits, and thousands as k, millions as M.
 *
 * @param value The number.
 * @returns For example `0.42`, `12.3`, `480`, `31.2k`, `1.05M`.
 */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 999_500) return `${threeDigits(value / 1e6)}M`;
  if (size >= 9_995) return `${threeDigits(value / 1e3)}k`;
  return threeDigits(value);
}

function threeDigits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}

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
