/**
 * What a run gives, as it stands in the JSON file.
 *
 * @module
 */
import type { Peer } from "../catalogue.ts";
import type { RunRecord } from "../../support/run_record.ts";
import type { Figure, MetricSettings, Sample } from "../metrics/metric.ts";
import {
  median,
  ratios,
  spread,
  summarize,
  type Summary,
} from "../../support/statistics.ts";

/** One number of the table. */
export interface Cell extends Summary {
  /** Median of the ratios to raw UDP in the same round. */
  readonly timesRaw?: number;
  /** How far these ratios lie apart. */
  readonly timesRawSpread?: number;
}

/** One figure of all peers. */
export interface Row extends Figure {
  /** By name of the peer. */
  readonly peers: Readonly<Record<string, Cell>>;
}

/** A peer of the run. */
export interface PeerEntry {
  /** Its name. */
  readonly name: string;
  /** For a person. */
  readonly title: string;
  /** What protects its bytes. */
  readonly protection: Peer["protection"];
  /** Versions of what it is made of. */
  readonly versions: Readonly<Record<string, string>>;
  /** Why it could not be measured at all. */
  readonly missing?: string;
  /** What went wrong with single figures. */
  readonly failures: readonly string[];
}

/** A run. */
export interface Results extends RunRecord {
  /** Version of this layout. */
  readonly version: 1;
  /** Rounds, in each of which every peer had its turn. */
  readonly roundCount: number;
  /** Whether each side had a processor of its own. */
  readonly isPinned: boolean;
  /** How long each measurement was. */
  readonly settings: MetricSettings;
  /** The peers. */
  readonly peers: readonly PeerEntry[];
  /** The figures. */
  readonly rows: readonly Row[];
}

/** Samples of one peer: one for each round, of all metrics together. */
export type Samples = readonly Sample[];

/**
 * Makes rows of samples.
 *
 * @param figures Which.
 * @param samples By name of the peer.
 * @param reference Name of the peer that the others are divided by.
 * @returns The rows that at least one peer has.
 */
export function createRows(
  figures: readonly Figure[],
  samples: ReadonlyMap<string, Samples>,
  reference: string,
): Row[] {
  const rows: Row[] = [];
  for (const figure of figures) {
    const references = valuesOf(
      samples.get(reference),
      figure.rawKey ?? figure.key,
    );
    const peers: Record<string, Cell> = {};
    for (const [name, own] of samples) {
      const cell = createCell(valuesOf(own, figure.key), references);
      if (cell !== undefined) peers[name] = cell;
    }
    if (Object.keys(peers).length > 0) rows.push({ ...figure, peers });
  }
  return rows;
}

function valuesOf(
  samples: Samples = [],
  key: string,
): (number | undefined)[] {
  return samples.map((sample) => sample[key]);
}

/** @returns What the rounds amount to; `undefined` when none has the figure. */
function createCell(
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): Cell | undefined {
  const summary = summarize(values);
  if (summary === undefined) return undefined;
  const beside = ratios(values, references);
  return {
    ...summary,
    ...(beside.length > 0 && {
      timesRaw: median(beside),
      timesRawSpread: spread(beside),
    }),
  };
}
