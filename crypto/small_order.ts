/**
 * Public keys that are worth nothing.
 *
 * @module
 */

/**
 * The points of Curve25519 and of its twist whose order divides 8, as all the
 * numbers below 2^255 that stand for them: 0, 1, the two of order 8, and p - 1,
 * p and p + 1. Low byte first, in hexadecimal.
 */
const SMALL_ORDER_POINTS: readonly string[] = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
];

const POINTS: readonly Uint8Array[] = SMALL_ORDER_POINTS.map((point) =>
  Uint8Array.from(point.match(/../g) ?? [], (byte) => parseInt(byte, 16))
);

/**
 * Whether an X25519 public key gives the same secret, all zeros, to everyone
 * (RFC 7748 §6.1): an agreement with it fails.
 *
 * @param publicKey 32 bytes; public, so the time tells nothing.
 * @returns Whether it is one of those points.
 *
 * @example Usage
 * ```ts
 * import { isSmallOrder, publicKeyOf } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * assert(isSmallOrder(new Uint8Array(32)));
 * assert(!isSmallOrder(publicKeyOf(new Uint8Array(32).fill(7))));
 * ```
 */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  return POINTS.some((point) =>
    point.every((byte, index) =>
      // RFC 7748 §5: the highest bit is not looked at.
      byte === (index < 31 ? publicKey[index] : publicKey[index]! & 0x7f)
    )
  );
}
