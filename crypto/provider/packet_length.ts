/**
 * The length checks that both providers make before they touch any byte.
 *
 * @module
 */
import { CryptoError, requireLength } from "../error.ts";
import { AEAD_NONCE_LENGTH, AEAD_TAG_LENGTH } from "./provider.ts";

/**
 * Checks the arguments of a seal.
 *
 * @param nonce Must be 12 bytes.
 * @param plaintext What is to be sealed.
 * @param into Must hold the plaintext and a tag.
 * @returns The length of the result.
 * @throws {CryptoError} `INVALID_LENGTH`.
 */
export function sealedLength(
  nonce: Uint8Array,
  plaintext: Uint8Array,
  into: Uint8Array,
): number {
  requireLength("Nonce", nonce, AEAD_NONCE_LENGTH);
  const length = plaintext.length + AEAD_TAG_LENGTH;
  if (into.length < length) throw tooSmall("Seal", length, into.length);
  return length;
}

/**
 * Checks the arguments of an open.
 *
 * @param nonce Must be 12 bytes.
 * @param ciphertextAndTag What is to be opened.
 * @param into Must hold the plaintext.
 * @returns The length of the plaintext; negative when the input is shorter
 * than a tag, which is the peer's doing and no exception.
 * @throws {CryptoError} `INVALID_LENGTH`.
 */
export function openedLength(
  nonce: Uint8Array,
  ciphertextAndTag: Uint8Array,
  into: Uint8Array,
): number {
  requireLength("Nonce", nonce, AEAD_NONCE_LENGTH);
  const length = ciphertextAndTag.length - AEAD_TAG_LENGTH;
  if (into.length < length) throw tooSmall("Open", length, into.length);
  return length;
}

function tooSmall(verb: string, needed: number, got: number): CryptoError {
  return new CryptoError(
    "INVALID_LENGTH",
    `${verb}: the result needs ${needed} bytes, the buffer has ${got}`,
  );
}
