import assert from "node:assert/strict";
import plugin from "./lint_plugin.ts";

/** The messages of one rule for a source text that stands at `path`. */
function lint(rule: string, path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter(({ id }) => id === `mxp/${rule}`)
    .map(({ message }) => message);
}

function assertRefused(rule: string, path: string, source: string): void {
  const messages = lint(rule, path, source);
  assert.equal(messages.length, 1, `${path}: ${source}: ${messages.join()}`);
}

function assertAccepted(rule: string, path: string, source: string): void {
  assert.deepEqual(lint(rule, path, source), [], `${path}: ${source}`);
}

Deno.test("mxp/layers accepts imports that point down", () => {
  const accepted: readonly (readonly [string, string])[] = [
    ["protocol/message.ts", "../internal/assert.ts"],
    ["transport/core/connection.ts", "../../crypto/mod.ts"],
    ["transport/core/connection.ts", "../../protocol/frame/mod.ts"],
    ["transport/core/stream/manager.ts", "../flow_control.ts"],
    ["transport/driver.ts", "./core/endpoint.ts"],
    ["registry/lease.ts", "../internal/instant.ts"],
    ["mesh/agent.ts", "../transport/mod.ts"],
    ["cli/command/start.ts", "../../mesh/mod.ts"],
    ["mod.ts", "./mesh/mod.ts"],
  ];
  for (const [path, specifier] of accepted) {
    assertAccepted("layers", path, `import { a } from "${specifier}";`);
  }
});

Deno.test("mxp/layers refuses imports that point up", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["internal/assert.ts", "../protocol/mod.ts"],
    ["protocol/message.ts", "../transport/mod.ts"],
    ["transport/core/connection.ts", "../driver.ts"],
    ["transport/driver.ts", "../observability/mod.ts"],
    ["registry/lease.ts", "../mesh/mod.ts"],
    ["mesh/agent.ts", "../cli/main.ts"],
    ["mesh/agent.ts", "../mod.ts"],
  ];
  for (const [path, specifier] of refused) {
    assertRefused("layers", path, `import { a } from "${specifier}";`);
    assertRefused("layers", path, `export * from "${specifier}";`);
    assertRefused("layers", path, `export { a } from "${specifier}";`);
    assertRefused("layers", path, `const a = import("${specifier}");`);
    assertRefused("layers", path, `import type { A } from "${specifier}";`);
    assertRefused("layers", path, `type A = import("${specifier}").A;`);
  }
});

Deno.test("mxp/layers refuses a file of another folder that is not its mod.ts", () => {
  const source = `import { a } from "../../protocol/varint.ts";`;
  assertRefused("layers", "transport/core/connection.ts", source);
});

Deno.test("mxp/layers lets neighbours share types only", () => {
  const path = "crypto/aead.ts";
  const accepted = [
    `import type { A } from "../protocol/mod.ts";`,
    `import { type A, type B } from "../protocol/mod.ts";`,
    `export type { A } from "../protocol/mod.ts";`,
  ];
  for (const source of accepted) assertAccepted("layers", path, source);
  assertRefused("layers", path, `import { a } from "../protocol/mod.ts";`);
  assertRefused(
    "layers",
    path,
    `import { type A, b } from "../protocol/mod.ts";`,
  );
  assertRefused("layers", path, `import "../protocol/mod.ts";`);
});

Deno.test("mxp/layers keeps tests out of the library", () => {
  for (const from of ["../tests/support/pair.ts", "./agent_test.ts"]) {
    assertRefused("layers", "mesh/agent.ts", `import { a } from "${from}";`);
    assertAccepted(
      "layers",
      "mesh/agent_test.ts",
      `import { a } from "${from}";`,
    );
  }
});

Deno.test("mxp/layers refuses a folder that the table lacks", () => {
  const source = `import { a } from "../internal/assert.ts";`;
  assertRefused("layers", "surprise/thing.ts", source);
});

