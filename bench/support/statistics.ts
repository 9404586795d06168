/**
 * The arithmetic of the report.
 *
 * @module
 */

/**
 * The middle of some numbers; between the two middle ones of an even count.
 *
 * @param values At least one.
 * @returns The median.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The value that a share of the others does not exceed (nearest rank).
 *
 * @param values At least one.
 * @param share Above 0, at most 1: 0.99 for the 99th percentile.
 * @returns The percentile.
 */
export function percentile(values: Iterable<number>, share: number): number {
  // Sorted as numbers, unlike an array without a comparison.
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
}

/**
 * How far the rounds lie apart: half of the way from the lowest to the highest,
 * as a share of the median.
 *
 * @param values At least one.
 * @returns 0.05 when all are within 5 % of the middle.
 */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  if (middle === 0) return 0;
  return (Math.max(...values) - Math.min(...values)) / 2 / Math.abs(middle);
}

/**
 * Divides round by round: a machine that is slow in one round is slow for both.
 *
 * @param values One for each round; absent where it was not measured.
 * @param references The same of what they are compared with.
 * @returns The ratios of the rounds that have both.
 */
export function ratios(
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): number[] {
  return values.flatMap((value, round) => {
    const reference = references[round];
    return value === undefined || reference === undefined || reference === 0
      ? []
      : [value / reference];
  });
}

/** A figure over the rounds. */
export interface Summary {
  /** That of each round; `null` where it could not be measured. */
  readonly rounds: readonly (number | null)[];
  /** Their median. */
  readonly median: number;
  /** Half of the way from the lowest to the highest, as a share of the median. */
  readonly spread: number;
}

/**
 * Sums rounds up.
 *
 * @param values One for each round; absent where it was not measured.
 * @returns What they amount to; `undefined` when there is none.
 */
export function summarize(
  values: readonly (number | undefined)[],
): Summary | undefined {
  const measured = values.filter((value) => value !== undefined);
  if (measured.length === 0) return undefined;
  return {
    rounds: values.map((value) => value ?? null),
    median: median(measured),
    spread: spread(measured),
  };
}
