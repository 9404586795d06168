/**
 * What a run gives, as it stands in the JSON file.
 *
 * @module
 */
import type { RunRecord } from "../support/run_record.ts";
import {
  median,
  ratios,
  summarize,
  type Summary,
} from "../support/statistics.ts";
import type { Figure, Sample } from "./figures.ts";
import type { ScaleSettings } from "./order.ts";
import type { CurveName, Point } from "./point.ts";

/** One number of the table. */
export interface Cell extends Summary {
  /** Median of the ratios to the first point in the same round. */
  readonly timesFirst: number;
}

/** One figure along a curve. */
export interface Row extends Figure {
  /** One for each point; `null` where there is none. */
  readonly cells: readonly (Cell | null)[];
}

/** A curve. */
export interface Curve {
  /** What there is more and more of. */
  readonly name: CurveName;
  /** From few to many. */
  readonly points: readonly Point[];
  /** The figures. */
  readonly rows: readonly Row[];
  /** Points that could not be measured to the end, and why. */
  readonly failures: readonly string[];
}

/** A run. */
export interface Results extends RunRecord {
  /** Version of this layout. */
  readonly version: 1;
  /** Rounds, in each of which every point of a curve had its turn. */
  readonly roundCount: number;
  /** How long each measurement was. */
  readonly settings: ScaleSettings;
  /** The curves. */
  readonly curves: readonly Curve[];
}

/**
 * Makes a row of samples.
 *
 * @param figure Which.
 * @param samples Of each point, one for each round.
 * @returns The row; a point is compared with the first that has the figure.
 */
export function createRow(
  figure: Figure,
  samples: readonly (readonly Sample[])[],
): Row {
  const values = samples.map((rounds) =>
    rounds.map((sample) => sample[figure.key])
  );
  const first =
    values.find((rounds) => rounds.some((value) => value !== undefined)) ?? [];
  return {
    ...figure,
    cells: values.map((rounds) => {
      const summary = summarize(rounds);
      if (summary === undefined) return null;
      return { ...summary, timesFirst: median(ratios(rounds, first)) };
    }),
  };
}
