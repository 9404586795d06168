/**
 * The provider over the system's OpenSSL: both ciphers at the speed of the
 * processor's own instructions, several times that of WebAssembly for large
 * packets. Only where `--allow-ffi` is granted already.
 *
 * A cipher holds two contexts of the library, one to seal and one to open, made
 * at the first use. They are wiped and freed by `wipe`, or when the cipher is
 * collected.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import { wipe } from "../constant_time.ts";
import { requireUnwiped } from "../error.ts";
import { AeadBase } from "./aead_base.ts";
import type { Handle, Libcrypto } from "./libcrypto_library.ts";
import { openedLength, sealedLength } from "./packet_length.ts";
import {
  AEAD_KEY_LENGTH,
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type AeadSuite,
  type CryptoProvider,
  type PacketAead,
} from "./provider.ts";

/** `EVP_CTRL_AEAD_GET_TAG`. */
const GET_TAG = 0x10;
/** `EVP_CTRL_AEAD_SET_TAG`. */
const SET_TAG = 0x11;
const OK = 1;

const SUITES: readonly AeadSuite[] = ["chacha20-poly1305", "aes-256-gcm"];

/**
 * Largest packet that is opened here, in bytes: a UDP datagram. What is opened
 * lies in memory of this size until its tag was found to be right.
 */
const MAX_OPENED_BYTES = 65_536;

/**
 * ChaCha20-Poly1305 of fewer bytes is left to the other provider, if there is
 * one: five calls into the library, a tenth of a microsecond each, cost more
 * than they save. Measured beside WebAssembly: 1.2 and 0.8 µs at 64 bytes, 1.0
 * and 1.4 at 600.
 */
const MIN_CHACHA_BYTES = 512;

/** A context of the library, which has to be given back. */
interface Context {
  handle: Handle;
}

/** What one provider's ciphers share. */
interface Shared {
  readonly library: Libcrypto;
  /** Serves what is too large. */
  readonly rest: CryptoProvider;
  /** Where packets are opened: nobody sees what is wrong. */
  readonly scratch: Uint8Array<ArrayBuffer>;
  readonly unwiped: FinalizationRegistry<readonly Context[]>;
}

class LibcryptoAead extends AeadBase {
  readonly #shared: Shared;
  readonly #suite: AeadSuite;
  readonly #sealing: Context = { handle: null };
  readonly #opening: Context = { handle: null };
  #key: Uint8Array<ArrayBuffer> | undefined;
  /** Serves what is too large; made at its first use. */
  #large: PacketAead | undefined;

