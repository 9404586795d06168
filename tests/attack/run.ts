/**
 * The command: `deno task attack [--seconds N] [--rate N] [--only KIND] [--ffi]`. It
 * floods a node on loopback, prints what was measured, and fails where a bound
 * is broken. With `--ffi` the node may use the carrier of the C library.
 *
 * @module
 */
import { printLine } from "../../tools/print_line.ts";
import { taskOptions } from "../../tools/task.ts";
import type { FloodKind } from "./flood_datagrams.ts";
import { HELP, parseOptions } from "./options.ts";
import { quantile, runTrial, type TrialReport } from "./trial.ts";

/** Bounds of issue "Transport to trust". */
const MAX_P99_MS = 50;
const MAX_RESIDENT_GROWTH_BYTES = 20 * 2 ** 20;
const MAX_RATIO = 3;

/** A sender that reaches less proves less. */
const MIN_REACHED_SHARE = 0.9;

/** What a bound allows, and what was. */
function violationsOf(
  report: TrialReport,
  wantedPerSecond: number,
): string[] {
  const { flood, callMs, callErrors, connectErrors } = report;
  const violations = [...callErrors, ...connectErrors];
  if (flood.datagramsPerSecond < MIN_REACHED_SHARE * wantedPerSecond) {
    violations.push(
      `Only ${flood.datagramsPerSecond} of ${wantedPerSecond} datagrams/s were sent`,
    );
  }
  const p99 = quantile(callMs, 0.99);
  if (!(p99 < MAX_P99_MS)) violations.push(`p99 is ${p99} ms`);
  if (report.residentGrowthBytes >= MAX_RESIDENT_GROWTH_BYTES) {
    violations.push("The node's memory grew too much");
  }
  if (flood.worstRatio > MAX_RATIO) violations.push("The answers are too long");
  return violations;
}

function describe(kind: FloodKind, report: TrialReport): void {
  const { flood, callMs, connectMs } = report;
  const ms = (values: readonly number[], share: number): string =>
    quantile(values, share).toFixed(1);
  printLine(
    `${kind}: ${flood.datagramsPerSecond} datagrams/s for ${
      flood.seconds.toFixed(1)
    } s by ${flood.sender}, ${
      (100 * report.deliveredShare).toFixed(1)
    } % delivered by the system`,
  );
  printLine(
    `  calls: ${callMs.length} answered, ${report.callErrors.length} failed, ` +
      `p50 ${ms(callMs, 0.5)} ms, p99 ${ms(callMs, 0.99)} ms, ` +
      `longest ${ms(callMs, 1)} ms`,
  );
  printLine(
    `  new clients: ${connectMs.length} connected, ` +
      `${report.connectErrors.length} failed, ` +
      `p50 ${ms(connectMs, 0.5)} ms, longest ${ms(connectMs, 1)} ms`,
  );
  printLine(
    `  memory: ${(report.residentGrowthBytes / 2 ** 20).toFixed(1)} MiB more`,
  );
  printLine(
    `  answers: ${flood.answeredBytes} bytes for ${flood.sentBytes}, ` +
      `at most ${flood.worstRatio.toFixed(3)} for one to an address`,
  );
}

if (import.meta.main) {
  const { floods, ...options } = taskOptions({
    name: "attack",
    help: HELP,
    parse: parseOptions,
  });
  let isBroken = false;
  for (const { kind, datagramsPerSecond } of floods) {
    const report = await runTrial({ kind, datagramsPerSecond, ...options });
    describe(kind, report);
    for (const violation of violationsOf(report, datagramsPerSecond)) {
      isBroken = true;
      printLine(`  BROKEN: ${violation}`);
    }
  }
  printLine(isBroken ? "A bound is broken" : "Every bound holds");
  Deno.exit(isBroken ? 1 : 0);
}
