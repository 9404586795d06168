/**
 * Comparing and erasing secrets.
 *
 * JavaScript gives no guarantee about time or about copies that the engine
 * made: these functions avoid what can be avoided, namely branches and early
 * exits that depend on the bytes, and secrets left in buffers that we own.
 *
 * @module
 */

/**
 * Compares two byte strings without an early exit. The lengths are not secret.
 *
 * @param a One side; borrowed.
 * @param b The other side; borrowed.
 * @returns Whether they are equal; `false` when the lengths differ.
 *
 * @example Usage
 * ```ts
 * import { isEqualConstantTime } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * assert(isEqualConstantTime(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
 * ```
 */
export function isEqualConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) {
    difference |= a[index]! ^ b[index]!;
  }
  return difference === 0;
}

/**
 * Tells whether every byte is zero, without an early exit.
 *
 * @param bytes The bytes; borrowed.
 * @returns Whether all are zero; `true` for no bytes.
 */
export function isAllZero(bytes: Uint8Array): boolean {
  let any = 0;
  for (let index = 0; index < bytes.length; index++) any |= bytes[index]!;
  return any === 0;
}

/**
 * Overwrites secrets with zeros.
 *
 * @param secrets Buffers that the caller owns; `undefined` is skipped.
 */
export function wipe(...secrets: (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
