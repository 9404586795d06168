/**
 * The `SymmetricState` of Noise (§5.2): chaining key, transcript hash and the
 * cipher of the moment.
 *
 * @module
 */
import { wipe } from "../constant_time.ts";
import {
  AEAD_KEY_LENGTH,
  AEAD_TAG_LENGTH,
  type ProviderName,
} from "../provider/provider.ts";
import { CipherState } from "./cipher_state.ts";
import { type NoiseHash, noiseHkdf } from "./noise_hash.ts";
import type { NoiseProtocol } from "./protocol_name.ts";

const NONE = new Uint8Array();
const text = new TextEncoder();

/** What both sides of a handshake have mixed together so far. */
export class SymmetricState {
  readonly #hash: NoiseHash;
  readonly #cipher: CipherState;
  readonly #chainingKey: Uint8Array;
  #transcript: Uint8Array;

  private constructor(
    hash: NoiseHash,
    cipher: CipherState,
    chainingKey: Uint8Array,
    transcript: Uint8Array,
  ) {
    this.#hash = hash;
    this.#cipher = cipher;
    this.#chainingKey = chainingKey;
    this.#transcript = transcript;
  }

  /**
   * Starts from a protocol's name.
   *
   * @param protocol The parsed name.
   * @param provider Which implementation of the cipher.
   * @returns The initial state.
   */
  static initialize(
    protocol: NoiseProtocol,
    provider: ProviderName | undefined,
  ): SymmetricState {
    const { hash, suite } = protocol;
    const name = text.encode(protocol.name);
    let transcript = new Uint8Array(hash.length);
    if (name.length <= hash.length) transcript.set(name);
    else transcript = new Uint8Array(hash.digest(name, NONE));
    const cipher = new CipherState({ suite, provider });
    return new SymmetricState(hash, cipher, transcript.slice(), transcript);
  }

  /** Whether messages are encrypted by now. */
  get hasKey(): boolean {
    return this.#cipher.hasKey;
  }

  /** The transcript hash; replaced, never modified, by what follows. */
  get handshakeHash(): Uint8Array {
    return this.#transcript;
  }

  /** How many bytes sealing adds at this point: 16, or 0 without a key. */
  get overhead(): number {
    return this.#cipher.hasKey ? AEAD_TAG_LENGTH : 0;
  }

  /** Mixes a shared secret into the chaining key; `secret` stays the caller's. */
  mixKey(secret: Uint8Array): void {
    const [chainingKey, key] = noiseHkdf(
      this.#hash,
      this.#chainingKey,
      secret,
      2,
    );
    this.#replace(chainingKey!, key!);
  }

  /** Mixes bytes into the transcript. */
  mixHash(bytes: Uint8Array): void {
    this.#transcript = this.#hash.digest(this.#transcript, bytes);
  }

  /** Mixes a pre-shared key into both (Noise §9.1). */
  mixKeyAndHash(secret: Uint8Array): void {
    const [chainingKey, transcript, key] = noiseHkdf(
      this.#hash,
      this.#chainingKey,
      secret,
      3,
    );
    this.mixHash(transcript!);
    wipe(transcript);
    this.#replace(chainingKey!, key!);
  }

  /** Seals `plaintext` under the transcript, and mixes the result into it. */
  sealAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher.seal(this.#transcript, plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** Opens `ciphertext`; `undefined` when it does not authenticate. */
  openAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#cipher.open(this.#transcript, ciphertext);
    if (plaintext !== undefined) this.mixHash(ciphertext);
    return plaintext;
  }

  /** The two transport keys: initiator to responder, and back. 32 bytes each. */
  split(): [Uint8Array, Uint8Array] {
    const [first, second] = noiseHkdf(this.#hash, this.#chainingKey, NONE, 2);
    // Noise §5.2: a 64-byte output is cut to the size of a key.
    const keys: [Uint8Array, Uint8Array] = [
      first!.slice(0, AEAD_KEY_LENGTH),
      second!.slice(0, AEAD_KEY_LENGTH),
    ];
    wipe(first, second);
    return keys;
  }

  /** A state of its own, so that a failed message can be forgotten. */
  clone(): SymmetricState {
    return new SymmetricState(
      this.#hash,
      this.#cipher.clone(),
      this.#chainingKey.slice(),
      this.#transcript,
    );
  }

  /** Forgets the keys; the transcript hash is not secret and stays. */
  wipe(): void {
    this.#cipher.wipe();
    wipe(this.#chainingKey);
  }

  #replace(chainingKey: Uint8Array, key: Uint8Array): void {
    this.#chainingKey.set(chainingKey);
    this.#cipher.initializeKey(key.subarray(0, AEAD_KEY_LENGTH));
    wipe(chainingKey, key);
  }
}