Deno.test("mxp/pure refuses the runtime in pure folders", () => {
  const sources = [
    `const a = Date.now();`,
    `const a = new Date();`,
    `const a = Date;`,
    `const a = performance.now();`,
    `setTimeout(f, 1);`,
    `const a = { setTimeout };`,
    `const a = Math.random();`,
    `crypto.getRandomValues(a);`,
    `const a = globalThis["Date"];`,
    `const a = Deno.args;`,
    `const a = typeof Deno;`,
    `console.log(1);`,
    `const a = fetch(url);`,
    `import { a } from "node:fs";`,
    `export { a } from "node:fs";`,
    `const a = import("node:fs");`,
  ];
  for (const source of sources) {
    assertRefused("pure", "protocol/a.ts", source);
    assertRefused("pure", "transport/core/stream/a.ts", source);
    assertAccepted("pure", "transport/driver.ts", source);
    assertAccepted("pure", "protocol/a_test.ts", source);
    assertAccepted("pure", "crypto/provider/native.ts", source);
    // The library is loaded in one file; what is done with it stays pure.
    assertAccepted("pure", "crypto/provider/libcrypto_library.ts", source);
    assertRefused("pure", "crypto/provider/libcrypto.ts", source);
    assertAccepted("pure", "internal/builtin_module.ts", source);
    assertAccepted("pure", "internal/ffi_permission.ts", source);
    assertAccepted("pure", "registry/store/sqlite.ts", source);
  }
});

Deno.test("mxp/pure accepts names that are not the globals", () => {
  const sources = [
    `const a = options.crypto;`,
    `const a = { performance: 1 };`,
    `interface A { fetch(): void; process: number }`,
    `type A = Date;`,
    `class A { fetch(): void {} }`,
    `const a = Math.floor(1.5);`,
  ];
  for (const source of sources) assertAccepted("pure", "protocol/a.ts", source);
});

Deno.test("mxp/pure refuses waiting in synchronous folders only", () => {
  const sources = [
    `async function f() {}`,
    `const f = async () => {};`,
    `class A { async f() {} }`,
    `const a = await b;`,
    `for await (const a of b) f(a);`,
  ];
  for (const source of sources) {
    assertRefused("pure", "transport/core/connection.ts", source);
    assertAccepted("pure", "registry/store/memory.ts", source);
  }
});

Deno.test("mxp/packages refuses packages that are not listed", () => {
  const refused = [
    "left-pad",
    "npm:fast-check@4",
    "jsr:@std/assert",
    "https://a.b/c.ts",
  ];
  for (const name of refused) {
    assertRefused("packages", "mesh/agent.ts", `import "${name}";`);
  }
  assertRefused("packages", "mesh/agent.ts", `import fc from "fast-check";`);
});

Deno.test("mxp/packages accepts listed packages and the runtime's own", () => {
  const accepted = [
    "@noble/hashes/sha2.js",
    "@opentelemetry/api",
    "node:fs",
    "./a.ts",
  ];
  for (const name of accepted) {
    assertAccepted("packages", "mesh/agent.ts", `import "${name}";`);
  }
  assertAccepted("packages", "mesh/a_test.ts", `import fc from "fast-check";`);
});

Deno.test("mxp/node20 refuses what Node 20 lacks, in the library only", () => {
  const refused = [
    "const turn = Promise.withResolvers<void>();",
    'const bytes = Uint8Array.fromHex("00");',
  ];
  for (const source of refused) {
    assertRefused("node20", "mesh/a.ts", source);
    assertAccepted("node20", "mesh/a_test.ts", source);
  }
  assertAccepted("node20", "mesh/a.ts", "const done = Promise.resolve();");
});

Deno.test("mxp/defaults refuses defaults that the reference does not show", () => {
  const refused = [
    "/** @default 5 */",
    "/** How many. @default {5} */",
    "/**\n * How many.\n *\n * @default 5\n */",
    "/**\n * How many.\n *\n * @default {}\n */",
    "/**\n * How many.\n *\n * @default {{}}\n */",
    "/**\n * @default {5}\n * @default 6\n */",
  ];
  for (const comment of refused) {
    const source = `${comment}\nconst a = 5;`;
    assertRefused("defaults", "mesh/a.ts", source);
    assertRefused("defaults", "tests/support/a.ts", source);
  }
});

Deno.test("mxp/defaults accepts tags, and comments that document nothing", () => {
  const accepted = [
    "/** @default {5} */",
    "/**\n * How many.\n *\n * @default {5}\n */",
    "/**\n * How many.\n *\n * @default {5 here,\n * 6 elsewhere}\n */",
    "/** How `@default 5` is written. */",
    "// @default 5",
    "/* @default 5 */",
  ];
  for (const comment of accepted) {
    assertAccepted("defaults", "mesh/a.ts", `${comment}\nconst a = 5;`);
  }
});
