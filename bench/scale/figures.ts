/**
 * What is measured at each point.
 *
 * @module
 */
import { CALL_BYTES } from "../compare/metrics/call_load.ts";
import type { CurveName } from "./point.ts";

/** Calls under way where the highest rate is looked for. */
export const OUTSTANDING_COUNT = 64;

/** Size of the messages of a flow, in bytes. */
export const MESSAGE_BYTES = 64;

/** Keys of the figures. */
export type FigureKey =
  | "callsPerSecond"
  | "answeringUs"
  | "loadedP99Us"
  | "p50Us"
  | "p99Us"
  | "messagesPerSecond"
  | "setUpUs"
  | "memoryMb"
  | "memoryEachKb";

/** What one round gave; a figure that it does not have is absent. */
export type Sample = { readonly [key in FigureKey]?: number };

/** One figure, a row of the table and a panel of the chart. */
export interface Figure {
  /** Its key in a sample. */
  readonly key: FigureKey;
  /** For a person. */
  readonly title: string;
  /** What its numbers count. */
  readonly unit: string;
  /** Which end of the scale is the good one. */
  readonly better: "lower" | "higher";
}

const EACH: Readonly<Record<CurveName, string>> = {
  connections: "connection",
  streams: "open stream",
};

/**
 * The figures of a curve.
 *
 * @param curve Which.
 * @returns In the order of the table.
 */
export function figuresOf(curve: CurveName): Figure[] {
  const each = EACH[curve];
  return [
    {
      key: "callsPerSecond",
      title: `calls, ${OUTSTANDING_COUNT} outstanding, ${CALL_BYTES} B`,
      unit: "/s",
      better: "higher",
    },
    {
      key: "answeringUs",
      title: "... processor time of one, answering side",
      unit: "µs",
      better: "lower",
    },
    { key: "loadedP99Us", title: "... p99", unit: "µs", better: "lower" },
    {
      key: "p50Us",
      title: "calls, one by one, p50",
      unit: "µs",
      better: "lower",
    },
    { key: "p99Us", title: "... p99", unit: "µs", better: "lower" },
    {
      key: "messagesPerSecond",
      title: curve === "connections"
        ? `one way, ${OUTSTANDING_COUNT} at a time, ${MESSAGE_BYTES} B`
        : `one way, ${MESSAGE_BYTES} B`,
      unit: "/s",
      better: "higher",
    },
    {
      key: "setUpUs",
      title: `to open a ${each === "connection" ? each : "stream"}, each`,
      unit: "µs",
      better: "lower",
    },
    {
      key: "memoryMb",
      title: "resident memory, answering side",
      unit: "MB",
      better: "lower",
    },
    {
      key: "memoryEachKb",
      title: `... for each ${each}`,
      unit: "KB",
      better: "lower",
    },
  ];
}
