/**
 * What a key encapsulation mechanism offers: the one interface that a hybrid
 * handshake needs. Synchronous, with its randomness handed in, so that a seed
 * repeats a run.
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";

/** A private key of a KEM, for one handshake. */
export interface KemPrivateKey {
  /** The public key that belongs to it; do not modify. */
  readonly publicKey: Uint8Array;

  /**
   * Takes the secret out of a ciphertext.
   *
   * @param ciphertext As many bytes as the KEM says; borrowed.
   * @returns The shared secret, owned by the caller. One that was not made for
   * this key gives a secret that nobody else knows: no error tells (implicit
   * rejection).
   * @throws {CryptoError} `INVALID_LENGTH`, or `STATE` after a wipe.
   */
  decapsulate(ciphertext: Uint8Array): Uint8Array;

  /** Forgets the private key: later calls throw `STATE`. */
  wipe(): void;
}

/** A secret, and what tells it to the owner of a public key. */
export interface Encapsulation {
  /** For the owner of the key. */
  readonly ciphertext: Uint8Array;
  /** 32 bytes, owned by the caller. */
  readonly sharedSecret: Uint8Array;
}

/** A key encapsulation mechanism. */
export interface Kem {
  /** Its name in a Noise protocol name. */
  readonly name: string;
  /** Size of a public key, in bytes. */
  readonly publicKeyLength: number;
  /** Size of a ciphertext, in bytes. */
  readonly ciphertextLength: number;

  /**
   * Makes a key pair.
   *
   * @param random Where its seed comes from.
   * @returns The private key, which holds the public one.
   */
  generateKey(random: RandomSource): KemPrivateKey;

  /**
   * Makes a secret for the owner of a public key.
   *
   * @param publicKey The key; borrowed.
   * @param random Where the secret comes from.
   * @returns Ciphertext and secret.
   * @throws {CryptoError} `INVALID_KEY` for bytes that are no public key.
   */
  encapsulate(publicKey: Uint8Array, random: RandomSource): Encapsulation;
}
