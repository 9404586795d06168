/**
 * The WebAssembly provider: ChaCha20-Poly1305 with SIMD, for anything up to a
 * datagram. It makes no object for a packet, and objects are most of what a
 * small packet costs with the runtime's own cipher.
 *
 * Bytes are copied into the module's memory and out of it, which was measured
 * as 3 to 7 % of the work. One instance serves all keys of the realm: a key is
 * copied for each call as well, and wiped from there before the call returns.
 *
 * @module
 */
import { wipe } from "../constant_time.ts";
import { requireUnwiped } from "../error.ts";
import { KEY_BYTES } from "../key_bytes.ts";
import { type ChaChaModule, instantiateChaCha } from "./chacha_wasm.ts";
import {
  openedLength,
  packetOpenedLength,
  requirePacketSeal,
  sealedLength,
} from "./packet_length.ts";
import {
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type CryptoProvider,
  type PacketAead,
} from "./provider.ts";
import type { WebAssemblyLike } from "../../internal/wasm_instance.ts";

/** ChaCha20-Poly1305 under one key. */
class WasmChaCha implements PacketAead {
  readonly #module: ChaChaModule;
  readonly #rest: CryptoProvider;
  #key: Uint8Array | undefined;
  /** Serves what does not fit into the module's memory; made at its first use. */
  #large: PacketAead | undefined;

  constructor(module: ChaChaModule, rest: CryptoProvider, key: Uint8Array) {
    this.#module = module;
    this.#rest = rest;
    this.#key = KEY_BYTES.copy(key);
  }

  sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number {
    const sealed = sealedLength(nonce, plaintext, into);
    const key = requireUnwiped(this.#key);
    const { memory, nonceAt, inputAt, areaLength } = this.#module;
    const dataLength = associatedData.length;
    if (dataLength + sealed > areaLength) {
      return this.#cipherForLarge(key)
        .sealInto(nonce, associatedData, plaintext, into);
    }
    const textAt = inputAt + dataLength;
    memory.set(nonce, nonceAt);
    memory.set(associatedData, inputAt);
    memory.set(plaintext, textAt);
    this.#seal(key, nonceAt, dataLength, plaintext.length);
    into.set(memory.subarray(textAt, textAt + sealed));
    return sealed;
  }

  openInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
    into: Uint8Array,
  ): number {
    const length = openedLength(nonce, ciphertextAndTag, into);
    const key = requireUnwiped(this.#key);
    if (length < 0) return -1;
    const { memory, nonceAt, inputAt, areaLength } = this.#module;
    const dataLength = associatedData.length;
    if (dataLength + ciphertextAndTag.length > areaLength) {
      return this.#cipherForLarge(key)
        .openInto(nonce, associatedData, ciphertextAndTag, into);
    }
    memory.set(nonce, nonceAt);
    memory.set(associatedData, inputAt);
    memory.set(ciphertextAndTag, inputAt + dataLength);
    return this.#open(key, nonceAt, dataLength, length, into);
  }

  sealPacket(
    buffer: Uint8Array,
    offset: number,
    headerLength: number,
    plaintextLength: number,
  ): void {
    requirePacketSeal(buffer, offset, headerLength, plaintextLength);
    const key = requireUnwiped(this.#key);
    const { memory, inputAt, areaLength } = this.#module;
    const plainLength = headerLength + plaintextLength;
    if (plainLength + AEAD_TAG_LENGTH > areaLength) {
      this.#cipherForLarge(key)
        .sealPacket(buffer, offset, headerLength, plaintextLength);
      return;
    }
    const textAt = inputAt + headerLength;
    const sealedEnd = textAt + plaintextLength + AEAD_TAG_LENGTH;
    memory.set(buffer.subarray(offset, offset + plainLength), inputAt);
    this.#seal(key, textAt - AEAD_NONCE_LENGTH, headerLength, plaintextLength);
    buffer.set(memory.subarray(textAt, sealedEnd), offset + headerLength);
  }

  openPacket(
    header: Uint8Array,
    buffer: Uint8Array,
    offset: number,
    sealedLength: number,
    into: Uint8Array,
  ): number {
    const length = packetOpenedLength(
      header,
      buffer,
      offset,
      sealedLength,
      into,
    );
    const key = requireUnwiped(this.#key);
    if (length < 0) return -1;
    const { memory, inputAt, areaLength } = this.#module;
    const headerLength = header.length;
    if (headerLength + sealedLength > areaLength) {
      return this.#cipherForLarge(key)
        .openPacket(header, buffer, offset, sealedLength, into);
    }
    const textAt = inputAt + headerLength;
    memory.set(header, inputAt);
    memory.set(buffer.subarray(offset, offset + sealedLength), textAt);
    const nonceAt = textAt - AEAD_NONCE_LENGTH;
    return this.#open(key, nonceAt, headerLength, length, into);
  }

  wipe(): void {
    wipe(this.#key);
    this.#key = undefined;
    this.#large?.wipe();
    this.#large = undefined;
  }

  /** Seals what stands in the input, behind the associated data. */
  #seal(
    key: Uint8Array,
    nonceAt: number,
    dataLength: number,
    length: number,
  ): void {
    const { memory, keyAt, inputAt, exports } = this.#module;
    memory.set(key, keyAt);
    exports.seal(nonceAt, inputAt, dataLength, inputAt + dataLength, length);
  }

  /** Opens what stands in the input, behind the associated data. */
  #open(
    key: Uint8Array,
    nonceAt: number,
    dataLength: number,
    length: number,
    into: Uint8Array,
  ): number {
    const { memory, keyAt, inputAt, outputAt, exports } = this.#module;
    memory.set(key, keyAt);
    const textAt = inputAt + dataLength;
    const isAuthentic = exports
      .open(nonceAt, inputAt, dataLength, textAt, length, outputAt);
    if (isAuthentic === 0) return -1;
    into.set(memory.subarray(outputAt, outputAt + length));
    memory.fill(0, outputAt, outputAt + length);
    return length;
  }

  #cipherForLarge(key: Uint8Array): PacketAead {
    return this.#large ??= this.#rest.createAead("chacha20-poly1305", key);
  }
}

/**
 * Instantiates the module.
 *
 * @param rest Has every other primitive, and serves what is larger than the
 * module's memory.
 * @param platform The platform's `WebAssembly`.
 * @returns The provider, or `undefined` without WebAssembly or its SIMD.
 */
export function createWasmProvider(
  rest: CryptoProvider,
  platform: WebAssemblyLike | undefined,
): CryptoProvider | undefined {
  const module = instantiateChaCha(platform);
  if (module === undefined) return undefined;
  return {
    name: "wasm",
    has: (primitive): boolean => rest.has(primitive),
    createAead: (suite, key): PacketAead =>
      suite === "chacha20-poly1305"
        ? new WasmChaCha(module, rest, key)
        : rest.createAead(suite, key),
    importAgreementKey: (privateKey) => rest.importAgreementKey(privateKey),
  };
}
