/**
 * What goes wrong with keys, handshakes and sealed bytes.
 *
 * @module
 */
import { MxpError } from "../internal/error.ts";

/**
 * Codes of a {@linkcode CryptoError}.
 *
 * - `UNSUPPORTED_PROTOCOL` a Noise protocol name or suite that is not known
 * - `HANDSHAKE_FAILED` a handshake message did not authenticate
 * - `INVALID_KEY` a key is missing, unexpected or of the wrong size
 * - `INVALID_LENGTH` bytes of a size that the operation does not take
 * - `NONCE_EXHAUSTED` a cipher state has used every nonce it may use
 * - `WEAK_PUBLIC_KEY` a public key that gives the all-zero shared secret
 * - `PROVIDER_UNAVAILABLE` the runtime lacks what the named provider needs
 * - `IDENTITY_PERMISSIONS` others than its owner can read the key file, or
 *   system or runtime refuse access to it
 * - `IDENTITY_INVALID` the key file does not hold an identity
 * - `IDENTITY_EXISTS` a key file is never overwritten
 * - `IDENTITY_NOT_FOUND` there is no key file at that path
 * - `STATE` called out of order, or without what that step needs
 */
export type CryptoErrorCode =
  | "UNSUPPORTED_PROTOCOL"
  | "HANDSHAKE_FAILED"
  | "INVALID_KEY"
  | "INVALID_LENGTH"
  | "NONCE_EXHAUSTED"
  | "WEAK_PUBLIC_KEY"
  | "PROVIDER_UNAVAILABLE"
  | "IDENTITY_PERMISSIONS"
  | "IDENTITY_INVALID"
  | "IDENTITY_EXISTS"
  | "IDENTITY_NOT_FOUND"
  | "STATE";

/** An operation on keys, handshakes or sealed bytes failed. */
export class CryptoError extends MxpError<CryptoErrorCode> {}

/**
 * Refuses bytes that do not have the one size an operation takes.
 *
 * @param subject What the bytes are, for the message.
 * @param bytes The bytes.
 * @param length The size they must have.
 * @param code Which code to throw.
 * @throws {CryptoError} `code` when the size differs.
 */
export function requireLength(
  subject: string,
  bytes: Uint8Array,
  length: number,
  code: CryptoErrorCode = "INVALID_LENGTH",
): void {
  if (bytes.length !== length) {
    throw new CryptoError(
      code,
      `${subject}: expected ${length} bytes, got ${bytes.length}`,
    );
  }
}

/**
 * Refuses to use a key that was wiped: an all-zero key would seal for everyone.
 *
 * @param key The key, or `undefined` after a wipe.
 * @returns The key.
 * @throws {CryptoError} `STATE` after a wipe.
 */
export function requireUnwiped<T>(key: T | undefined): T {
  if (key === undefined) throw new CryptoError("STATE", "Key: it was wiped");
  return key;
}
