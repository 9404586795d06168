/**
 * A static key that serves many handshakes.
 *
 * Importing the private key, computing its public key, and the one secret that
 * two static keys share are the same work in every handshake between two ends:
 * a third of what it costs. This keeps the results.
 *
 * @module
 */
import { wipe } from "./constant_time.ts";
import { requireUnwiped } from "./error.ts";
import type { AgreementKey, ProviderName } from "./provider/provider.ts";
import { agree, importAgreementKey } from "./x25519.ts";

/** Peers whose shared secret is kept: 32 bytes and a name each. */
export const MAX_REMEMBERED_PEERS = 1_024;

/** How a {@linkcode StaticKey} is made. */
export interface StaticKeyOptions {
  /**
   * Which implementation.
   *
   * @default {the fastest one here}
   */
  readonly provider?: ProviderName | undefined;
  /**
   * How many peers' secrets are kept; the one used longest ago goes first.
   *
   * @default {1,024}
   */
  readonly maxRememberedPeers?: number | undefined;
}

/**
 * Our static key, imported once. It holds secrets for as long as it lives, no
 * more dangerous than the private key itself, from which they follow.
 *
 * @example Usage
 * ```ts
 * import { StaticKey, publicKeyOf } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const privateKey = new Uint8Array(32).fill(7);
 * const key = new StaticKey(privateKey);
 * assert.deepEqual(key.publicKey, publicKeyOf(privateKey));
 * key.wipe();
 * ```
 */
export class StaticKey {
  readonly #maxRememberedPeers: number;
  /** By the peer's public key; used longest ago first. */
  readonly #secrets = new Map<string, Uint8Array>();
  #key: AgreementKey | undefined;

  /**
   * Imports a private key.
   *
   * @param privateKey 32 bytes; copied.
   * @param options Provider and bound.
   * @throws {CryptoError} `INVALID_KEY` when it is not 32 bytes,
   * `PROVIDER_UNAVAILABLE` when the named provider has no X25519.
   */
  constructor(privateKey: Uint8Array, options: StaticKeyOptions = {}) {
    this.#maxRememberedPeers = options.maxRememberedPeers ??
      MAX_REMEMBERED_PEERS;
    this.#key = importAgreementKey(privateKey, options.provider);
  }

  /** The 32-byte public key; do not modify. */
  get publicKey(): Uint8Array {
    return requireUnwiped(this.#key).publicKey;
  }

  /** How many peers' secrets are kept. */
  get rememberedCount(): number {
    return this.#secrets.size;
  }

  /**
   * Agrees on a secret; nothing is kept.
   *
   * @param publicKey 32 bytes; borrowed.
   * @returns The 32-byte shared secret, owned by the caller.
   * @throws {CryptoError} `INVALID_KEY` when the public key is not 32 bytes,
   * `WEAK_PUBLIC_KEY` when the secret would be all-zero, `STATE` after a wipe.
   */
  agree(publicKey: Uint8Array): Uint8Array {
    return agree(requireUnwiped(this.#key), publicKey);
  }

  /**
   * Agrees on a secret with a peer's static key, which may be remembered.
   *
   * @param publicKey 32 bytes; borrowed.
   * @returns The 32-byte shared secret, owned by the caller.
   * @throws {CryptoError} As {@linkcode StaticKey.agree}.
   */
  agreeStatic(publicKey: Uint8Array): Uint8Array {
    return this.#secrets.get(nameOf(publicKey))?.slice() ??
      this.agree(publicKey);
  }

  /**
   * Remembers the secret that is shared with a peer. Only for a peer that has
   * proven its key: what anyone can claim must not push out what is used.
   *
   * @param publicKey The peer's static key; borrowed.
   * @param secret What {@linkcode StaticKey.agreeStatic} returned for it; copied.
   * @throws {CryptoError} `STATE` after a wipe.
   */
  remember(publicKey: Uint8Array, secret: Uint8Array): void {
    requireUnwiped(this.#key);
    const name = nameOf(publicKey);
    const known = this.#secrets.get(name);
    this.#secrets.delete(name);
    this.#secrets.set(name, known ?? secret.slice());
    if (this.#secrets.size <= this.#maxRememberedPeers) return;
    for (const [oldest, forgotten] of this.#secrets) {
      wipe(forgotten);
      this.#secrets.delete(oldest);
      return;
    }
  }

  /** Forgets the private key and every secret: later calls throw `STATE`. */
  wipe(): void {
    this.#key?.wipe();
    this.#key = undefined;
    wipe(...this.#secrets.values());
    this.#secrets.clear();
  }
}

/** A public key as a key of a map: one character for each byte. */
function nameOf(publicKey: Uint8Array): string {
  return String.fromCharCode(...publicKey);
}
