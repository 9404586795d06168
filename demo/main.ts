/**
 * The demo: a node and three agents, in processes of their own, tell you what
 * a file is about.
 *
 * ```sh
 * deno task demo            # the README
 * deno task demo notes.txt  # a file of yours
 * ```
 *
 * A reader streams the file, an analyst finds out what it is about, and a
 * coordinator asks both and streams the answer. Every datagram passes a tap
 * that counts it and looks for pieces of the file in it.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Agent } from "../mesh/mod.ts";
import { taskOptions, TaskUsageError } from "../tools/task.ts";
import { Cast } from "./cast.ts";
import { formatBytes, formatCount } from "./format.ts";
import { PlaintextWatch, readSample } from "./plaintext_watch.ts";
import { type SpanLine, toSpanLine } from "./process/child_process.ts";
import type { Progress } from "./process/coordinator.ts";
import { Screen } from "./screen.ts";
import { drawTrace } from "./trace_tree.ts";

const DEFAULT_FILE = new URL("../README.md", import.meta.url);

const ROLES: Readonly<Record<string, string>> = {
  node: "knows who is there",
  reader: "may open the file, and streams it",
  analyst: "finds out what it is about",
  coordinator: "asks both and streams the answer",
};

/** What `--help` prints. */
const HELP: string =
  `A node and three agents, in processes of their own, tell what a file is about.

  deno task demo            the README
  deno task demo FILE       a file of yours
`;

const EXIT_FAILED = 1;

const screen = new Screen();

/** What keeps the demo from going on, in one line for a person. */
class DemoError extends Error {}

async function play(path: string, cast: Cast, watch: PlaintextWatch) {
  const nodeUrl = await cast.assemble();
  screen.write(`${screen.bold("mxp demo")} ${path}\n\n`);
  for (const { name, pid } of cast.children) {
    const role = screen.dim(ROLES[name] ?? "");
    screen.write(`  ${name.padEnd(12)} process ${pid}  ${role}\n`);
  }
  screen.write("\n");
  const you = await Agent.connect(nodeUrl, { name: "you", register: false });
  const spans: SpanLine[] = [];
  you.onSpan((span) => spans.push(toSpanLine(span)));
  try {
    const answer = you.stream<string | Progress>(
      { capability: "report" },
      "report",
    );
    for await (const part of answer) show(part);
  } finally {
    await you.close({ drainMs: 0 });
  }
  await cast.stop();
  screen.write("\n");
  const [heading, ...lines] = drawTrace([...spans, ...cast.spans]);
  screen.write(`${screen.bold(heading!)}\n`);
  for (const line of lines) screen.write(`${line}\n`);
  screen.write(`\n${describeWire(cast, watch)}`);
}

function show(part: string | Progress): void {
  if (typeof part === "string") screen.write(part);
  else {
    screen.progress(
      `${formatBytes(part.readBytes)} of ${formatBytes(part.size)}`,
    );
  }
}

function describeWire({ wire }: Cast, watch: PlaintextWatch): string {
  const { datagrams, bytes } = wire;
  const seen = `${formatCount(datagrams, "datagram")}, ${formatBytes(bytes)}`;
  const { pieceCount, foundCount } = watch;
  if (pieceCount === 0) return `On the wire: ${seen}, all encrypted.\n`;
  const found = foundCount === 0
    ? "none was in any of them"
    : `FOUND IN ${formatCount(foundCount, "DATAGRAM")}`;
  return `On the wire: ${seen}, all encrypted.\n` +
    `Looked for ${formatCount(pieceCount, "piece")} of the file ` +
    `in each datagram: ${found}.\n`;
}

async function checkFile(path: string): Promise<void> {
  try {
    const { isFile } = await Deno.stat(path);
    if (!isFile) throw new DemoError(`${path}: it is not a file`);
    (await Deno.open(path)).close();
  } catch (error) {
    if (error instanceof DemoError) throw error;
    const isMissing = error instanceof Deno.errors.NotFound;
    throw new DemoError(
      `${path}: ${isMissing ? "there is no such file" : "it cannot be read"}`,
    );
  }
  // Deno parts permissions at commas, and knows no way to write one.
  if (path.includes(",")) {
    throw new DemoError(`${path}: no permission can name a path with a comma`);
  }
}

/** The file that is meant, seen from where the command was typed. */
function findFile(args: readonly string[]): string {
  const { positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {},
  });
  const [name, another] = positionals;
  if (another !== undefined) {
    throw new TaskUsageError("Name one file, or none for the README");
  }
  if (name === undefined) return fileURLToPath(DEFAULT_FILE);
  // `deno task` changes into the project and remembers where it was.
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), name);
}

/** Rejects at Ctrl-C, and when the system asks for the end. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    const signals = { SIGINT: 130, SIGTERM: 143 } as const;
    for (const [signal, exitCode] of Object.entries(signals)) {
      if (signal === "SIGTERM" && Deno.build.os === "windows") continue;
      Deno.addSignalListener(signal as Deno.Signal, () => {
        reject(new Interruption(exitCode));
      });
    }
  });
}

/** Ctrl-C, and how the process ends then. */
class Interruption extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("interrupted");
    this.exitCode = exitCode;
  }
}

async function main(path: string): Promise<number> {
  const interruption = interrupted();
  interruption.catch(() => {});
  let cast: Cast | undefined;
  try {
    await checkFile(path);
    const watch = new PlaintextWatch(await readSample(path));
    cast = new Cast(path, watch);
    const lost = cast.watchOver();
    lost.catch(() => {});
    await Promise.race([play(path, cast, watch), lost, interruption]);
    return watch.foundCount === 0 ? 0 : EXIT_FAILED;
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode;
    screen.fail(error instanceof Error ? error.message : String(error));
    return EXIT_FAILED;
  } finally {
    await cast?.stop();
  }
}

if (import.meta.main) {
  const path = taskOptions({ name: "demo", help: HELP, parse: findFile });
  Deno.exit(await main(path));
}
