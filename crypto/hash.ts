/**
 * SHA-256, HMAC (RFC 2104) and HKDF (RFC 5869), synchronous.
 *
 * @module
 */
import { wipe } from "./constant_time.ts";
import { CryptoError } from "./error.ts";
import { fastestSha256 } from "./provider/sha256.ts";

/** Size of a SHA-256 digest and of an HMAC-SHA-256 tag, in bytes. */
export const SHA256_LENGTH = 32;

/** Most bytes that one HKDF-SHA-256 expansion gives: 255 digests (RFC 5869 §2.3). */
export const MAX_HKDF_LENGTH: number = 255 * SHA256_LENGTH;

/** Most bytes of context that an HKDF expansion takes here. */
export const MAX_HKDF_INFO_LENGTH = 65_535;

/** Counter of the first block of an expansion. */
const FIRST_COUNTER: Uint8Array = Uint8Array.of(1);

/**
 * Hashes the concatenation of `parts`.
 *
 * @param parts Bytes; borrowed.
 * @returns The 32-byte digest.
 */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  return fastestSha256().hash(parts);
}

/**
 * HMAC-SHA-256 over the concatenation of `parts`.
 *
 * @param key The key, of any size; borrowed.
 * @param parts Bytes; borrowed.
 * @returns The 32-byte tag. Compare it with `isEqualConstantTime`.
 */
export function hmacSha256(
  key: Uint8Array,
  ...parts: Uint8Array[]
): Uint8Array {
  return fastestSha256().hmac(key, parts);
}

/**
 * HKDF-Expand with SHA-256: bytes from a key that is already uniform.
 *
 * @param key The pseudorandom key, at least 32 bytes; borrowed.
 * @param info Context that tells this use from others, at most 65,535 bytes.
 * @param length How many bytes, 0 to 8,160.
 * @returns `length` bytes that the caller owns.
 * @throws {CryptoError} `INVALID_KEY` for a short key, `INVALID_LENGTH` when
 * `length` or `info` is out of range.
 */
export function hkdfExpandSha256(
  key: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  checkExpansion(info, length);
  if (key.length < SHA256_LENGTH) {
    throw new CryptoError(
      "INVALID_KEY",
      `HKDF key: expected at least ${SHA256_LENGTH} bytes, got ${key.length}`,
    );
  }
  if (length === SHA256_LENGTH) {
    return hmacSha256(key, info, FIRST_COUNTER); // most are of one block
  }
  const expanded = new Uint8Array(length);
  const counter = new Uint8Array(1);
  let block: Uint8Array = new Uint8Array();
  for (let at = 0; at < length; at += SHA256_LENGTH) {
    counter[0] = at / SHA256_LENGTH + 1;
    const next = hmacSha256(key, block, info, counter);
    wipe(block);
    block = next;
    const rest = length - at;
    expanded.set(rest < SHA256_LENGTH ? block.subarray(0, rest) : block, at);
  }
  wipe(block);
  return expanded;
}

/**
 * HKDF with SHA-256: extract, then expand.
 *
 * @param inputKeyMaterial Secret bytes, not necessarily uniform; borrowed.
 * @param salt A value that need not be secret; empty means 32 zero bytes.
 * @param info Context that tells this use from others, at most 65,535 bytes.
 * @param length How many bytes, 0 to 8,160.
 * @returns `length` bytes that the caller owns.
 * @throws {CryptoError} `INVALID_LENGTH` when `length` or `info` is out of range.
 *
 * @example Usage
 * ```ts
 * import { hkdfSha256 } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const info = new TextEncoder().encode("example");
 * const key = hkdfSha256(new Uint8Array(32), new Uint8Array(), info, 16);
 * assert.equal(key.length, 16);
 * ```
 */
export function hkdfSha256(
  inputKeyMaterial: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  checkExpansion(info, length);
  // RFC 5869 §2.2: without a salt, HMAC fills the key up with zeros by itself.
  const key = hmacSha256(salt, inputKeyMaterial);
  try {
    return hkdfExpandSha256(key, info, length);
  } finally {
    wipe(key);
  }
}

function checkExpansion(info: Uint8Array, length: number): void {
  if (!Number.isInteger(length) || length < 0 || length > MAX_HKDF_LENGTH) {
    throw new CryptoError(
      "INVALID_LENGTH",
      `HKDF: expected 0 to ${MAX_HKDF_LENGTH} bytes, got ${length}`,
    );
  }
  if (info.length > MAX_HKDF_INFO_LENGTH) {
    throw new CryptoError(
      "INVALID_LENGTH",
      `HKDF info: expected at most ${MAX_HKDF_INFO_LENGTH} bytes, got ${info.length}`,
    );
  }
}
