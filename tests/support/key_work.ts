/**
 * Counts what X25519 costs: in a handshake, or whoever makes others compute.
 *
 * @module
 */
import type { AgreementKey } from "../../crypto/mod.ts";
import type { CryptoProvider } from "../../crypto/provider/provider.ts";
import { selectProvider } from "../../crypto/provider/select.ts";

/** How much was computed with keys. */
export interface KeyWork {
  /** Diffie-Hellmans. */
  agreements: number;
  /** Public keys, of private ones. */
  publicKeys: number;
  /** Keys that were wiped. */
  wipes: number;
}

/** A key that counts what is computed with it. */
class CountedKey implements AgreementKey {
  readonly #key: AgreementKey;
  readonly #work: KeyWork;
  #hasPublicKey = false;

  constructor(key: AgreementKey, work: KeyWork) {
    this.#key = key;
    this.#work = work;
  }

  get publicKey(): Uint8Array {
    if (!this.#hasPublicKey) this.#work.publicKeys++;
    this.#hasPublicKey = true;
    return this.#key.publicKey;
  }

  agree(publicKey: Uint8Array): Uint8Array | undefined {
    this.#work.agreements++;
    return this.#key.agree(publicKey);
  }

  wipe(): void {
    this.#work.wipes++;
    this.#key.wipe();
  }
}

/**
 * Counts the work of keys that are imported meanwhile.
 *
 * @param run Gets a function that says how much there was since the last time.
 */
export function countKeyWork(run: (takeWork: () => KeyWork) => void): void {
  const provider: {
    importAgreementKey: CryptoProvider["importAgreementKey"];
  } = selectProvider("x25519");
  const { importAgreementKey } = provider;
  const none = { agreements: 0, publicKeys: 0, wipes: 0 };
  const work = { ...none };
  provider.importAgreementKey = (privateKey) =>
    new CountedKey(importAgreementKey(privateKey), work);
  try {
    run(() => {
      const taken = { ...work };
      Object.assign(work, none);
      return taken;
    });
  } finally {
    provider.importAgreementKey = importAgreementKey;
  }
}
