/**
 * Ephemeral keys made ahead, in time that nobody waits for.
 *
 * A key serves one handshake. It is made and dropped here, never stored.
 *
 * @module
 */
import {
  type AgreementKey,
  importAgreementKey,
  type ProviderName,
  wipe,
  X25519_KEY_LENGTH,
} from "../../crypto/mod.ts";
import type { RandomSource } from "../../internal/random_source.ts";

/** Keys that wait for a handshake. */
export const MAX_KEYS_AHEAD = 2;

/** The ephemeral keys of one endpoint. */
export class EphemeralKeys {
  readonly #random: RandomSource;
  readonly #provider: ProviderName | undefined;
  readonly #keys: AgreementKey[] = [];
  /** Nothing is made before a first handshake, and after the end. */
  #isWanted = false;

  /**
   * Starts without keys.
   *
   * @param random Where private keys come from.
   * @param provider Which implementation of X25519.
   */
  constructor(random: RandomSource, provider: ProviderName | undefined) {
    this.#random = random;
    this.#provider = provider;
  }

  /** Whether there is something to be made ahead. */
  get isShort(): boolean {
    return this.#isWanted && this.#keys.length < MAX_KEYS_AHEAD;
  }

  /**
   * Takes a key out: it is for one handshake, and wiped by who takes it.
   *
   * @returns A key, or `undefined` when none was made ahead.
   */
  take(): AgreementKey | undefined {
    this.#isWanted = true;
    return this.#keys.pop();
  }

  /** Makes one key, if one is missing. */
  prepare(): void {
    if (!this.isShort) return;
    const privateKey = new Uint8Array(X25519_KEY_LENGTH);
    this.#random.fillSecret(privateKey);
    const key = importAgreementKey(privateKey, this.#provider);
    wipe(privateKey);
    // It is computed when somebody asks for it: now, and not when it has to leave.
    void key.publicKey;
    this.#keys.push(key);
  }

  /** Forgets every key; none is made before the next handshake. */
  wipe(): void {
    this.#isWanted = false;
    for (const key of this.#keys.splice(0)) key.wipe();
  }
}
