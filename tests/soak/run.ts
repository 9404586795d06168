/**
 * The command: `deno task soak [--calls N]`. It prints its progress and a
 * verdict, and fails where a call is lost or the memory grows.
 *
 * @module
 */
import { printLine } from "../../tools/print_line.ts";
import { taskOptions } from "../../tools/task.ts";
import { HELP, parseOptions } from "./options.ts";
import { runSoak, type SoakReport, type SoakSample } from "./soak.ts";

/** Packets after which each end replaces its keys. */
const KEY_UPDATE_PACKETS = 250;

/** Calls after which the caller moves. */
const CALLS_PER_MOVE = 10_000;

/** Share of the calls after which memory has to be flat. */
const WARM_UP_SHARE = 0.2;

/** Growth from there to the end that still counts as flat, in bytes. */
const MAX_GROWTH_BYTES = 24 * 2 ** 20;

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** How much more the memory is at most, compared with the end of the warm-up. */
function growthOf(
  report: SoakReport,
  key: "callerBytes" | "calleeBytes",
): number {
  const { samples } = report;
  const warm = Math.floor(samples.length * WARM_UP_SHARE);
  const values = samples.slice(warm).map((sample) => sample[key]);
  return Math.max(...values) - values[0]!;
}

function violationsOf(report: SoakReport, callCount: number): string[] {
  const violations = report.errors.slice(0, 10);
  if (report.answeredCount !== callCount) violations.push("Calls are lost");
  if (report.handledCount !== callCount) {
    violations.push(`${report.handledCount} calls were handled`);
  }
  for (const key of ["callerBytes", "calleeBytes"] as const) {
    const growth = growthOf(report, key);
    if (growth > MAX_GROWTH_BYTES) {
      violations.push(`${key} grew by ${mib(growth)}`);
    }
  }
  return violations;
}

if (import.meta.main) {
  const { callCount } = taskOptions({
    name: "soak",
    help: HELP,
    parse: parseOptions,
  });
  const report = await runSoak({
    callCount,
    keyUpdatePackets: KEY_UPDATE_PACKETS,
    callsPerMove: CALLS_PER_MOVE,
    onSample: ({ answeredCount, callerBytes, calleeBytes }: SoakSample) =>
      printLine(
        `${answeredCount} calls: caller ${mib(callerBytes)}, callee ${
          mib(calleeBytes)
        }`,
      ),
  });
  printLine(
    `${report.answeredCount} calls answered, ${report.errors.length} failed, ` +
      `${report.handledCount} handled in ${report.seconds.toFixed(1)} s; ` +
      `${report.moveCount} changes of address, ${report.noticedMoveCount} ` +
      `noticed; ${report.keyUpdateCount} key updates; memory after a fifth of ` +
      `the calls: caller +${mib(growthOf(report, "callerBytes"))}, ` +
      `callee +${mib(growthOf(report, "calleeBytes"))}`,
  );
  const violations = violationsOf(report, callCount);
  for (const violation of violations) printLine(`BROKEN: ${violation}`);
  printLine(violations.length === 0 ? "Nothing is lost" : "The soak failed");
  Deno.exit(violations.length === 0 ? 0 : 1);
}
