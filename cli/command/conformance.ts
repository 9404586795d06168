/**
 * `mxp conformance`: judges a running node by the specification.
 *
 * @module
 */
import type { Command } from "commander";
import type { ClauseResult } from "../../conformance/mod.ts";
import { CallError } from "../../mesh/mod.ts";
import { resolveHostname } from "../../transport/mod.ts";
import type { CommandContext } from "../context.ts";
import { CliError, usageError } from "../error.ts";
import { findNode, parseMilliseconds, requireNode } from "../mesh_options.ts";
import { printable } from "../../internal/printable.ts";
import { untilAborted } from "../time_limit.ts";

/** Time for all clauses when nobody says otherwise, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60_000;

interface ConformanceCommandOptions {
  readonly node?: string;
  readonly only?: string;
  readonly list?: boolean;
  readonly timeout: number;
}

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addConformance(
  program: Command,
  context: CommandContext,
): void {
  program.command("conformance")
    .description("judge a running node by the specification, clause by clause")
    .argument("[node]", "the node, mxp://host:port?pk=…")
    .option("--node <url>", "the same (or MXP_NODE)")
    .option("--only <ids>", "clauses or groups, with commas: hello,ack.delay")
    .option("--list", "show the clauses, and try nothing")
    .option(
      "--timeout <ms>",
      "time for all of it, in milliseconds",
      parseMilliseconds,
      DEFAULT_TIMEOUT_MS,
    )
    .option("--json", "one JSON value a line: each clause, then the counts")
    .addHelpText(
      "after",
      "\nIt breaks rules on purpose, on connections of its own. Exit code 0: some" +
        "\nclauses passed and none failed, 1: some failed or none could be judged," +
        "\n3: nobody is there.",
    )
    .action(async (
      word: string | undefined,
      options: ConformanceCommandOptions,
    ) => {
      const only = options.only?.split(",") ?? [];
      await checkNames(only);
      if (options.list) await list(only, context);
      else await judge(word, only, options, context);
    });
}

/** Loaded when needed: no other command has to wait for it. */
function loadKit(): Promise<typeof import("../../conformance/mod.ts")> {
  return import("../../conformance/mod.ts");
}

/** A name that no clause has would pass without a test. */
async function checkNames(only: readonly string[]): Promise<void> {
  const { selectClauses } = await loadKit();
  for (const name of only) {
    if (selectClauses([name]).length > 0) continue;
    throw usageError(`there is no clause ${name}: see mxp conformance --list`);
  }
}

async function list(
  only: readonly string[],
  { output }: CommandContext,
): Promise<void> {
  const { selectClauses } = await loadKit();
  for (const { id, title, spec } of selectClauses(only)) {
    if (output.isJson) await output.json({ id, title, spec });
    else await output.write(`${id.padEnd(24)} ${title} (${spec})\n`);
  }
}

async function judge(
  word: string | undefined,
  only: readonly string[],
  options: ConformanceCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const { runConformance } = await loadKit();
  const url = requireNode(findNode(word, options, context), context);
  const [hostname] = await resolveHostname(url.hostname);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const time = new AbortController();
  const timer = setTimeout(() => {
    time.abort(
      new CallError(
        "DEADLINE_EXCEEDED",
        `Conformance: not done after ${options.timeout} ms`,
      ),
    );
  }, options.timeout);
  const signal = AbortSignal.any([context.interruption, time.signal]);
  try {
    const results = runConformance({
      address: { hostname: hostname!, port: url.port },
      publicKey: url.publicKey,
      only,
      signal,
    });
    for await (const result of results) {
      counts[result.outcome]++;
      const written = output.isJson
        ? output.json(result)
        : output.write(lineOf(result));
      await untilAborted(written, signal);
    }
  } finally {
    clearTimeout(timer);
  }
  const { passed, failed, skipped } = counts;
  if (output.isJson) await output.json(counts);
  else {
    output.note(
      `${passed} passed, ${failed} failed, ${skipped} skipped`,
    );
  }
  if (failed > 0) {
    throw new CliError(
      "CLAUSES_FAILED",
      `Conformance: ${failed} of ${passed + failed + skipped} clauses failed`,
    );
  }
  if (passed === 0) {
    throw new CliError(
      "NOTHING_JUDGED",
      `Conformance: no clause could be judged, ${skipped} were skipped`,
    );
  }
}

function lineOf({ id, title, spec, outcome, detail }: ClauseResult): string {
  const head = `${outcome.padEnd(8)} ${id.padEnd(24)} ${title}`;
  if (detail === "") return `${head}\n`;
  const words = printable(detail);
  return outcome === "failed"
    ? `${head}\n         ${words} (docs/spec/${spec})\n`
    : `${head}: ${words}\n`;
}
