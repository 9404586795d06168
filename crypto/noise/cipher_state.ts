/**
 * The `CipherState` of Noise (§5.1): a key and a counting nonce.
 *
 * @module
 */
import { createPacketAead } from "../aead.ts";
import { wipe } from "../constant_time.ts";
import { CryptoError, requireLength } from "../error.ts";
import {
  AEAD_KEY_LENGTH,
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type AeadSuite,
  type PacketAead,
  type ProviderName,
} from "../provider/provider.ts";

const NONE = new Uint8Array();

/**
 * Last nonce that is used. Noise allows 2^64 - 2; this is where a JavaScript
 * number stops counting, 285 years of a million messages a second.
 */
const MAX_NONCE = Number.MAX_SAFE_INTEGER;

/** How a {@linkcode CipherState} is made. */
export interface CipherStateOptions {
  /** Which cipher. */
  readonly suite: AeadSuite;
  /** 32 bytes, copied; without it bytes pass through unchanged. */
  readonly key?: Uint8Array | undefined;
  /**
   * Which implementation.
   *
   * @default {the fastest one here}
   */
  readonly provider?: ProviderName | undefined;
}

/** Seals or opens messages in order, one nonce after the other. */
export class CipherState {
  readonly #suite: AeadSuite;
  readonly #provider: ProviderName | undefined;
  readonly #key = new Uint8Array(AEAD_KEY_LENGTH);
  readonly #nonceBytes = new Uint8Array(AEAD_NONCE_LENGTH);
  #hasKey = false;
  #nonce = 0;
  /** Made at the first use: a handshake replaces keys that it never used. */
  #aead: PacketAead | undefined;

  /**
   * Starts at nonce 0.
   *
   * @param options Cipher, key and provider.
   * @throws {CryptoError} `INVALID_KEY` when the key is not 32 bytes.
   */
  constructor(options: CipherStateOptions) {
    this.#suite = options.suite;
    this.#provider = options.provider;
    if (options.key !== undefined) this.initializeKey(options.key);
  }

  /** Whether there is a key. */
  get hasKey(): boolean {
    return this.#hasKey;
  }

  /** The nonce of the next message. */
  get nonce(): number {
    return this.#nonce;
  }

  /**
   * Sets the nonce of the next message, for transports that reorder. Going
   * back to a nonce that has sealed something destroys all security.
   *
   * @param nonce An integer from 0 to 2^53 - 1.
   * @throws {CryptoError} `INVALID_LENGTH` for any other number.
   */
  setNonce(nonce: number): void {
    if (!Number.isSafeInteger(nonce) || nonce < 0) {
      throw new CryptoError(
        "INVALID_LENGTH",
        `Nonce: ${nonce} is out of range`,
      );
    }
    this.#nonce = nonce;
  }

  /**
   * Replaces the key and starts at nonce 0.
   *
   * @param key 32 bytes; copied.
   * @throws {CryptoError} `INVALID_KEY` when it is not 32 bytes.
   */
  initializeKey(key: Uint8Array): void {
    requireLength("Cipher key", key, AEAD_KEY_LENGTH, "INVALID_KEY");
    this.#dropAead();
    this.#key.set(key);
    this.#hasKey = true;
    this.#nonce = 0;
  }

  /**
   * Seals a message under the next nonce.
   *
   * @param associatedData Authenticated, not encrypted.
   * @param plaintext What to seal; borrowed.
   * @returns Ciphertext and 16-byte tag, owned by the caller; a plain copy
   * while there is no key.
   * @throws {CryptoError} `NONCE_EXHAUSTED`.
   */
  seal(associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (!this.#hasKey) return plaintext.slice();
    const nonce = this.#nextNonce();
    const sealed = new Uint8Array(plaintext.length + AEAD_TAG_LENGTH);
    this.#cipher().sealInto(nonce, associatedData, plaintext, sealed);
    this.#nonce++;
    return sealed;
  }

  /**
   * Opens a message under the next nonce, which is kept when the tag is wrong.
   *
   * @param associatedData What was authenticated beside the ciphertext.
   * @param ciphertext Ciphertext and tag; borrowed.
   * @returns The plaintext, owned by the caller; `undefined` when the tag is
   * wrong or the input is shorter than one. A plain copy while there is no key.
   * @throws {CryptoError} `NONCE_EXHAUSTED`.
   */
  open(
    associatedData: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array | undefined {
    if (!this.#hasKey) return ciphertext.slice();
    const nonce = this.#nextNonce();
    if (ciphertext.length < AEAD_TAG_LENGTH) return undefined;
    const opened = new Uint8Array(ciphertext.length - AEAD_TAG_LENGTH);
    const cipher = this.#cipher();
    if (cipher.openInto(nonce, associatedData, ciphertext, opened) < 0) {
      return undefined;
    }
    this.#nonce++;
    return opened;
  }

  /**
   * Replaces the key by a one-way function of itself (Noise §4.2, `REKEY`).
   * The nonce goes on.
   *
   * @throws {CryptoError} `STATE` while there is no key.
   */
  rekey(): void {
    if (!this.#hasKey) throw new CryptoError("STATE", "Rekey: there is no key");
    const nonce = new Uint8Array(AEAD_NONCE_LENGTH).fill(0xff, 4);
    const sealed = new Uint8Array(AEAD_KEY_LENGTH + AEAD_TAG_LENGTH);
    const zeros = sealed.subarray(0, AEAD_KEY_LENGTH);
    this.#cipher().sealInto(nonce, NONE, zeros, sealed);
    this.#dropAead();
    this.#key.set(sealed.subarray(0, AEAD_KEY_LENGTH));
    wipe(sealed);
  }

  /**
   * Copies the state, so that a message that fails leaves the original as it was.
   *
   * @returns A state of its own with the same key and nonce.
   */
  clone(): CipherState {
    const copy = new CipherState({
      suite: this.#suite,
      key: this.#hasKey ? this.#key : undefined,
      provider: this.#provider,
    });
    copy.#nonce = this.#nonce;
    return copy;
  }

  /** Forgets the key. The state then fails with `NONCE_EXHAUSTED`. */
  wipe(): void {
    this.#dropAead();
    wipe(this.#key);
    // Without a key it would pass plaintext through: worse than to fail.
    this.#hasKey = true;
    this.#nonce = MAX_NONCE;
  }

  #cipher(): PacketAead {
    return this.#aead ??= createPacketAead(
      this.#suite,
      this.#key,
      this.#provider,
    );
  }

  #dropAead(): void {
    this.#aead?.wipe();
    this.#aead = undefined;
  }

  #nextNonce(): Uint8Array {
    if (this.#nonce >= MAX_NONCE) {
      throw new CryptoError("NONCE_EXHAUSTED", "Cipher: every nonce was used");
    }
    const bytes = this.#nonceBytes;
    const view = new DataView(bytes.buffer);
    const high = Math.floor(this.#nonce / 0x100000000);
    const low = this.#nonce >>> 0;
    // Noise §12.3, §12.4: ChaChaPoly counts little-endian, AESGCM big-endian.
    if (this.#suite === "chacha20-poly1305") {
      view.setUint32(4, low, true);
      view.setUint32(8, high, true);
    } else {
      view.setUint32(4, high);
      view.setUint32(8, low);
    }
    return bytes;
  }
}
