/**
 * Rules about the whole tree, which no linter of single files can see.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import config from "../deno.json" with { type: "json" };
import {
  isPure,
  judgeImport,
  layerOf,
  LAYERS,
  OUTSIDE_FOLDERS,
} from "../tools/layers.ts";
import {
  findCycle,
  listLibraryFiles,
  reachableFrom,
  readModuleGraph,
} from "./support/module_graph.ts";

const ROOT = new URL("../", import.meta.url);

const entries = Object.values(config.exports).map((path) => path.slice(2));
const existingEntries = entries.filter((path) =>
  existsSync(new URL(path, ROOT))
);
const files = listLibraryFiles();
const graph = await readModuleGraph(files);

/** Runtime imports between nodes, where `nodeOf` merges files into nodes. */
function runtimeEdges(
  nodeOf: (path: string) => string,
): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const [from, imports] of graph.modules) {
    const source = nodeOf(from);
    const targets = edges.get(source) ?? new Set();
    edges.set(source, targets);
    for (const { to, isTypeOnly } of imports) {
      if (isTypeOnly || !graph.modules.has(to)) continue;
      if (nodeOf(to) !== source) targets.add(nodeOf(to));
    }
  }
  return edges;
}

Deno.test("each entry of the package exists and everything below it loads", () => {
  assert.deepEqual(entries, existingEntries);
  assert.deepEqual(graph.errors, []);
});

Deno.test("each folder with source is in the layer table", () => {
  const known = [...LAYERS.map(({ folder }) => folder), ...OUTSIDE_FOLDERS];
  const unknown = readdirSync(ROOT, { withFileTypes: true })
    .filter((item) => item.isDirectory() && !known.includes(item.name))
    .map(({ name }) => name)
    .filter((name) => files.some((file) => file.startsWith(`${name}/`)));
  assert.deepEqual(unknown, []);
});

Deno.test("imports follow the layer table", () => {
  const wrong: string[] = [];
  for (const [from, imports] of graph.modules) {
    for (const { to, isTypeOnly } of imports) {
      if (!to.endsWith(".ts") || to.includes(":")) continue;
      const message = judgeImport(from, to, isTypeOnly);
      if (message) wrong.push(`${from}: ${message}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("imports have no cycle among folders", () => {
  const cycle = findCycle(
    runtimeEdges((path) => layerOf(path)?.folder ?? path),
  );
  assert.equal(cycle?.join(" → "), undefined);
});

Deno.test("imports have no cycle among files", () => {
  const cycle = findCycle(runtimeEdges((path) => path));
  assert.equal(cycle?.join(" → "), undefined);
});

Deno.test("each file of the library is reachable from an entry", () => {
  const reached = reachableFrom(graph, existingEntries);
  assert.deepEqual(files.filter((file) => !reached.has(file)), []);
});

Deno.test("each file of a public folder is reachable from its mod.ts", () => {
  const hidden: string[] = [];
  for (const entry of existingEntries) {
    if (!entry.endsWith("/mod.ts")) continue;
    const folder = entry.slice(0, -"mod.ts".length);
    const reached = reachableFrom(graph, [entry]);
    hidden.push(
      ...files.filter((file) =>
        file.startsWith(folder) && !reached.has(file) &&
        !/(^|\/)unstable_[^/]*$/.test(file)
      ),
    );
  }
  assert.deepEqual(hidden, []);
});

Deno.test("@mxp/core/protocol reaches nothing but itself and internal", () => {
  const reached = [...reachableFrom(graph, ["protocol/mod.ts"])];
  const strange = reached.filter((to) => !/^(protocol|internal)\//.test(to));
  assert.deepEqual(strange, []);
});

Deno.test("pure files import no module of the runtime", () => {
  const wrong: string[] = [];
  for (const [from, imports] of graph.modules) {
    if (!isPure(from)) continue;
    for (const { to } of imports) {
      if (to.startsWith("node:")) wrong.push(`${from}: ${to}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("each dependency is pinned to one version", () => {
  const loose = Object.values(config.imports).filter((target) =>
    !/^npm:(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/.test(target)
  );
  assert.deepEqual(loose, []);
});

Deno.test("the published package leaves out tests and tools", () => {
  for (const pattern of ["**/*_test.ts", "**/*_bench.ts"]) {
    assert.ok(config.publish.exclude.includes(pattern), pattern);
  }
  for (const folder of OUTSIDE_FOLDERS) {
    assert.ok(!config.publish.include.includes(folder), folder);
  }
});

Deno.test("findCycle() finds a cycle and only a cycle", () => {
  const edges = (list: [string, string[]][]): Map<string, Set<string>> =>
    new Map(list.map(([from, to]) => [from, new Set(to)]));
  assert.equal(
    findCycle(edges([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]]])),
    undefined,
  );
  assert.deepEqual(
    findCycle(edges([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]])),
    ["b", "c", "b"],
  );
});
