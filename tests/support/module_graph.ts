/**
 * The graph of the repository's modules, as the runtime resolves it.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { isOutside } from "../../tools/layers.ts";

const ROOT = new URL("../../", import.meta.url);

/** One import from one module to another. */
export interface ModuleEdge {
  /** Path relative to the repository root, or a specifier such as `node:fs`. */
  readonly to: string;
  /** Whether nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
}

/** Imports of each module, and what could not be loaded. */
export interface ModuleGraph {
  /** From a path relative to the repository root to its imports. */
  readonly modules: ReadonlyMap<string, readonly ModuleEdge[]>;
  /** Path or specifier and reason, one line each. */
  readonly errors: readonly string[];
}

interface InfoModule {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** The library's source files, relative to the repository root, sorted. */
export function listLibraryFiles(): string[] {
  const names = [...readdirSync(ROOT, { recursive: true }) as string[]];
  return names.map((name) => name.replaceAll("\\", "/")).filter((path) =>
    path.endsWith(".ts") && !path.endsWith(".as.ts") && !isOutside(path) &&
    !/(^|\/)(\.|node_modules\/)|^(dist|docs)\//.test(path)
  ).sort();
}

/**
 * Asks `deno info` for the graph below some files.
 *
 * @param files Paths relative to the repository root.
 */
export async function readModuleGraph(
  files: readonly string[],
): Promise<ModuleGraph> {
  const entry = files.map((file) =>
    `import ${JSON.stringify(new URL(file, ROOT).href)};`
  ).join("");
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--json",
      `data:application/typescript,${encodeURIComponent(entry)}`,
    ],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  const info = JSON.parse(text.decode(stdout)) as {
    modules: readonly InfoModule[];
  };
  const modules = new Map<string, ModuleEdge[]>();
  const errors: string[] = [];
  for (const { specifier, error, dependencies = [] } of info.modules) {
    if (error) errors.push(`${shorten(specifier)}: ${error}`);
    if (error || !specifier.startsWith(ROOT.href)) continue;
    modules.set(
      shorten(specifier),
      dependencies.map(({ specifier, code, type }) => ({
        to: shorten((code ?? type)?.specifier ?? specifier),
        isTypeOnly: code === undefined,
      })),
    );
  }
  return { modules, errors };
}

function shorten(specifier: string): string {
  return specifier.startsWith(ROOT.href)
    ? decodeURIComponent(specifier.slice(ROOT.href.length))
    : specifier;
}

/** All that can be reached from some modules, themselves included. */
export function reachableFrom(
  graph: ModuleGraph,
  from: readonly string[],
): Set<string> {
  const reached = new Set<string>(from);
  for (const module of reached) {
    for (const { to } of graph.modules.get(module) ?? []) reached.add(to);
  }
  return reached;
}

/**
 * Finds one cycle.
 *
 * @param edges From a node to its successors.
 * @returns The nodes of a cycle in order, the first repeated at the end, or
 * `undefined`.
 */
export function findCycle(
  edges: ReadonlyMap<string, ReadonlySet<string>>,
): string[] | undefined {
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (finished.has(node)) return undefined;
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    path.push(node);
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    finished.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const cycle = visit(node);
    if (cycle) return cycle;
  }
  return undefined;
}
