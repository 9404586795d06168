/**
 * Whether this process may call libraries of the system.
 *
 * @module
 */

/** The part of the runtime that is used here. */
interface RuntimeLike {
  readonly Deno?: {
    readonly dlopen?: unknown;
    readonly permissions: {
      querySync(descriptor: { readonly name: "ffi" }): {
        readonly state: string;
      };
    };
  };
}

/**
 * Looks whether `--allow-ffi` was granted already; it asks nobody. A permission
 * for single files is not enough: libraries are found by their name.
 *
 * @returns `false` wherever there is no Deno as well.
 */
export function isFfiGranted(): boolean {
  const { Deno: runtime } = globalThis as RuntimeLike;
  return typeof runtime?.dlopen === "function" &&
    runtime.permissions.querySync({ name: "ffi" }).state === "granted";
}
