/**
 * The points of the curves, and what an operator configures for each.
 *
 * @module
 */
import type { AgentOptions } from "../../mod.ts";

/** What there is more and more of. */
export type CurveName = "connections" | "streams";

/** One point of a curve. */
export interface Point {
  /** Which curve. */
  readonly curve: CurveName;
  /** How many. */
  readonly count: number;
}

/** The curves, in order. */
export const CURVES: readonly CurveName[] = ["connections", "streams"];

const COUNTS: Readonly<Record<CurveName, readonly number[]>> = {
  connections: [1, 10, 100, 1_000],
  streams: [10, 100, 1_000, 10_000],
};

/** Streams besides those that stay open: for the calls meanwhile. */
const SPARE_STREAMS = 1_000;

/**
 * The points of a curve.
 *
 * @param curve Which.
 * @returns From few to many; the others are compared with the first.
 */
export function pointsOf(curve: CurveName): Point[] {
  return COUNTS[curve].map((count) => ({ curve, count }));
}

/**
 * What the answering agent has to be allowed at a point. A caller may have
 * 1,000 streams open by default, an agent 1,024 handlers at work, of
 * which a caller alone gets half, and 256 connections may come from one key
 * (here each caller has its own).
 *
 * @param point The point.
 * @returns Options of the answering agent.
 */
export function answeringOptions(point: Point): AgentOptions {
  if (point.curve === "connections") return {};
  const maxBidiStreams = point.count + SPARE_STREAMS;
  return {
    transport: { maxBidiStreams },
    limits: { maxHandlersInFlight: 2 * maxBidiStreams },
  };
}

/**
 * What an axis or a column says.
 *
 * @param point The point.
 * @returns For example `10,000`.
 */
export function formatCount({ count }: Point): string {
  return count.toLocaleString("en");
}
