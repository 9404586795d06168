/**
 * The length checks that every provider makes before it touches any byte.
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
  return openedRoom(ciphertextAndTag.length, into);
}

/**
 * Checks the arguments of the seal of a packet.
 *
 * @param buffer Must hold header, plaintext and a tag.
 * @param offset Where the header starts.
 * @param headerLength Must be 12 bytes at least.
 * @param plaintextLength Size of the plaintext.
 * @throws {CryptoError} `INVALID_LENGTH`.
 */
export function requirePacketSeal(
  buffer: Uint8Array,
  offset: number,
  headerLength: number,
  plaintextLength: number,
): void {
  const end = offset + headerLength + plaintextLength + AEAD_TAG_LENGTH;
  requireHeader(headerLength);
  if (!(offset >= 0 && plaintextLength >= 0 && end <= buffer.length)) {
    throw tooSmall("Seal", end, buffer.length);
  }
}

/**
 * Checks the arguments of the open of a packet.
 *
 * @param header Must be 12 bytes at least.
 * @param buffer Must hold the sealed bytes.
 * @param offset Where they start.
 * @param sealedLength How many they are.
 * @param into Must hold the plaintext.
 * @returns The length of the plaintext; negative when there is less than a
 * tag, which is the peer's doing and no exception.
 * @throws {CryptoError} `INVALID_LENGTH`.
 */
export function packetOpenedLength(
  header: Uint8Array,
  buffer: Uint8Array,
  offset: number,
  sealedLength: number,
  into: Uint8Array,
): number {
  const end = offset + sealedLength;
  requireHeader(header.length);
  if (!(offset >= 0 && sealedLength >= 0 && end <= buffer.length)) {
    throw tooSmall("Open", end, buffer.length);
  }
  return openedRoom(sealedLength, into);
}

function openedRoom(sealedLength: number, into: Uint8Array): number {
  const length = sealedLength - AEAD_TAG_LENGTH;
  if (into.length < length) throw tooSmall("Open", length, into.length);
  return length;
}

function requireHeader(headerLength: number): void {
  if (headerLength >= AEAD_NONCE_LENGTH) return;
  throw new CryptoError(
    "INVALID_LENGTH",
    `Header: expected at least ${AEAD_NONCE_LENGTH} bytes, got ${headerLength}`,
  );
}

function tooSmall(verb: string, needed: number, got: number): CryptoError {
  return new CryptoError(
    "INVALID_LENGTH",
    `${verb}: ${needed} bytes are needed, the buffer has ${got}`,
  );
}
