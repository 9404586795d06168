/**
 * The native provider: the runtime's own `node:crypto`.
 *
 * Keys are imported once into the runtime's key objects, which costs as much
 * as sealing a small packet. The runtime keeps its copy until it collects the
 * object: that copy cannot be wiped from here.
 *
 * @module
 */
import type * as NodeCrypto from "node:crypto";
import { builtinModule } from "../../internal/builtin_module.ts";
import { isAllZero, isEqualConstantTime, wipe } from "../constant_time.ts";
import { requireLength, requireUnwiped } from "../error.ts";
import { AeadBase } from "./aead_base.ts";
import { openedLength, sealedLength } from "./packet_length.ts";
import {
  AEAD_TAG_LENGTH,
  type AeadSuite,
  type AgreementKey,
  type CryptoProvider,
  type PacketAead,
  type Primitive,
  X25519_KEY_LENGTH,
} from "./provider.ts";

type Module = typeof NodeCrypto;

/** DER before the 32 bytes of an X25519 private key in PKCS #8 (RFC 8410 §7). */
const PKCS8_HEAD = Uint8Array.from(
  [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32],
);
/** DER before the 32 bytes of an X25519 public key (RFC 8410 §4). */
const SPKI_HEAD = Uint8Array.from(
  [48, 42, 48, 5, 6, 3, 43, 101, 110, 3, 33, 0],
);

const AEAD_OPTIONS = { authTagLength: AEAD_TAG_LENGTH };

class NativeAead extends AeadBase {
  readonly #module: Module;
  readonly #suite: NodeCrypto.CipherGCMTypes;
  #key: NodeCrypto.KeyObject | undefined;

  constructor(module: Module, suite: AeadSuite, key: Uint8Array) {
    super();
    this.#module = module;
    // The types know the options of the tag for names of GCM only.
    this.#suite = suite as NodeCrypto.CipherGCMTypes;
    this.#key = module.createSecretKey(key);
  }

  override sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number {
    const length = sealedLength(nonce, plaintext, into);
    const cipher = this.#module.createCipheriv(
      this.#suite,
      requireUnwiped(this.#key),
      nonce,
      AEAD_OPTIONS,
    );
    if (associatedData.length > 0) cipher.setAAD(associatedData);
    // The runtime's result is a buffer of its own, so an overlap is harmless.
    if (plaintext.length > 0) into.set(cipher.update(plaintext));
    cipher.final();
    into.set(cipher.getAuthTag(), plaintext.length);
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
    const decipher = this.#module.createDecipheriv(
      this.#suite,
      requireUnwiped(this.#key),
      nonce,
      AEAD_OPTIONS,
    );
    if (associatedData.length > 0) decipher.setAAD(associatedData);
    decipher.setAuthTag(ciphertextAndTag.subarray(length));
    const plaintext = length > 0
      ? decipher.update(ciphertextAndTag.subarray(0, length))
      : undefined;
    try {
      decipher.final();
    } catch {
      wipe(plaintext); // never hand out what did not authenticate
      return -1;
    }
    if (plaintext !== undefined) into.set(plaintext);
    return length;
  }

  override wipe(): void {
    this.#key = undefined;
  }
}

/** Gives the runtime's object for the 32 bytes of a public key. */
type ImportPublicKey = (publicKey: Uint8Array) => NodeCrypto.KeyObject;

/**
 * A handshake agrees with the same ephemeral key twice, one time right after the
 * other. The object of the last one is kept: to make it is a quarter of an agreement
 * where code is cold.
 */
function createPublicKeyImport(module: Module): ImportPublicKey {
  const der = new Uint8Array(SPKI_HEAD.length + X25519_KEY_LENGTH);
  der.set(SPKI_HEAD);
  const bytes = der.subarray(SPKI_HEAD.length);
  let last: NodeCrypto.KeyObject | undefined;
  return (publicKey) => {
    if (last !== undefined && isEqualConstantTime(bytes, publicKey)) {
      return last;
    }
    // A shorter one would be completed with what is left of the last.
    requireLength("Public key", publicKey, bytes.length, "INVALID_KEY");
    bytes.set(publicKey);
    last = undefined;
    return last = module.createPublicKey({
      // The types ask for a `Buffer`; every runtime takes a `Uint8Array`.
      key: der as NodeCrypto.PublicKeyInput["key"] & Uint8Array,
      format: "der",
      type: "spki",
    });
  };
}

