/**
 * The command: `deno task fuzz <target> [--seconds N] [--seed N]`.
 *
 * ```sh
 * deno task fuzz --list                   # the targets
 * deno task fuzz frames --seconds 60      # one of them
 * deno task fuzz all --seconds 10         # each of them, so long
 * deno task fuzz frames --input FILE      # one input, as a finding prints it
 * deno task fuzz frames --keep            # the corpus is replaced by what was found
 * ```
 *
 * @module
 */
import { relative } from "node:path";
import { printLine } from "../../tools/print_line.ts";
import { taskOptions } from "../../tools/task.ts";
import { readCorpus, writeCorpus, writeFinding } from "./corpus.ts";
import { fuzz } from "./fuzzer.ts";
import { type FuzzRun, HELP, parseOptions } from "./options.ts";
import { TARGETS } from "./targets/mod.ts";
import type { FuzzTarget } from "./target.ts";
import { tryInput } from "./trial.ts";

/** Growth of the heap over a run that counts as a leak, in bytes. */
const MAX_HEAP_GROWTH_BYTES = 64 * 1024 * 1024;

function fuzzTarget(target: FuzzTarget, options: FuzzRun): boolean {
  const { seconds, seed } = options;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const report = fuzz({
    target,
    corpus: [...readCorpus(target.name).values()],
    seed,
    isOver: () => performance.now() >= endsAt,
    collectGarbage: (globalThis as { gc?: () => void }).gc,
  });
  const rate = report.runCount * 1000 / (performance.now() - startedAt);
  printLine(
    `${target.name}: ${report.runCount} inputs, ${
      Math.round(rate)
    } a second, ` +
      `${report.kept.length} behaviours, seed ${seed}, heap ${
        (report.heapGrowthBytes / 2 ** 20).toFixed(1)
      } MiB, ${report.findings.length} findings`,
  );
  for (const { fault, input } of report.findings) {
    const path = relative(Deno.cwd(), writeFinding(target.name, input));
    printLine(`  ${fault.kind}: ${fault.summary}`);
    printLine(`    deno task fuzz ${target.name} --input ${path}`);
  }
  if (options.isKept && report.findings.length === 0) {
    const count = writeCorpus(target.name, report.kept, target.seeds());
    printLine(`  ${count} inputs written to the corpus`);
  }
  const isLeaking = report.heapGrowthBytes > MAX_HEAP_GROWTH_BYTES;
  if (isLeaking) {
    printLine("  the heap grows: something is kept that should not");
  }
  return report.findings.length === 0 && !isLeaking;
}

function replay(target: FuzzTarget, input: Uint8Array): boolean {
  const { fault, ...outcome } = tryInput(target, input);
  printLine(`${target.name}: ${input.length} bytes`);
  printLine(
    fault === undefined
      ? `  passes: ${(outcome as { signature: string }).signature}`
      : `  ${fault.kind}: ${fault.detail}`,
  );
  return fault === undefined;
}

function list(): boolean {
  for (const { name, subject } of TARGETS) {
    printLine(`${name.padEnd(24)}${subject}`);
  }
  return true;
}

function main(): boolean {
  const options = taskOptions({
    name: "fuzz",
    help: HELP,
    parse: parseOptions,
  });
  switch (options.kind) {
    case "list":
      return list();
    case "replay":
      return replay(options.target, options.input);
    case "fuzz":
      return options.targets.map((target) => fuzzTarget(target, options))
        .every(Boolean);
  }
}

Deno.exit(main() ? 0 : 1);
