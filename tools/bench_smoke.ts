/**
 * Runs every benchmark of `bench/` once, so that none of them can rot.
 *
 * @module
 */
import { readdirSync } from "node:fs";

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

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

Object.defineProperty(Deno, "bench", { value: register });

let count = 0;
for (const file of readdirSync(FOLDER).sort()) {
  if (!file.endsWith("_bench.ts")) continue;
  await import(new URL(file, FOLDER).href);
  for (const { name, body } of registered.splice(0)) {
    await body({ name, origin: file, start() {}, end() {} });
    count++;
    print(`${file}: ${name}`);
  }
}
print(`${count} benchmarks ran once`);
// Some benchmarks keep a socket open until the end of the process.
Deno.exit(count > 0 ? 0 : 1);
