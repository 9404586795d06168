/**
 * A run for tests of reports.
 *
 * @module
 */
import type { RunRecord } from "./run_record.ts";

/** A run that nobody made. */
export const SAMPLE_RUN: RunRecord = {
  startedAt: "2026-01-02T03:04:05.678Z",
  seconds: 12,
  machine: {
    processor: "Abacus",
    processorCount: 2,
    memoryBytes: 2 ** 34,
    system: "Linux",
    receiveBufferBytes: 212_992,
    runtime: { deno: "2.9.6" },
    loadAtStart: 0.25,
    commit: "abc",
  },
};