class NativeAgreementKey implements AgreementKey {
  readonly #module: Module;
  #privateKey: NodeCrypto.KeyObject | undefined;
  readonly #importPublic: ImportPublicKey;
  #publicKey: Uint8Array | undefined;

  constructor(
    module: Module,
    importPublic: ImportPublicKey,
    privateKey: Uint8Array,
  ) {
    this.#module = module;
    this.#importPublic = importPublic;
    const der = new Uint8Array(PKCS8_HEAD.length + privateKey.length);
    der.set(PKCS8_HEAD);
    der.set(privateKey, PKCS8_HEAD.length);
    this.#privateKey = module.createPrivateKey({
      key: der as NodeCrypto.PrivateKeyInput["key"] & Uint8Array,
      format: "der",
      type: "pkcs8",
    });
    wipe(der);
  }

  get publicKey(): Uint8Array {
    if (this.#publicKey === undefined) {
      const der = this.#module.createPublicKey(
        // The types leave out that a public key is made from a private one.
        requireUnwiped(
          this.#privateKey,
        ) as unknown as NodeCrypto.PublicKeyInput,
      ).export({ format: "der", type: "spki" });
      this.#publicKey = new Uint8Array(der.subarray(SPKI_HEAD.length));
    }
    return this.#publicKey;
  }

  agree(publicKey: Uint8Array): Uint8Array | undefined {
    const privateKey = requireUnwiped(this.#privateKey);
    let shared: Uint8Array;
    try {
      shared = this.#module.diffieHellman({
        privateKey,
        publicKey: this.#importPublic(publicKey),
      });
    } catch {
      return undefined; // sizes were checked: the library refused a weak point
    }
    const secret = new Uint8Array(shared);
    wipe(shared);
    return isAllZero(secret) ? undefined : secret;
  }

  wipe(): void {
    this.#privateKey = undefined;
  }
}

/**
 * Known answers that a runtime must give before it is trusted with a suite:
 * the tag of nothing, under a key and nonce of zeros.
 */
const EMPTY_TAG: Readonly<Record<AeadSuite, string>> = {
  "chacha20-poly1305": "4eb972c9a8fb3a1b382bb4d36f5ffad1",
  "aes-256-gcm": "530f8afbc74536b9a963b4f1c4cb738b",
};

function tryPrimitive(module: Module, primitive: Primitive): boolean {
  try {
    if (primitive === "x25519") {
      const key = new NativeAgreementKey(
        module,
        createPublicKeyImport(module),
        new Uint8Array(32).fill(1),
      );
      return key.agree(key.publicKey)?.length === 32;
    }
    const into = new Uint8Array(AEAD_TAG_LENGTH);
    const none = new Uint8Array();
    const aead = new NativeAead(module, primitive, new Uint8Array(32));
    const nonce = new Uint8Array(12);
    aead.sealInto(nonce, none, none, into);
    return hex(into) === EMPTY_TAG[primitive] &&
      aead.openInto(nonce, none, into, none) === 0;
  } catch {
    return false; // Bun has no ChaCha20-Poly1305, for one
  }
}

/**
 * Finds out what the runtime offers, by trying each primitive once.
 *
 * @returns The provider, or `undefined` where there is no `node:crypto`.
 */
export function createNativeProvider(): CryptoProvider | undefined {
  const module = builtinModule("node:crypto") as Module | undefined;
  if (module === undefined) return undefined;
  const primitives: Primitive[] = [
    "chacha20-poly1305",
    "aes-256-gcm",
    "x25519",
  ];
  const available = new Set(
    primitives.filter((primitive) => tryPrimitive(module, primitive)),
  );
  const importPublic = createPublicKeyImport(module);
  return {
    name: "native",
    has: (primitive): boolean => available.has(primitive),
    createAead: (suite, key): PacketAead => new NativeAead(module, suite, key),
    importAgreementKey: (privateKey): AgreementKey =>
      new NativeAgreementKey(module, importPublic, privateKey),
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
