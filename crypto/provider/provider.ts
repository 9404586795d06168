/**
 * What an implementation of the primitives offers: the one interface that the
 * native and the portable provider share.
 *
 * @module
 */

/** An authenticated cipher with a 32-byte key, 12-byte nonce and 16-byte tag. */
export type AeadSuite = "chacha20-poly1305" | "aes-256-gcm";

/**
 * An implementation: `native` is the runtime's own (`node:crypto`), `wasm` is
 * ChaCha20-Poly1305 in WebAssembly and the best of the others for the rest,
 * `libcrypto` is the system's OpenSSL where `--allow-ffi` is granted, for the
 * ciphers, and `portable` is JavaScript and runs anywhere.
 */
export type ProviderName = "native" | "wasm" | "libcrypto" | "portable";

/** Size of an AEAD key, in bytes. */
export const AEAD_KEY_LENGTH = 32;
/** Size of an AEAD nonce, in bytes. */
export const AEAD_NONCE_LENGTH = 12;
/** Size of an AEAD tag, in bytes. */
export const AEAD_TAG_LENGTH = 16;
/** Size of an X25519 private key, public key or shared secret, in bytes. */
export const X25519_KEY_LENGTH = 32;

/**
 * An authenticated cipher bound to one key. It keeps no nonce and counts no
 * use: whoever holds it never repeats a nonce and replaces the key in time.
 */
export interface PacketAead {
  /**
   * Seals `plaintext` into `into`: ciphertext, then the 16-byte tag.
   *
   * @param nonce 12 bytes, never used before with this key.
   * @param associatedData Authenticated, not encrypted; borrowed.
   * @param plaintext What to seal; borrowed.
   * @param into At least `plaintext.length + 16` bytes. It may start at the
   * same byte as `plaintext`, to seal in place; no other overlap is allowed.
   * @returns How many bytes were written.
   * @throws {CryptoError} `INVALID_LENGTH` for a nonce that is not 12 bytes or
   * an `into` that is too small.
   */
  sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number;

  /**
   * Opens `ciphertextAndTag` into `into`.
   *
   * @param nonce 12 bytes.
   * @param associatedData What was authenticated beside the ciphertext.
   * @param ciphertextAndTag What to open; borrowed. Anything shorter than a
   * tag does not open.
   * @param into At least `ciphertextAndTag.length - 16` bytes. It may start at
   * the same byte as the input, to open in place. Untouched on failure.
   * @returns How many bytes were written, or -1 when the tag is wrong.
   * @throws {CryptoError} `INVALID_LENGTH` for a nonce that is not 12 bytes or
   * an `into` that is too small: mistakes of the caller, never of the peer.
   */
  openInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
    into: Uint8Array,
  ): number;

  /**
   * Seals a packet in place, without a view of the buffer: a header whose last
   * 12 bytes are the nonce and that is the associated data as a whole, the
   * plaintext, and room for the tag.
   *
   * @param buffer Holds the packet.
   * @param offset Where the header starts.
   * @param headerLength Size of the header, at least 12 bytes.
   * @param plaintextLength Size of the plaintext; 16 bytes must follow it.
   * @throws {CryptoError} `INVALID_LENGTH` where the buffer is too small.
   */
  sealPacket(
    buffer: Uint8Array,
    offset: number,
    headerLength: number,
    plaintextLength: number,
  ): void;

  /**
   * Opens what {@linkcode PacketAead.sealPacket} sealed.
   *
   * @param header The plain header; borrowed.
   * @param buffer Holds ciphertext and tag; not changed unless it is `into`.
   * @param offset Where the ciphertext starts.
   * @param sealedLength Size of ciphertext and tag. Less than a tag does not open.
   * @param into At least `sealedLength - 16` bytes. Untouched on failure.
   * @returns How many bytes were written, or -1 when the tag is wrong.
   * @throws {CryptoError} `INVALID_LENGTH` for a header shorter than a nonce,
   * for bytes that `buffer` does not have, or an `into` that is too small.
   */
  openPacket(
    header: Uint8Array,
    buffer: Uint8Array,
    offset: number,
    sealedLength: number,
    into: Uint8Array,
  ): number;

  /** Forgets the key as far as the runtime allows: later calls throw `STATE`. */
  wipe(): void;
}

/** An X25519 private key that a provider has imported once, for many uses. */
export interface AgreementKey {
  /** The 32-byte public key, computed at its first use; do not modify. */
  readonly publicKey: Uint8Array;

  /**
   * X25519 with a peer's public key.
   *
   * @param publicKey 32 bytes; borrowed.
   * @returns The 32-byte shared secret, owned by the caller, or `undefined`
   * when it would be all-zero.
   */
  agree(publicKey: Uint8Array): Uint8Array | undefined;

  /** Forgets the private key as far as the runtime allows: later calls throw `STATE`. */
  wipe(): void;
}

/** What can be asked of a provider. */
export type Primitive = AeadSuite | "x25519";

/** An implementation of the primitives. Sizes were checked by the caller. */
export interface CryptoProvider {
  /** Which implementation this is. */
  readonly name: ProviderName;
  /** Whether it has the primitive, as tried once. */
  has(primitive: Primitive): boolean;
  /** Binds a 32-byte key, which is copied. */
  createAead(suite: AeadSuite, key: Uint8Array): PacketAead;
  /** Imports a 32-byte private key, which is copied. */
  importAgreementKey(privateKey: Uint8Array): AgreementKey;
}
