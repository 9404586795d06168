/**
 * Compiles the AssemblyScript sources into the generated TypeScript files that
 * hold the WebAssembly bytes.
 *
 * ```sh
 * deno task build:wasm   # writes the generated files
 * deno task check:wasm   # fails when a generated file differs from its source
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import asc from "assemblyscript/asc";
import { noteLine } from "./print_line.ts";
import { taskOptions } from "./task.ts";

interface Target {
  /** AssemblyScript source, relative to the repository root. */
  readonly source: string;
  /** Generated TypeScript file, relative to the repository root. */
  readonly output: string;
  /** Name of the exported constant. */
  readonly constant: string;
  /** Size of its memory in pages of 64 KiB: fixed, laid out in the source. */
  readonly pages: number;
  /** What it needs of the engine beside SIMD. */
  readonly features?: readonly string[];
}

const TARGETS: readonly Target[] = [{
  source: "protocol/wasm/xxh3.as.ts",
  output: "protocol/wasm/xxh3_wasm.gen.ts",
  constant: "XXH3_WASM_BASE64",
  pages: 3,
}, {
  source: "crypto/wasm/chacha20_poly1305.as.ts",
  output: "crypto/wasm/chacha20_poly1305_wasm.gen.ts",
  constant: "CHACHA20_POLY1305_WASM_BASE64",
  pages: 3,
}, {
  source: "crypto/wasm/chacha20_poly1305.as.ts",
  output: "crypto/wasm/chacha20_poly1305_relaxed_wasm.gen.ts",
  constant: "CHACHA20_POLY1305_RELAXED_WASM_BASE64",
  pages: 3,
  features: ["relaxed-simd"],
}, {
  source: "crypto/wasm/sha256.as.ts",
  output: "crypto/wasm/sha256_wasm.gen.ts",
  constant: "SHA256_WASM_BASE64",
  pages: 1,
}];

function compilerOptions({ pages, features = [] }: Target): string[] {
  return [
    "--runtime=stub",
    "--noAssert",
    "--optimizeLevel=3",
    "--shrinkLevel=0",
    "--converge",
    ...["simd", ...features].map((feature) => `--enable=${feature}`),
    "--memoryBase=1024",
    `--initialMemory=${pages}`,
    `--maximumMemory=${pages}`,
    "--use=abort=",
  ];
}

const ROOT = new URL("../", import.meta.url);
const BASE64_COLUMNS = 76;

/** Compiles one source in memory and returns the WebAssembly bytes. */
async function compile(target: Target): Promise<Uint8Array> {
  const { source } = target;
  const text = await Deno.readTextFile(new URL(source, ROOT));
  const outputs = new Map<string, Uint8Array>();
  const { error, stderr } = await asc.main(
    [source, "--outFile=module.wasm", ...compilerOptions(target)],
    {
      readFile: (name) => name === source ? text : null,
      writeFile: (name, contents) => {
        outputs.set(
          name,
          typeof contents === "string"
            ? new TextEncoder().encode(contents)
            : contents,
        );
      },
      listFiles: () => [],
    },
  );
  const wasm = outputs.get("module.wasm");
  if (error || !wasm) {
    throw new Error(`Compiling ${source} failed:\n${stderr.toString()}`);
  }
  return wasm;
}

function render(target: Target, wasm: Uint8Array): string {
  const base64 = wasm.toBase64();
  const lines: string[] = [];
  for (let at = 0; at < base64.length; at += BASE64_COLUMNS) {
    lines.push(`  "${base64.slice(at, at + BASE64_COLUMNS)}"`);
  }
  const name = target.source.slice(target.source.lastIndexOf("/") + 1);
  return `/**
 * Generated from \`${name}\` by \`deno task build:wasm\`: do not edit.
 *
 * Compiler: assemblyscript ${asc.version}, ${
    compilerOptions(target).join(" ")
  }.
 *
 * @module
 */

/** The WebAssembly module (${wasm.length} bytes), in base64. */
export const ${target.constant}: string =
${lines.join(" +\n")};
`;
}

/** What `--help` prints. */
const HELP: string =
  `Compiles the AssemblyScript sources (*.as.ts) into generated files (*.gen.ts).

  --check        writes nothing; fails where a file differs from its source
  --help
`;

function parseOptions(args: readonly string[]): { readonly isCheck: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: "boolean", default: false } },
  });
  return { isCheck: values.check };
}

if (import.meta.main) {
  const { isCheck } = taskOptions({
    name: "build:wasm",
    help: HELP,
    parse: parseOptions,
  });
  for (const target of TARGETS) {
    const wasm = await compile(target);
    const text = render(target, wasm);
    const output = new URL(target.output, ROOT);
    if (!isCheck) {
      await Deno.writeTextFile(output, text);
      noteLine(`${target.output}: ${wasm.length} bytes of WebAssembly`);
      continue;
    }
    const current = await Deno.readTextFile(output).catch(() => "");
    if (current !== text) {
      noteLine(
        `${target.output} differs from ${target.source}: run deno task build:wasm`,
      );
      Deno.exit(1);
    }
    noteLine(`${target.output} matches its source`);
  }
}
