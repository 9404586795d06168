/**
 * SHA-256, HMAC (RFC 2104) and HKDF (RFC 5869), synchronous.
 *
 * The portable implementation serves everywhere: for the short inputs that a
 * protocol hashes it was measured as fast as the runtime's own.
 *
 * @module
 */
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { CryptoError } from "./error.ts";
import { wipe } from "./constant_time.ts";

/** Size of a SHA-256 digest and of an HMAC-SHA-256 tag, in bytes. */
export const SHA256_LENGTH = 32;

/** Most bytes that one HKDF-SHA-256 expansion gives: 255 digests (RFC 5869 §2.3). */
export const MAX_HKDF_LENGTH: number = 255 * SHA256_LENGTH;

/** Most bytes of context that an HKDF expansion takes here. */
export const MAX_HKDF_INFO_LENGTH = 65_535;

/**
 * Hashes the concatenation of `parts`.
 *
 * @param parts Bytes; borrowed.
 * @returns The 32-byte digest.
 */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return nobleSha256(parts[0]!);
  const hash = nobleSha256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
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
  const mac = hmac.create(nobleSha256, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
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
  return length === 0
    ? new Uint8Array()
    : expand(nobleSha256, key, info, length);
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
  const key = extract(nobleSha256, inputKeyMaterial, salt);
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
