/**
 * Authenticated encryption, synchronous, over either provider.
 *
 * {@linkcode createPacketAead} binds a key once and works in the caller's
 * buffers: the hot path. {@linkcode aead} is the plain form, for one seal.
 *
 * @module
 */
import { CryptoError, requireLength } from "./error.ts";
import {
  AEAD_KEY_LENGTH,
  AEAD_TAG_LENGTH,
  type AeadSuite,
  type PacketAead,
  type ProviderName,
} from "./provider/provider.ts";
import { selectProvider } from "./provider/select.ts";

export {
  AEAD_KEY_LENGTH,
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type AeadSuite,
  type PacketAead,
  type ProviderName,
} from "./provider/provider.ts";

/**
 * Binds a key to a cipher.
 *
 * @param suite Which cipher.
 * @param key 32 bytes; copied.
 * @param provider Which implementation; by default the fastest one here.
 * @returns A cipher for any number of packets.
 * @throws {CryptoError} `INVALID_KEY` when the key is not 32 bytes,
 * `UNSUPPORTED_PROTOCOL` for an unknown suite, `PROVIDER_UNAVAILABLE` when the
 * named provider lacks the suite.
 *
 * @example Sealing in place
 * ```ts
 * import { createPacketAead } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const cipher = createPacketAead("chacha20-poly1305", new Uint8Array(32));
 * const nonce = new Uint8Array(12);
 * const header = new Uint8Array(32);
 * const buffer = new Uint8Array(5 + 16);
 * buffer.set([1, 2, 3, 4, 5]);
 *
 * cipher.sealInto(nonce, header, buffer.subarray(0, 5), buffer);
 * assert.equal(cipher.openInto(nonce, header, buffer, buffer), 5);
 * ```
 */
export function createPacketAead(
  suite: AeadSuite,
  key: Uint8Array,
  provider?: ProviderName,
): PacketAead {
  if (suite !== "chacha20-poly1305" && suite !== "aes-256-gcm") {
    throw new CryptoError("UNSUPPORTED_PROTOCOL", `Cipher suite: ${suite}`);
  }
  requireLength("Cipher key", key, AEAD_KEY_LENGTH, "INVALID_KEY");
  return selectProvider(suite, provider).createAead(suite, key);
}

/** An authenticated cipher that takes its key with each call. */
export interface Aead {
  /**
   * Seals `plaintext`.
   *
   * @param key 32 bytes; borrowed.
   * @param nonce 12 bytes, never used before with this key.
   * @param associatedData Authenticated, not encrypted.
   * @param plaintext What to seal.
   * @returns Ciphertext and 16-byte tag, owned by the caller.
   * @throws {CryptoError} `INVALID_KEY` or `INVALID_LENGTH`.
   */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
  ): Uint8Array;
  /**
   * Opens what {@linkcode Aead.seal} gave.
   *
   * @param key 32 bytes; borrowed.
   * @param nonce 12 bytes.
   * @param associatedData What was authenticated beside the ciphertext.
   * @param ciphertextAndTag What to open.
   * @returns The plaintext, owned by the caller; `undefined` when the tag is
   * wrong or the input is shorter than one.
   * @throws {CryptoError} `INVALID_KEY` or `INVALID_LENGTH`.
   */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): Uint8Array | undefined;
}

/**
 * A cipher for single seals. For many seals under one key use
 * {@linkcode createPacketAead}.
 *
 * @param suite Which cipher.
 * @param provider Which implementation; by default the fastest one here.
 * @returns The cipher; it keeps nothing.
 * @throws {CryptoError} `PROVIDER_UNAVAILABLE` when the named provider lacks
 * the suite.
 */
export function aead(suite: AeadSuite, provider?: ProviderName): Aead {
  selectProvider(suite, provider);
  return {
    seal(key, nonce, associatedData, plaintext): Uint8Array {
      const cipher = createPacketAead(suite, key, provider);
      const sealed = new Uint8Array(plaintext.length + AEAD_TAG_LENGTH);
      cipher.sealInto(nonce, associatedData, plaintext, sealed);
      cipher.wipe();
      return sealed;
    },
    open(key, nonce, associatedData, ciphertextAndTag): Uint8Array | undefined {
      const cipher = createPacketAead(suite, key, provider);
      const length = Math.max(0, ciphertextAndTag.length - AEAD_TAG_LENGTH);
      const opened = new Uint8Array(length);
      const written = cipher.openInto(
        nonce,
        associatedData,
        ciphertextAndTag,
        opened,
      );
      cipher.wipe();
      return written < 0 ? undefined : opened;
    },
  };
}
