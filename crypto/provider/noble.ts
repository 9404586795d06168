/**
 * The portable provider: JavaScript, on every runtime.
 *
 * `@noble/ciphers` and `@noble/curves` rather than our own code: audited, and
 * tested against the same published vectors.
 *
 * @module
 */
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { isAllZero, wipe } from "../constant_time.ts";
import { requireUnwiped } from "../error.ts";
import { AeadBase } from "./aead_base.ts";
import { openedLength, sealedLength } from "./packet_length.ts";
import type {
  AeadSuite,
  AgreementKey,
  CryptoProvider,
  PacketAead,
} from "./provider.ts";

/** What is sealed or opened with. */
interface SealOptions {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** A cipher of the library; `into` is as long as what is written. */
interface Cipher {
  seal(options: SealOptions, plaintext: Uint8Array, into: Uint8Array): void;
  /** Throws when the tag is wrong. */
  open(options: SealOptions, sealed: Uint8Array, into: Uint8Array): void;
}

/** ChaCha20-Poly1305 (RFC 8439): writes straight into the caller's buffer. */
const CHACHA: Cipher = {
  seal({ key, nonce, associatedData }, plaintext, into) {
    chacha20poly1305(key, nonce, associatedData).encrypt(plaintext, into);
  },
  open({ key, nonce, associatedData }, sealed, into) {
    chacha20poly1305(key, nonce, associatedData).decrypt(sealed, into);
  },
};

/** AES-256-GCM (SP 800-38D): the library allocates its result, so it is copied. */
const GCM: Cipher = {
  seal({ key, nonce, associatedData }, plaintext, into) {
    into.set(gcm(key, nonce, associatedData).encrypt(plaintext));
  },
  open({ key, nonce, associatedData }, sealed, into) {
    const plaintext = gcm(key, nonce, associatedData).decrypt(sealed);
    into.set(plaintext);
    wipe(plaintext);
  },
};

class PortableAead extends AeadBase {
  readonly #cipher: Cipher;
  #key: Uint8Array | undefined;

  constructor(cipher: Cipher, key: Uint8Array) {
    super();
    this.#cipher = cipher;
    // Not `slice()`: that of Node's `Buffer` gives a view.
    this.#key = new Uint8Array(key);
  }

  override sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number {
    const length = sealedLength(nonce, plaintext, into);
    const key = requireUnwiped(this.#key);
    const options = { key, nonce, associatedData };
    this.#cipher.seal(options, plaintext, exact(into, length));
    return length;
  }

  override openInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
    into: Uint8Array,
  ): number {
    const length = openedLength(nonce, ciphertextAndTag, into);
    if (length < 0) return -1;
    const key = requireUnwiped(this.#key);
    const options = { key, nonce, associatedData };
    try {
      this.#cipher.open(options, ciphertextAndTag, exact(into, length));
    } catch {
      return -1; // the lengths were checked: only the tag is left to be wrong
    }
    return length;
  }

  override wipe(): void {
    wipe(this.#key);
    this.#key = undefined;
  }
}

class PortableAgreementKey implements AgreementKey {
  #privateKey: Uint8Array | undefined;
  #publicKey: Uint8Array | undefined;

  constructor(privateKey: Uint8Array) {
    // Not `slice()`, as above.
    this.#privateKey = new Uint8Array(privateKey);
  }

  get publicKey(): Uint8Array {
    return this.#publicKey ??= x25519.getPublicKey(
      requireUnwiped(this.#privateKey),
    );
  }

  agree(publicKey: Uint8Array): Uint8Array | undefined {
    const privateKey = requireUnwiped(this.#privateKey);
    let secret: Uint8Array;
    try {
      secret = x25519.getSharedSecret(privateKey, publicKey);
    } catch {
      return undefined; // sizes were checked: the library refused a weak point
    }
    return isAllZero(secret) ? undefined : secret;
  }

  wipe(): void {
    wipe(this.#privateKey);
    this.#privateKey = undefined;
  }
}

/** The portable provider. */
export const PORTABLE_PROVIDER: CryptoProvider = {
  name: "portable",
  has: (): boolean => true,
  createAead: (suite: AeadSuite, key: Uint8Array): PacketAead =>
    new PortableAead(suite === "aes-256-gcm" ? GCM : CHACHA, key),
  importAgreementKey: (privateKey: Uint8Array): AgreementKey =>
    new PortableAgreementKey(privateKey),
};

function exact(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.length === length ? bytes : bytes.subarray(0, length);
}
