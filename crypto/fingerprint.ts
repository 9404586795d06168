/**
 * What a person compares to know that a key is the right one.
 *
 * @module
 */
import { encodeBase64 } from "./base64.ts";
import { requireLength } from "./error.ts";
import { sha256 } from "./hash.ts";
import { X25519_KEY_LENGTH } from "./provider/provider.ts";

/**
 * The fingerprint of a public key, in the form that OpenSSH shows: `SHA256:`
 * and the digest in base64 without padding.
 *
 * @param publicKey 32 bytes; borrowed.
 * @returns 50 characters.
 * @throws {CryptoError} `INVALID_KEY` when the key is not 32 bytes.
 *
 * @example Usage
 * ```ts
 * import { fingerprint } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   fingerprint(new Uint8Array(32)),
 *   "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU",
 * );
 * ```
 */
export function fingerprint(publicKey: Uint8Array): string {
  requireLength("Public key", publicKey, X25519_KEY_LENGTH, "INVALID_KEY");
  return `SHA256:${encodeBase64(sha256(publicKey))}`;
}