  constructor(shared: Shared, suite: AeadSuite, key: Uint8Array) {
    super();
    this.#shared = shared;
    this.#suite = suite;
    this.#key = new Uint8Array(key);
    shared.unwiped.register(this, [this.#sealing, this.#opening], this);
  }

  override sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number {
    const sealed = sealedLength(nonce, plaintext, into);
    const key = requireUnwiped(this.#key);
    const { functions, scrap } = this.#shared.library;
    const { length } = plaintext;
    const context = this.#sealing.handle ?? this.#open(this.#sealing, key);
    let result = functions
      .EVP_EncryptInit_ex(context, null, null, null, bytesOf(nonce));
    if (associatedData.length > 0) {
      result &= functions.EVP_EncryptUpdate(
        context,
        null,
        scrap,
        bytesOf(associatedData),
        associatedData.length,
      );
    }
    if (length > 0) {
      result &= functions.EVP_EncryptUpdate(
        context,
        bytesOf(into),
        scrap,
        bytesOf(plaintext),
        length,
      );
    }
    result &= functions.EVP_EncryptFinal_ex(context, scrap, scrap);
    result &= functions.EVP_CIPHER_CTX_ctrl(
      context,
      GET_TAG,
      AEAD_TAG_LENGTH,
      bytesOf(into.subarray(length, sealed)),
    );
    assert(result === OK, "the library seals");
    return sealed;
  }

  override openInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
    into: Uint8Array,
  ): number {
    const length = openedLength(nonce, ciphertextAndTag, into);
    const key = requireUnwiped(this.#key);
    if (length < 0) return -1;
    if (length > MAX_OPENED_BYTES) {
      this.#large ??= this.#shared.rest.createAead(this.#suite, key);
      return this.#large
        .openInto(nonce, associatedData, ciphertextAndTag, into);
    }
    const { scratch } = this.#shared;
    const isRight = this.#decrypt(key, nonce, associatedData, ciphertextAndTag);
    const opened = scratch.subarray(0, length);
    if (isRight) into.set(opened);
    opened.fill(0);
    return isRight ? length : -1;
  }

  override wipe(): void {
    wipe(this.#key);
    this.#key = undefined;
    this.#large?.wipe();
    this.#large = undefined;
    this.#shared.unwiped.unregister(this);
    free(this.#shared.library, this.#sealing);
    free(this.#shared.library, this.#opening);
  }

  /** @returns Whether the tag is right; the plaintext is in the scratch, right or not. */
  #decrypt(
    key: Uint8Array<ArrayBuffer>,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): boolean {
    const { library, scratch } = this.#shared;
    const { functions, scrap } = library;
    const length = ciphertextAndTag.length - AEAD_TAG_LENGTH;
    const context = this.#opening.handle ?? this.#open(this.#opening, key);
    let result = functions
      .EVP_DecryptInit_ex(context, null, null, null, bytesOf(nonce));
    if (associatedData.length > 0) {
      result &= functions.EVP_DecryptUpdate(
        context,
        null,
        scrap,
        bytesOf(associatedData),
        associatedData.length,
      );
    }
    if (length > 0) {
      result &= functions.EVP_DecryptUpdate(
        context,
        scratch,
        scrap,
        bytesOf(ciphertextAndTag),
        length,
      );
    }
    result &= functions.EVP_CIPHER_CTX_ctrl(
      context,
      SET_TAG,
      AEAD_TAG_LENGTH,
      bytesOf(ciphertextAndTag.subarray(length)),
    );
    assert(result === OK, "the library decrypts");
    return functions.EVP_DecryptFinal_ex(context, scrap, scrap) === OK;
  }

  /** Makes a context that knows cipher and key. */
  #open(into: Context, key: Uint8Array<ArrayBuffer>): Handle {
    const { functions, ciphers } = this.#shared.library;
    const handle = functions.EVP_CIPHER_CTX_new();
    assert(handle !== null, "the library has memory for a context");
    into.handle = handle;
    const cipher = ciphers[this.#suite];
    const result = into === this.#sealing
      ? functions.EVP_EncryptInit_ex(handle, cipher, null, key, null)
      : functions.EVP_DecryptInit_ex(handle, cipher, null, key, null);
    assert(result === OK, "the library takes the key");
    return handle;
  }
}

/** Small packets with one cipher, large ones with another, under one key. */
class SizedAead extends AeadBase {
  readonly #small: PacketAead;
  readonly #large: PacketAead;
  readonly #minLargeBytes: number;

  constructor(small: PacketAead, large: PacketAead, minLargeBytes: number) {
    super();
    this.#minLargeBytes = minLargeBytes;
    this.#small = small;
    this.#large = large;
  }

  override sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number {
    return this.#for(plaintext.length)
      .sealInto(nonce, associatedData, plaintext, into);
  }

  override openInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
    into: Uint8Array,
  ): number {
    return this.#for(ciphertextAndTag.length - AEAD_TAG_LENGTH)
      .openInto(nonce, associatedData, ciphertextAndTag, into);
  }

  override sealPacket(
    buffer: Uint8Array,
    offset: number,
    headerLength: number,
    plaintextLength: number,
  ): void {
    this.#for(plaintextLength)
      .sealPacket(buffer, offset, headerLength, plaintextLength);
  }

  override openPacket(
    header: Uint8Array,
    buffer: Uint8Array,
    offset: number,
    sealedLength: number,
    into: Uint8Array,
  ): number {
    return this.#for(sealedLength - AEAD_TAG_LENGTH)
      .openPacket(header, buffer, offset, sealedLength, into);
  }

  override wipe(): void {
    this.#small.wipe();
    this.#large.wipe();
  }

  #for(length: number): PacketAead {
    return length < this.#minLargeBytes ? this.#small : this.#large;
  }
}

function free(library: Libcrypto, context: Context): void {
  library.functions.EVP_CIPHER_CTX_free(context.handle); // null is fine
  context.handle = null;
}

/** The library takes no shared memory; no caller has any. */
function bytesOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** Whether it gives what another provider gives: a build for FIPS lacks a cipher. */
function isTrusted(
  shared: Shared,
  reference: CryptoProvider,
  suite: AeadSuite,
): boolean {
  const key = new Uint8Array(AEAD_KEY_LENGTH).fill(1);
  const nonce = new Uint8Array(AEAD_NONCE_LENGTH).fill(2);
  const text = new Uint8Array(MIN_CHACHA_BYTES).fill(3);
  const expected = new Uint8Array(text.length + AEAD_TAG_LENGTH);
  const given = new Uint8Array(expected.length);
  reference.createAead(suite, key).sealInto(nonce, key, text, expected);
  const aead = new LibcryptoAead(shared, suite, key);
  try {
    aead.sealInto(nonce, key, text, given);
    return given.every((byte, index) => byte === expected[index]) &&
      aead.openInto(nonce, key, given, text) === text.length;
  } catch {
    return false; // it says in its results that it cannot
  } finally {
    aead.wipe();
  }
}

/**
 * Makes the provider.
 *
 * @param library The library.
 * @param rest Has every primitive: serves what the library does not, and is what
 * the library is tried against.
 * @param minChachaBytes Plaintext below which ChaCha20-Poly1305 is left to `rest`.
 * @returns The provider; `undefined` when the library has neither cipher.
 */
export function createLibcryptoProvider(
  library: Libcrypto,
  rest: CryptoProvider,
  minChachaBytes: number = MIN_CHACHA_BYTES,
): CryptoProvider | undefined {
  const shared: Shared = {
    library,
    rest,
    scratch: new Uint8Array(MAX_OPENED_BYTES),
    unwiped: new FinalizationRegistry((contexts) => {
      for (const context of contexts) free(library, context);
    }),
  };
  const suites: readonly AeadSuite[] = SUITES
    .filter((suite) => isTrusted(shared, rest, suite));
  if (suites.length === 0) return undefined;
  return {
    name: "libcrypto",
    has: (primitive): boolean => rest.has(primitive),
    createAead: (suite, key): PacketAead => {
      if (!suites.includes(suite)) return rest.createAead(suite, key);
      const aead = new LibcryptoAead(shared, suite, key);
      return suite === "chacha20-poly1305"
        ? new SizedAead(rest.createAead(suite, key), aead, minChachaBytes)
        : aead;
    },
    importAgreementKey: (privateKey) => rest.importAgreementKey(privateKey),
  };
}
