/**
 * When a run was, and on what: what the results of every bench begin with.
 *
 * @module
 */
import { describeMachine, type MachineDescription } from "./machine.ts";

/** When a run was, and on what. */
export interface RunRecord {
  /** When it began, ISO 8601. */
  readonly startedAt: string;
  /** How long it took, in seconds. */
  readonly seconds: number;
  /** On what. */
  readonly machine: MachineDescription;
}

/**
 * Begins a run.
 *
 * @returns Ends it.
 */
export async function beginRun(): Promise<() => RunRecord> {
  const startedAt = new Date();
  const machine = await describeMachine();
  return () => ({
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1_000,
    machine,
  });
}
