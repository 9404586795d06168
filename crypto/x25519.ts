/**
 * X25519 (RFC 7748) and the key pairs made for it.
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";
import { CryptoError, requireLength } from "./error.ts";
import {
  type AgreementKey,
  type ProviderName,
  X25519_KEY_LENGTH,
} from "./provider/provider.ts";
import { selectProvider } from "./provider/select.ts";

/** An X25519 key pair. */
export interface KeyPair {
  /** 32 secret bytes. */
  readonly privateKey: Uint8Array;
  /** 32 bytes to give away. */
  readonly publicKey: Uint8Array;
}

/**
 * Imports a private key for repeated use: the native provider keeps it as a
 * key object, which saves most of the cost of a single agreement's set-up.
 *
 * @param privateKey 32 bytes; copied.
 * @param provider Which implementation; by default the fastest one here.
 * @returns The imported key.
 * @throws {CryptoError} `INVALID_KEY` when it is not 32 bytes,
 * `PROVIDER_UNAVAILABLE` when the named provider has no X25519.
 */
export function importAgreementKey(
  privateKey: Uint8Array,
  provider?: ProviderName,
): AgreementKey {
  requireLength("Private key", privateKey, X25519_KEY_LENGTH, "INVALID_KEY");
  return selectProvider("x25519", provider).importAgreementKey(privateKey);
}

/**
 * Agrees on a secret with an imported key.
 *
 * @param key Our private key.
 * @param publicKey The peer's 32-byte public key; borrowed.
 * @returns The 32-byte shared secret, owned by the caller.
 * @throws {CryptoError} `INVALID_KEY` when the public key is not 32 bytes,
 * `WEAK_PUBLIC_KEY` when the secret would be all-zero (RFC 7748 §6.1).
 */
export function agree(key: AgreementKey, publicKey: Uint8Array): Uint8Array {
  requireLength("Public key", publicKey, X25519_KEY_LENGTH, "INVALID_KEY");
  const secret = key.agree(publicKey);
  if (secret === undefined) {
    throw new CryptoError(
      "WEAK_PUBLIC_KEY",
      "Public key: it gives the same secret to everyone",
      { fault: "peer" },
    );
  }
  return secret;
}

/**
 * Agrees on a secret.
 *
 * @param privateKey Our 32-byte private key; borrowed.
 * @param publicKey The peer's 32-byte public key; borrowed.
 * @param provider Which implementation; by default the fastest one here.
 * @returns The 32-byte shared secret. Not uniform: hash it before use.
 * @throws {CryptoError} `INVALID_KEY` for a wrong size, `WEAK_PUBLIC_KEY` when
 * the secret would be all-zero, `PROVIDER_UNAVAILABLE`.
 */
export function x25519(
  privateKey: Uint8Array,
  publicKey: Uint8Array,
  provider?: ProviderName,
): Uint8Array {
  const key = importAgreementKey(privateKey, provider);
  try {
    return agree(key, publicKey);
  } finally {
    key.wipe();
  }
}

/**
 * Computes the public key that belongs to a private key.
 *
 * @param privateKey 32 bytes; borrowed.
 * @param provider Which implementation; by default the fastest one here.
 * @returns The 32-byte public key.
 * @throws {CryptoError} `INVALID_KEY` when the private key is not 32 bytes.
 */
export function publicKeyOf(
  privateKey: Uint8Array,
  provider?: ProviderName,
): Uint8Array {
  const key = importAgreementKey(privateKey, provider);
  const publicKey = key.publicKey;
  key.wipe();
  return publicKey;
}

/**
 * Makes a key pair.
 *
 * @param random Where the 32 secret bytes come from.
 * @param provider Which implementation; by default the fastest one here.
 * @returns A key pair that the caller owns.
 *
 * @example Usage
 * ```ts
 * import { generateKeyPair } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const keyPair = generateKeyPair({
 *   fillPublic: (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 *   fillSecret: (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 * });
 * assert.equal(keyPair.publicKey.length, 32);
 * ```
 */
export function generateKeyPair(
  random: RandomSource,
  provider?: ProviderName,
): KeyPair {
  const privateKey = new Uint8Array(X25519_KEY_LENGTH);
  random.fillSecret(privateKey);
  return { privateKey, publicKey: publicKeyOf(privateKey, provider) };
}
