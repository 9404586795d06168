/**
 * Modules that the runtime brings.
 *
 * @module
 */

/** The part of `process` that is used here. */
interface ProcessLike {
  getBuiltinModule?(name: string): unknown;
}

/**
 * A built-in module of Deno, Node (20.16 and later) or Bun. Asked for rather
 * than imported, so that pure folders also load where there is none, as in a
 * browser.
 *
 * @param name Such as `node:crypto`.
 * @returns The module, or `undefined` where the runtime has none of that name.
 */
export function builtinModule(name: string): unknown {
  const runtime = globalThis as { process?: ProcessLike };
  try {
    return runtime.process?.getBuiltinModule?.(name);
  } catch {
    return undefined; // some runtimes throw for a module they do not know
  }
}
