/**
 * ML-KEM-768 (FIPS 203): a key encapsulation that no known quantum computer
 * algorithm breaks.
 *
 * `@noble/post-quantum` does the work: lattice arithmetic in constant time is
 * nothing to write anew, and the runtimes have ML-KEM, where they have it, only
 * behind promises.
 *
 * @module
 */
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { RandomSource } from "../internal/random_source.ts";
import { wipe } from "./constant_time.ts";
import { CryptoError, requireLength, requireUnwiped } from "./error.ts";
import type { Encapsulation, Kem, KemPrivateKey } from "./kem.ts";

/** Size of an ML-KEM-768 public key, in bytes (FIPS 203, table 3). */
export const ML_KEM_PUBLIC_KEY_LENGTH = 1184;
/** Size of an ML-KEM-768 ciphertext, in bytes (FIPS 203, table 3). */
export const ML_KEM_CIPHERTEXT_LENGTH = 1088;
/** Bytes that a key pair is made from: d and z (FIPS 203, algorithm 19). */
const KEY_SEED_LENGTH = 64;
/** Bytes that a secret is made from: m (FIPS 203, algorithm 20). */
const MESSAGE_LENGTH = 32;

class MlKemPrivateKey implements KemPrivateKey {
  readonly publicKey: Uint8Array;
  #secretKey: Uint8Array | undefined;

  constructor(seed: Uint8Array) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    this.publicKey = publicKey;
    this.#secretKey = secretKey;
  }

  decapsulate(ciphertext: Uint8Array): Uint8Array {
    const secretKey = requireUnwiped(this.#secretKey);
    requireLength("ML-KEM ciphertext", ciphertext, ML_KEM_CIPHERTEXT_LENGTH);
    return ml_kem768.decapsulate(ciphertext, secretKey);
  }

  wipe(): void {
    wipe(this.#secretKey);
    this.#secretKey = undefined;
  }
}

/**
 * ML-KEM-768, with the input checks of FIPS 203 §7.
 *
 * @example Usage
 * ```ts
 * import { ML_KEM_768 } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const random = {
 *   fillPublic: (into: Uint8Array) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 *   fillSecret: (into: Uint8Array) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 * };
 * const key = ML_KEM_768.generateKey(random);
 * const { ciphertext, sharedSecret } = ML_KEM_768.encapsulate(key.publicKey, random);
 * assert.deepEqual(key.decapsulate(ciphertext), sharedSecret);
 * ```
 */
export const ML_KEM_768: Kem = {
  name: "MLKEM768",
  publicKeyLength: ML_KEM_PUBLIC_KEY_LENGTH,
  ciphertextLength: ML_KEM_CIPHERTEXT_LENGTH,

  generateKey(random: RandomSource): KemPrivateKey {
    const seed = new Uint8Array(KEY_SEED_LENGTH);
    random.fillSecret(seed);
    const key = new MlKemPrivateKey(seed);
    wipe(seed);
    return key;
  },

  encapsulate(publicKey: Uint8Array, random: RandomSource): Encapsulation {
    requireLength(
      "ML-KEM public key",
      publicKey,
      ML_KEM_PUBLIC_KEY_LENGTH,
      "INVALID_KEY",
    );
    const message = new Uint8Array(MESSAGE_LENGTH);
    random.fillSecret(message);
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(
        publicKey,
        message,
      );
      return { ciphertext: cipherText, sharedSecret };
    } catch (cause) {
      // FIPS 203 §7.2: a coefficient that is not reduced.
      throw new CryptoError(
        "INVALID_KEY",
        "ML-KEM public key: a coefficient is out of range",
        { fault: "peer", cause },
      );
    } finally {
      wipe(message);
    }
  },
};
