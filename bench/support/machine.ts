/**
 * What the figures were measured on.
 *
 * @module
 */
import os from "node:os";
import process from "node:process";
import { runProgram } from "./run_program.ts";

/** A machine. */
export interface MachineDescription {
  /** Model of the processor. */
  readonly processor: string;
  /** How many the system sees. */
  readonly processorCount: number;
  /** In bytes. */
  readonly memoryBytes: number;
  /** Name, release and architecture. */
  readonly system: string;
  /** Bytes of a UDP socket's receive buffer; 0 where the system does not say. */
  readonly receiveBufferBytes: number;
  /** Versions of the runtime. */
  readonly runtime: Readonly<Record<string, string>>;
  /** Load of the last minute when the run began: what else the machine did. */
  readonly loadAtStart: number;
  /** Commit of the project; empty when it is not known. */
  readonly commit: string;
}

/**
 * Describes this machine.
 *
 * @returns What it is.
 */
export async function describeMachine(): Promise<MachineDescription> {
  const buffer = await runProgram("cat", ["/proc/sys/net/core/rmem_default"]);
  const commit = await runProgram("git", ["rev-parse", "--short", "HEAD"]);
  const changes = await runProgram("git", ["status", "--porcelain"]);
  const processors = os.cpus();
  const { deno, v8, node } = process.versions;
  return {
    processor: processors[0]?.model ?? "unknown",
    processorCount: processors.length,
    memoryBytes: os.totalmem(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    receiveBufferBytes: Number(buffer.output) || 0,
    runtime: deno === undefined
      ? { node, v8: v8 ?? "" }
      : { deno, v8: v8 ?? "" },
    loadAtStart: os.loadavg()[0] ?? 0,
    commit: commit.code === 0
      ? commit.output.trim() + (changes.output === "" ? "" : " and changes")
      : "",
  };
}

/**
 * Says on what a run was made, when, and how long it took.
 *
 * @param run Its results.
 * @returns A line.
 */
export function describeRun(run: {
  readonly machine: MachineDescription;
  readonly startedAt: string;
  readonly seconds: number;
}): string {
  const { machine, startedAt, seconds } = run;
  const runtime = Object.entries(machine.runtime)
    .map(([name, version]) => `${name} ${version}`).join(", ");
  return `${machine.processor}, ${machine.processorCount} processors, ` +
    `${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}, ` +
    `${runtime}, load at start ${machine.loadAtStart.toFixed(1)}, ` +
    `${startedAt}, ${seconds.toFixed(0)} s`;
}
