/**
 * What the runtime refuses for want of a permission.
 *
 * @module
 */

/**
 * Tells a missing permission of Deno from everything else that fails.
 *
 * @param thrown Any value.
 * @returns Deno's own words, which name the flag; `undefined` for anything else.
 */
export function missingPermission(thrown: unknown): string | undefined {
  // Deno's class has no code.
  return thrown instanceof Error && thrown.name === "NotCapable"
    ? thrown.message
    : undefined;
}
