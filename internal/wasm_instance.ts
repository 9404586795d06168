/**
 * WebAssembly modules that the source holds as base64, instantiated at once.
 *
 * @module
 */

/** What of the platform's `WebAssembly` is needed, so that a test can take it away. */
export type WebAssemblyLike = Pick<typeof WebAssembly, "Module" | "Instance">;

/**
 * The `WebAssembly` of this platform.
 *
 * @returns It, or `undefined` where there is none.
 */
export function platformWebAssembly(): WebAssemblyLike | undefined {
  return typeof WebAssembly === "undefined" ? undefined : WebAssembly;
}

/**
 * Compiles and instantiates a module, synchronously.
 *
 * @param platform The platform's `WebAssembly`, where it has one.
 * @param base64 The module.
 * @returns The exports, or `undefined` where WebAssembly, or an instruction
 * that the module uses, is missing or forbidden.
 */
export function instantiate(
  platform: WebAssemblyLike | undefined,
  base64: string,
): WebAssembly.Exports | undefined {
  if (platform === undefined) return undefined;
  try {
    const code = Uint8Array.from(
      atob(base64),
      (character) => character.charCodeAt(0),
    );
    return new platform.Instance(new platform.Module(code)).exports;
  } catch {
    // No SIMD, a content security policy without `wasm-unsafe-eval`, or an old
    // browser, which compiles no more than 4 KiB on its main thread.
    return undefined;
  }
}
