/**
 * Floods of a node on real sockets, shortly: `deno task attack` measures them
 * for longer, with a node that has warmed up, and against tighter bounds.
 */
import assert from "node:assert/strict";
import {
  quantile,
  runTrial,
  type TrialOptions,
  type TrialReport,
} from "../attack/trial.ts";

/** Each flood takes so long. */
const SECONDS = 1.5;

/** What a fresh process takes for its young objects is part of it. */
const MAX_RESIDENT_GROWTH_BYTES = 96 * 2 ** 20;

/**
 * The node gets so much of a flood, or there was none. The rest is dropped by the
 * system: a tenth is what a new node reads where the host takes every fourth
 * moment for itself.
 */
const MIN_DELIVERED_SHARE = 0.02;

/** Fewer would say nothing. */
const MIN_CALLS = 50;

/**
 * Longest median of a call, in milliseconds: far above what is reached, for a
 * machine that runs tests is busy, and the node new.
 */
const MAX_P50_MS = 1_000;

const FLOODS = [["garbage", 100_000], ["hello", 20_000]] as const;

/** A node that is too slow is so each time, a busy host now and then. */
const MAX_TRIALS = 3;

/** @returns Of the first trial that the host had time for, or of the last one. */
async function runTrials(options: TrialOptions): Promise<TrialReport> {
  for (let count = 1;; count++) {
    const report = await runTrial(options);
    const { callMs, deliveredShare } = report;
    const isQuick = callMs.length > MIN_CALLS &&
      quantile(callMs, 0.5) < MAX_P50_MS &&
      deliveredShare > MIN_DELIVERED_SHARE;
    if (isQuick || count === MAX_TRIALS) return report;
  }
}

for (const [kind, datagramsPerSecond] of FLOODS) {
  Deno.test(`A node serves calls and new clients under a flood: ${kind}`, async () => {
    const report = await runTrials({
      kind,
      datagramsPerSecond,
      seconds: SECONDS,
      isWarmedUp: false,
    });
    const { flood, callMs, callErrors, connectMs, connectErrors } = report;
    const sent = `${flood.datagramsPerSecond} datagrams/s by ${flood.sender}`;
    assert.deepEqual(callErrors, [], sent);
    assert.deepEqual(connectErrors, [], sent);
    assert.ok(callMs.length > MIN_CALLS, `${callMs.length} calls, ${sent}`);
    assert.ok(connectMs.length > 0, sent);
    const p50 = quantile(callMs, 0.5);
    assert.ok(p50 < MAX_P50_MS, `p50 ${p50} ms, ${sent}`);
    assert.ok(
      report.residentGrowthBytes < MAX_RESIDENT_GROWTH_BYTES,
      `${report.residentGrowthBytes} bytes more, ${sent}`,
    );
    // RFC 9000 §8.1: three times what an unproven address has sent.
    assert.ok(flood.worstRatio <= 3, `${flood.worstRatio}`);
    assert.ok(flood.answeredBytes > 0, "the attackers were answered at all");
    assert.ok(
      report.deliveredShare > MIN_DELIVERED_SHARE,
      `${report.deliveredShare}, ${sent}`,
    );
  });
}
