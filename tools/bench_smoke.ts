/**
 * Runs every benchmark of `bench/` once, so that none of them can rot.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { printLine } from "./print_line.ts";
import { parseNothing, taskOptions } from "./task.ts";

const FOLDER = new URL("../bench/", import.meta.url);

type Body = (context: Deno.BenchContext) => void | Promise<void>;

interface Registered {
  readonly name: string;
  readonly body: Body;
}

const registered: Registered[] = [];

/** Stands in for `Deno.bench` and takes what it takes. */
function register(...parts: unknown[]): void {
  let name = "";
  let body: Body | undefined;
  let isIgnored = false;
  for (const part of parts) {
    if (typeof part === "string") name = part;
    else if (typeof part === "function") body = part as Body;
    else {
      const options = part as Partial<Deno.BenchDefinition>;
      name = options.name ?? name;
      body = options.fn ?? body;
      isIgnored = options.ignore ?? false;
    }
  }
  if (!body) throw new Error(`Benchmark "${name}" has no function`);
  if (!isIgnored) registered.push({ name: name || body.name, body });
}

/** What `--help` prints. */
const HELP: string =
  `Runs every benchmark of bench/ once, so that none can rot. Takes no options.
`;

taskOptions({ name: "bench:smoke", help: HELP, parse: parseNothing });
Object.defineProperty(Deno, "bench", { value: register });

let count = 0;
for (const file of readdirSync(FOLDER).sort()) {
  if (!file.endsWith("_bench.ts")) continue;
  await import(new URL(file, FOLDER).href);
  for (const { name, body } of registered.splice(0)) {
    await body({ name, origin: file, start() {}, end() {} });
    count++;
    printLine(`${file}: ${name}`);
  }
}
printLine(`${count} benchmarks ran once`);
// Some benchmarks keep a socket open until the end of the process.
Deno.exit(count > 0 ? 0 : 1);
