/**
 * What a metric is.
 *
 * @module
 */
import type { MetricRun } from "./metric_run.ts";

/** The metrics. */
export type MetricName =
  | "codec"
  | "calls"
  | "latency"
  | "load"
  | "one-way"
  | "tokens"
  | "setup"
  | "memory";

/** How long and how often. */
export interface MetricSettings {
  /** Work before the clock starts, in seconds. */
  readonly warmUpSeconds: number;
  /** Measured work, in seconds. */
  readonly seconds: number;
  /** Connections made one after the other, for `setup`. */
  readonly setUpCount: number;
  /** Idle connections, for `memory`. */
  readonly idleCount: number;
}

/** What one round gave: a number for each figure that the peer has. */
export type Sample = { readonly [figure: string]: number };

/** One figure, a row of the table. */
export interface Figure {
  /** Its key in a sample. */
  readonly key: string;
  /** For a person. */
  readonly title: string;
  /** What its numbers count. */
  readonly unit: "ns" | "us" | "ms" | "per second" | "MB/s" | "KB";
  /** Which end of the scale is the good one. */
  readonly better: "lower" | "higher";
  /**
   * Which figure of raw UDP it is compared with.
   *
   * @default {the same}
   */
  readonly rawKey?: string;
  /** What @mxp/core has to reach. */
  readonly required?: string;
  /** What @mxp/core aims at. */
  readonly aim?: string;
}

/** One metric: one or more figures that are measured together. */
export interface Metric {
  /** Its rows. */
  readonly figures: readonly Figure[];
  /** Whether it wants two processes that have done nothing else. */
  readonly isIsolated?: boolean;
  /**
   * Measures, in the asking process.
   *
   * @param run The peer.
   * @param settings How long.
   * @returns The figures that this peer has.
   */
  measure(run: MetricRun, settings: MetricSettings): Promise<Sample>;
}
