/**
 * Rounds, in each of them every metric, and for each metric every peer in turn:
 * so that what is compared was measured within seconds, on a machine that is
 * not the same from one minute to the next.
 *
 * @module
 */
import type { MetricName, MetricSettings, Sample } from "./metrics/metric.ts";
import { METRICS } from "./metrics/mod.ts";
import { type PairOptions, PeerPair } from "./pair.ts";
import type { Runnable } from "./preparation.ts";
import type { Samples } from "./report/results.ts";

/** What to run. */
export interface RunPlan {
  /** The peers. */
  readonly runnable: readonly Runnable[];
  /** The metrics, in order. */
  readonly metrics: readonly MetricName[];
  /** How often. */
  readonly roundCount: number;
  /** How long. */
  readonly settings: MetricSettings;
  /** How long one metric of one peer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How the processes are started. */
  readonly pair: PairOptions;
  /** Told how far it is. */
  readonly say: (line: string) => void;
}

/** What came of it. */
export interface RunOutcome {
  /** By name of the peer. */
  readonly samples: ReadonlyMap<string, Samples>;
  /** What went wrong, by name of the peer. */
  readonly failures: ReadonlyMap<string, readonly string[]>;
}

class Run {
  readonly samples = new Map<string, Record<string, number>[]>();
  readonly failures = new Map<string, string[]>();
  readonly #plan: RunPlan;
  #pairs = new Map<Runnable, PeerPair>();

  constructor(plan: RunPlan) {
    this.#plan = plan;
    for (const { peer } of plan.runnable) {
      this.samples.set(peer.name, []);
      this.failures.set(peer.name, []);
    }
  }

  async round(round: number): Promise<void> {
    const { runnable, metrics, roundCount, say } = this.#plan;
    // Nobody always comes first, or always behind the same one.
    const shift = Math.floor(round * runnable.length / roundCount);
    const order = [...runnable.slice(shift), ...runnable.slice(0, shift)];
    for (const rounds of this.samples.values()) rounds.push({});
    try {
      for (const metric of metrics) {
        say(`Round ${round + 1} of ${roundCount}: ${metric}`);
        for (const each of order) await this.#measure(each, metric);
      }
    } finally {
      await Promise.all([...this.#pairs.values()].map((pair) => pair.close()));
      this.#pairs.clear();
    }
  }

  async #measure(runnable: Runnable, metric: MetricName): Promise<void> {
    const { settings, timeoutMs, say } = this.#plan;
    const { name } = runnable.peer;
    const { isIsolated = false } = METRICS[metric];
    try {
      const pair = isIsolated
        ? await this.#start(runnable)
        : this.#pairs.get(runnable) ?? await this.#start(runnable);
      if (!isIsolated) this.#pairs.set(runnable, pair);
      try {
        const sample = await pair.measure(metric, settings, timeoutMs);
        Object.assign(this.samples.get(name)!.at(-1)!, sample);
      } catch (error) {
        // What hangs once would hang the metrics after it.
        this.#pairs.delete(runnable);
        if (!isIsolated) await pair.close();
        throw error;
      } finally {
        if (isIsolated) await pair.close();
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.failures.get(name)!.push(`${metric}: ${text}`);
      say(`  ${name}: ${metric} failed: ${text}`);
    }
  }

  async #start(runnable: Runnable): Promise<PeerPair> {
    const pair = new PeerPair(runnable, this.#plan.pair);
    try {
      await pair.start();
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }
}

/**
 * Measures. A peer that fails, fails alone.
 *
 * @param plan What to run.
 * @returns The figures of each round and peer.
 */
export async function runPlan(plan: RunPlan): Promise<RunOutcome> {
  const run = new Run(plan);
  for (let round = 0; round < plan.roundCount; round++) await run.round(round);
  return {
    samples: run.samples as ReadonlyMap<string, readonly Sample[]>,
    failures: run.failures,
  };
}
