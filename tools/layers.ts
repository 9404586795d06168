/**
 * The layer table of the repository: which folder may import which.
 *
 * Used by the lint plugin, which judges one file at a time, and by the
 * architecture test, which sees the whole graph.
 *
 * @module
 */

/** One folder of the library. */
export interface Layer {
  /** Folder, relative to the repository root; the longest match wins. */
  readonly folder: string;
  /** Imports go to a lower row. Folders of one row are neighbours. */
  readonly row: number;
}

/** Folders from the ground up. */
export const LAYERS: readonly Layer[] = [
  { folder: "internal", row: 0 },
  { folder: "protocol", row: 1 },
  { folder: "crypto", row: 1 },
  { folder: "transport/core", row: 2 },
  { folder: "transport", row: 3 },
  { folder: "registry", row: 4 },
  { folder: "resilience", row: 4 },
  { folder: "observability", row: 4 },
  { folder: "mesh", row: 5 },
  { folder: "conformance", row: 6 },
  { folder: "bus", row: 6 },
  { folder: "gateway", row: 6 },
  { folder: "runtime", row: 6 },
  { folder: "cli", row: 7 },
];

/** The short list at the top, `mod.ts`, stands beside the command line. */
const ROOT_LAYER: Layer = { folder: "", row: 7 };

/** Folders whose files may import anything and that nothing imports. */
export const OUTSIDE_FOLDERS: readonly string[] = [
  "tests",
  "bench",
  "examples",
  "demo",
  "tools",
];

/** Folders without sockets, clocks, timers and entropy. */
const PURE_FOLDERS: readonly string[] = [
  "internal",
  "protocol",
  "crypto",
  "transport/core",
  "registry",
];

/** Files of pure folders whose very purpose is the runtime. */
const IMPURE_FILES: readonly string[] = [
  "internal/builtin_module.ts",
  "internal/ffi_permission.ts",
  "crypto/provider/libcrypto_library.ts",
  "crypto/provider/native.ts",
  "crypto/identity_file.ts",
  "registry/store/sqlite.ts",
];

/** Pure folders that moreover never wait: their methods run to completion. */
const SYNCHRONOUS_FOLDERS: readonly string[] = [
  "internal",
  "protocol",
  "crypto",
  "transport/core",
];

function isIn(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function isInAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => isIn(path, folder));
}

/**
 * @param path A file, relative to the repository root.
 * @returns Whether it is a test or a benchmark, or lies in a folder of such.
 */
export function isOutside(path: string): boolean {
  return /_(test|bench)\.ts$/.test(path) || isInAny(path, OUTSIDE_FOLDERS);
}

/**
 * @param path A file, relative to the repository root.
 * @returns Its layer, or `undefined` when the table does not know it.
 */
export function layerOf(path: string): Layer | undefined {
  if (!path.includes("/")) return ROOT_LAYER;
  let found: Layer | undefined;
  for (const layer of LAYERS) {
    if (!isIn(path, layer.folder)) continue;
    if (!found || layer.folder.length > found.folder.length) found = layer;
  }
  return found;
}

/**
 * @param path A file, relative to the repository root.
 * @returns Whether it must not touch the runtime.
 */
export function isPure(path: string): boolean {
  return !isOutside(path) && isInAny(path, PURE_FOLDERS) &&
    !IMPURE_FILES.includes(path);
}

/**
 * @param path A file, relative to the repository root.
 * @returns Whether it must moreover not wait for anything.
 */
export function isSynchronous(path: string): boolean {
  return isPure(path) && isInAny(path, SYNCHRONOUS_FOLDERS);
}

/** The folder that is one public module: `transport` for `transport/core`. */
function moduleOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

/**
 * Judges one import between two files of the repository.
 *
 * @param from The importing file, relative to the repository root.
 * @param to The imported file, relative to the repository root.
 * @param isTypeOnly Whether nothing but types is imported.
 * @returns What is wrong with it, or `undefined`.
 */
export function judgeImport(
  from: string,
  to: string,
  isTypeOnly: boolean,
): string | undefined {
  if (isOutside(from)) return undefined;
  if (isOutside(to)) return `Library code imports ${to}, a test or a tool`;
  const source = layerOf(from);
  const target = layerOf(to);
  if (!source) return `${from} is in a folder that tools/layers.ts lacks`;
  if (!target) return `${to} is in a folder that tools/layers.ts lacks`;
  if (source.folder === target.folder) return undefined;
  if (target.row > source.row) {
    return `Imports point down: ${name(source)} is below ${name(target)}`;
  }
  if (target.row === source.row && !isTypeOnly) {
    return `Neighbours share types only: ${name(source)} and ${name(target)}`;
  }
  const isInside = moduleOf(from) === moduleOf(to);
  if (!isInside && target.row > 0 && !to.endsWith("/mod.ts")) {
    return `A folder is used through its mod.ts from outside: not ${to}`;
  }
  return undefined;
}

function name(layer: Layer): string {
  return layer.folder || "the root";
}
