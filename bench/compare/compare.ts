/**
 * A whole comparison, from what the machine has to the results.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REFERENCE } from "./catalogue.ts";
import { beginRun } from "../support/run_record.ts";
import { METRICS } from "./metrics/mod.ts";
import type { CompareOptions } from "./options.ts";
import { prepare } from "./preparation.ts";
import { createRows, type PeerEntry, type Results } from "./report/results.ts";
import { runPlan } from "./runner.ts";

/** Time for a metric beside what it measures, in milliseconds. */
const TIMEOUT_BASE_MS = 20_000;

/** Measurements and warm-ups of which a metric may consist, and how much slower they may be. */
const TIMEOUT_FACTOR = 40;

/**
 * Compares.
 *
 * @param options What with what.
 * @param say Told how far it is.
 * @returns The results.
 */
export async function compare(
  options: CompareOptions,
  say: (line: string) => void,
): Promise<Results> {
  const { peers, metrics, roundCount, settings, isPinned } = options;
  const endRun = await beginRun();
  const folder = mkdtempSync(join(tmpdir(), "mxp-compare-"));
  try {
    const { runnable, missing } = await prepare(peers, folder, say);
    for (const { peer, reason } of missing) {
      say(`Not on this machine: ${peer.title}: ${reason}`);
    }
    const { samples, failures } = await runPlan({
      runnable,
      metrics,
      roundCount,
      settings,
      timeoutMs: TIMEOUT_BASE_MS +
        (settings.warmUpSeconds + settings.seconds) * 1_000 * TIMEOUT_FACTOR,
      pair: { folder, isPinned },
      say,
    });
    const entries = peers.map((peer): PeerEntry => {
      const lacking = missing.find((each) => each.peer === peer);
      return {
        name: peer.name,
        title: peer.title,
        protection: peer.protection,
        versions: runnable.find((each) => each.peer === peer)?.versions ?? {},
        ...(lacking && { missing: lacking.reason }),
        failures: failures.get(peer.name) ?? [],
      };
    });
    return {
      version: 1,
      ...endRun(),
      roundCount,
      settings,
      isPinned,
      peers: entries,
      rows: createRows(
        metrics.flatMap((name) => METRICS[name].figures),
        samples,
        REFERENCE,
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
