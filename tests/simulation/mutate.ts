/**
 * Plants each fault of `mutations.ts` in a copy of the sources and runs the
 * simulation there until it notices: `deno task sim:mutations`.
 *
 * @module
 */
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { printLine } from "../../tools/print_line.ts";
import { parseNothing, taskOptions } from "../../tools/task.ts";
import { type Mutation, MUTATIONS } from "./mutations.ts";

/** Seeds after which a fault counts as unnoticed. */
const MAX_SEEDS = 400;

/** Seeds of one process. */
const BATCH_SEEDS = 25;

/** What the simulation imports. */
const PARTS: readonly string[] = [
  "cli/exit_code.ts",
  "crypto",
  "deno.json",
  "deno.lock",
  "internal",
  "protocol",
  "tests/simulation",
  "tests/support",
  "tools",
  "transport",
];

/** What `--help` prints. */
const HELP: string =
  `Plants faults in a copy of the transport, one after the other: the simulation
has to notice each within ${MAX_SEEDS} seeds. Takes many minutes, and no options.
`;

const root = new URL("../../", import.meta.url).pathname;

/** Whether a batch of seeds fails in a copy of the sources. */
function fails(copy: string, from: number): boolean {
  const { code } = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "tests/simulation/run.ts",
      `--from=${from}`,
      `--seeds=${BATCH_SEEDS}`,
    ],
    cwd: copy,
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return code !== 0;
}

/** How many seeds it takes until the fault is noticed; `undefined` if it is not. */
function seedsUntilNoticed(
  copy: string,
  mutation: Mutation,
): number | undefined {
  const file = join(copy, mutation.file);
  const source = readFileSync(file, "utf8");
  if (source.split(mutation.from).length !== 2) {
    throw new Error(
      `Mutation "${mutation.name}": its text is not in ${mutation.file} once`,
    );
  }
  writeFileSync(file, source.replace(mutation.from, () => mutation.to));
  try {
    for (let from = 1; from <= MAX_SEEDS; from += BATCH_SEEDS) {
      if (fails(copy, from)) return from + BATCH_SEEDS - 1;
    }
    return undefined;
  } finally {
    writeFileSync(file, source);
  }
}

taskOptions({ name: "sim:mutations", help: HELP, parse: parseNothing });
const copy = mkdtempSync(join(tmpdir(), "mxp-mutations-"));
try {
  for (const part of PARTS) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  if (fails(copy, 1)) throw new Error("The simulation fails without a fault");
  let missedCount = 0;
  for (const mutation of MUTATIONS) {
    const seeds = seedsUntilNoticed(copy, mutation);
    if (seeds === undefined) missedCount++;
    const verdict = seeds === undefined ? "NOT NOTICED" : `${seeds} seeds`;
    printLine(`${verdict.padStart(12)}  ${mutation.name}`);
  }
  printLine(
    `${MUTATIONS.length - missedCount} noticed, ${missedCount} not noticed`,
  );
  process.exitCode = missedCount === 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
