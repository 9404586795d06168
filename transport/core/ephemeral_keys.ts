/**
 * Ephemeral keys made ahead, in time that nobody waits for: the key pair of a
 * handshake, and for a peer that is likely to be met again what the pair shares
 * with its static key.
 *
 * A key serves one handshake. It is made and dropped here, never stored.
 *
 * @module
 */
import {
  type AgreementKey,
  importAgreementKey,
  isEqualConstantTime,
  type ProviderName,
  wipe,
  X25519_KEY_LENGTH,
} from "../../crypto/mod.ts";
import type { RandomSource } from "../../internal/random_source.ts";

/** Keys that wait for a handshake with anybody. */
export const MAX_KEYS_AHEAD = 2;

/** Peers for each of which a key waits: some 0.5 KB each, and 0.1 ms to make it. */
export const MAX_EXPECTED_PEERS = 32;

/** A key pair, and maybe what it shares with one peer. */
class KeyAhead implements AgreementKey {
  readonly publicKey: Uint8Array;
  readonly #key: AgreementKey;
  readonly #peer: Uint8Array | undefined;
  #secret: Uint8Array | undefined;

  constructor(key: AgreementKey, peer: Uint8Array | undefined) {
    this.publicKey = key.publicKey;
    this.#key = key;
    this.#peer = peer;
    this.#secret = peer && key.agree(peer);
  }

  agree(publicKey: Uint8Array): Uint8Array | undefined {
    const isKnown = this.#secret !== undefined &&
      isEqualConstantTime(this.#peer!, publicKey);
    return isKnown ? this.#secret!.slice() : this.#key.agree(publicKey);
  }

  wipe(): void {
    this.#key.wipe();
    wipe(this.#secret);
    this.#secret = undefined;
  }
}

/** A peer that is likely to be met, and its key once it was made. */
interface ExpectedPeer {
  readonly peer: Uint8Array;
  key: KeyAhead | undefined;
}

/** The ephemeral keys of one endpoint. */
export class EphemeralKeys {
  readonly #random: RandomSource;
  readonly #provider: ProviderName | undefined;
  readonly #keys: KeyAhead[] = [];
  /** By the peer's public key, expected longest ago first. */
  readonly #byPeer = new Map<string, ExpectedPeer>();
  /** Peers without a key so far: asked for after every flush. */
  #missingCount = 0;
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
    return this.#isWanted &&
      (this.#keys.length < MAX_KEYS_AHEAD || this.#missingCount > 0);
  }

  /**
   * Takes a key out: it is for one handshake, and wiped by who takes it.
   *
   * @param peer The other end's static key, if it is known by now.
   * @returns A key, or `undefined` when none was made ahead.
   */
  take(peer?: Uint8Array): AgreementKey | undefined {
    this.#isWanted = true;
    const expected = peer !== undefined && this.#byPeer.size > 0
      ? this.#takeExpected(nameOf(peer))
      : undefined;
    return expected?.key ?? this.#keys.pop();
  }

  /**
   * A connection to a peer is likely to follow.
   *
   * @param peer Its static public key.
   */
  expect(peer: Uint8Array): void {
    const name = nameOf(peer);
    if (!this.#isWanted || this.#byPeer.has(name)) return;
    this.#byPeer.set(name, { peer: peer.slice(), key: undefined });
    this.#missingCount++;
    if (this.#byPeer.size <= MAX_EXPECTED_PEERS) return;
    const [oldest] = this.#byPeer.keys();
    this.#takeExpected(oldest!)?.key?.wipe();
  }

  /** Makes one key, if one is missing. */
  prepare(): void {
    if (!this.#isWanted) return;
    for (const expected of this.#byPeer.values()) {
      if (expected.key !== undefined) continue;
      expected.key = this.#make(expected.peer);
      this.#missingCount--;
      return;
    }
    if (this.#keys.length < MAX_KEYS_AHEAD) this.#keys.push(this.#make());
  }

  /** Forgets every key; none is made before the next handshake. */
  wipe(): void {
    this.#isWanted = false;
    for (const key of this.#keys.splice(0)) key.wipe();
    for (const { key } of this.#byPeer.values()) key?.wipe();
    this.#byPeer.clear();
    this.#missingCount = 0;
  }

  #takeExpected(name: string): ExpectedPeer | undefined {
    const expected = this.#byPeer.get(name);
    if (expected === undefined) return undefined;
    this.#byPeer.delete(name);
    if (expected.key === undefined) this.#missingCount--;
    return expected;
  }

  #make(peer?: Uint8Array): KeyAhead {
    const privateKey = new Uint8Array(X25519_KEY_LENGTH);
    this.#random.fillSecret(privateKey);
    const key = importAgreementKey(privateKey, this.#provider);
    wipe(privateKey);
    return new KeyAhead(key, peer);
  }
}

function nameOf(peer: Uint8Array): string {
  return String.fromCharCode(...peer);
}
