/**
 * A whole run: every curve, its points measured in turn.
 *
 * All points of a curve are there at the same time, and only one of them works:
 * so what is compared was measured within seconds, on a machine that is not the
 * same from one minute to the next.
 *
 * @module
 */
import { beginRun } from "../support/run_record.ts";
import { figuresOf, type Sample } from "./figures.ts";
import type { ScaleOptions } from "./options.ts";
import type { ScaleSettings } from "./order.ts";
import { ScalePair } from "./pair.ts";
import { type CurveName, formatCount, type Point, pointsOf } from "./point.ts";
import { createRow, type Curve, type Results } from "./results.ts";

type Say = (line: string) => void;

/**
 * Measures.
 *
 * @param options What, and how long.
 * @param say Told how far it is.
 * @returns The results.
 */
export async function measureScale(
  options: ScaleOptions,
  say: Say,
): Promise<Results> {
  const { curves, roundCount, settings } = options;
  const endRun = await beginRun();
  const measured: Curve[] = [];
  for (const name of curves) {
    measured.push(await measureCurve(name, options, say));
  }
  return {
    version: 1,
    ...endRun(),
    roundCount,
    settings,
    curves: measured,
  };
}

/** A point, as far as it got. */
class Measurement {
  readonly samples: Sample[] = [];
  failure: string | undefined;
  readonly #point: Point;
  readonly #say: Say;
  #pair: ScalePair | undefined;

  constructor(point: Point, say: Say) {
    this.#point = point;
    this.#say = say;
  }

  async open(settings: ScaleSettings): Promise<void> {
    const pair = this.#pair = new ScalePair(this.#point);
    await this.#try(async () => {
      this.samples.push(await pair.open(settings));
    });
  }

  async measure(round: number, settings: ScaleSettings): Promise<void> {
    const pair = this.#pair;
    if (pair === undefined) return;
    // What was measured once, when it was opened, is part of the first round.
    const once = this.samples[round];
    await this.#try(async () => {
      this.samples[round] = { ...once, ...await pair.measure(settings) };
    });
  }

  async close(): Promise<void> {
    const pair = this.#pair;
    this.#pair = undefined;
    await pair?.close();
  }

  /** A point that fails, fails alone. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.failure = `${
        formatCount(this.#point)
      } ${this.#point.curve}: ${text}`;
      this.#say(`  failed: ${this.failure}`);
      await this.close();
    }
  }
}

async function measureCurve(
  name: CurveName,
  { roundCount, settings, maxCount }: ScaleOptions,
  say: Say,
): Promise<Curve> {
  const points = pointsOf(name).filter(({ count }) => count <= maxCount);
  const measurements = points.map((point) => new Measurement(point, say));
  try {
    for (const [index, measurement] of measurements.entries()) {
      say(`Opening: ${formatCount(points[index]!)} ${name}`);
      await measurement.open(settings);
    }
    for (let round = 0; round < roundCount; round++) {
      say(`Round ${round + 1} of ${roundCount}: ${name}`);
      for (const measurement of measurements) {
        await measurement.measure(round, settings);
      }
    }
  } finally {
    await Promise.all(measurements.map((measurement) => measurement.close()));
  }
  const samples = measurements.map((measurement) => measurement.samples);
  return {
    name,
    points,
    rows: figuresOf(name).map((figure) => createRow(figure, samples)),
    failures: measurements.flatMap(({ failure }) => failure ?? []),
  };
}
