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
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { readCorpus, writeCorpus, writeFinding } from "./corpus.ts";
import { fuzz } from "./fuzzer.ts";
import { TARGETS } from "./targets/mod.ts";
import type { FuzzTarget } from "./target.ts";
import { tryInput } from "./trial.ts";

const DEFAULT_SECONDS = 30;

/** Growth of the heap over a run that counts as a leak, in bytes. */
const MAX_HEAP_GROWTH_BYTES = 64 * 1024 * 1024;

interface RunOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly isKept: boolean;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function fuzzTarget(target: FuzzTarget, options: RunOptions): boolean {
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
  print(
    `${target.name}: ${report.runCount} inputs, ${
      Math.round(rate)
    } a second, ` +
      `${report.kept.length} behaviours, seed ${seed}, heap ${
        (report.heapGrowthBytes / 2 ** 20).toFixed(1)
      } MiB, ${report.findings.length} findings`,
  );
  for (const { fault, input } of report.findings) {
    const path = relative(Deno.cwd(), writeFinding(target.name, input));
    print(`  ${fault.kind}: ${fault.summary}`);
    print(`    deno task fuzz ${target.name} --input ${path}`);
  }
  if (options.isKept && report.findings.length === 0) {
    const count = writeCorpus(target.name, report.kept, target.seeds());
    print(`  ${count} inputs written to the corpus`);
  }
  const isLeaking = report.heapGrowthBytes > MAX_HEAP_GROWTH_BYTES;
  if (isLeaking) print("  the heap grows: something is kept that should not");
  return report.findings.length === 0 && !isLeaking;
}

function replay(target: FuzzTarget, path: string): boolean {
  const input = new Uint8Array(readFileSync(path));
  const { fault, ...outcome } = tryInput(target, input);
  print(`${target.name}: ${input.length} bytes`);
  print(
    fault === undefined
      ? `  passes: ${(outcome as { signature: string }).signature}`
      : `  ${fault.kind}: ${fault.detail}`,
  );
  return fault === undefined;
}

function main(): boolean {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: "boolean" },
      keep: { type: "boolean" },
      seconds: { type: "string" },
      seed: { type: "string" },
      input: { type: "string" },
    },
  });
  const [name] = positionals;
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (values.list || (target === undefined && name !== "all")) {
    for (const { name, subject } of TARGETS) {
      print(`${name.padEnd(24)}${subject}`);
    }
    return values.list === true;
  }
  if (values.input !== undefined && target !== undefined) {
    return replay(target, values.input);
  }
  const options = {
    seconds: Number(values.seconds ?? DEFAULT_SECONDS),
    // A seed that nobody chose is drawn and printed: each run looks elsewhere.
    seed: Number(values.seed ?? Math.floor(Math.random() * 2 ** 31)),
    isKept: values.keep === true,
  };
  const targets = target
    ? [target]
    : TARGETS.filter(({ isFaulty }) => !isFaulty);
  return targets.map((each) => fuzzTarget(each, options)).every(Boolean);
}

Deno.exit(main() ? 0 : 1);
