/**
 * SHA-256, its HMAC and the derivations that use one key several times, behind
 * one interface: WebAssembly where there is any, JavaScript elsewhere.
 *
 * The runtime's own was measured too: making its hash object costs as much as
 * JavaScript needs for the few blocks that a protocol hashes.
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { assert } from "../../internal/assert.ts";
import { wipe } from "../constant_time.ts";
import { SHA256_WASM_BASE64 } from "../wasm/sha256_wasm.gen.ts";
import {
  instantiate,
  platformWebAssembly,
  type WebAssemblyLike,
} from "../../internal/wasm_instance.ts";

const BLOCK_LENGTH = 64;
const DIGEST_LENGTH = 32;

/** The most tags that {@linkcode Sha256.hmacEach} gives. */
export const MAX_TAGS = 8;

/** The longest text of {@linkcode Sha256.hmacEach}, in bytes: one block with its padding. */
export const MAX_SHORT_TEXT_LENGTH = 55;

/** Texts of at most 55 bytes, each in a place of 64 whose last byte is its length. */
export interface ShortTexts {
  /** All places. */
  readonly bytes: Uint8Array;
  /** How many there are. */
  readonly count: number;
}

/**
 * Lays texts out for {@linkcode Sha256.hmacEach}.
 *
 * @param texts At most {@linkcode MAX_TAGS}, of at most
 * {@linkcode MAX_SHORT_TEXT_LENGTH} bytes each; copied.
 * @returns The texts, for many uses.
 */
export function packShortTexts(texts: readonly Uint8Array[]): ShortTexts {
  assert(texts.length <= MAX_TAGS, "As many texts as there is room for tags");
  const bytes = new Uint8Array(texts.length * BLOCK_LENGTH);
  texts.forEach((text, index) => {
    assert(text.length <= MAX_SHORT_TEXT_LENGTH, "A short text fits a block");
    const at = index * BLOCK_LENGTH;
    bytes.set(text, at);
    bytes[at + BLOCK_LENGTH - 1] = text.length;
  });
  return { bytes, count: texts.length };
}

/** An implementation of SHA-256. */
export interface Sha256 {
  /** Hashes the concatenation of `parts`; the digest is the caller's. */
  hash(parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC of the concatenation of `parts`; the tag is the caller's. */
  hmac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  /**
   * HMAC of each text under one key of at most 64 bytes.
   *
   * @returns The tags one after the other; the caller's.
   */
  hmacEach(key: Uint8Array, texts: ShortTexts): Uint8Array;
  /**
   * HKDF of Noise (revision 34, §4.3): `count` outputs, at most eight, of a
   * chaining key of 32 bytes and at most 64 bytes of input key material.
   *
   * @returns The outputs one after the other; the caller's.
   */
  noiseHkdf(
    chainingKey: Uint8Array,
    inputKeyMaterial: Uint8Array,
    count: number,
  ): Uint8Array;
}

/** In JavaScript. */
export const PORTABLE_SHA256: Sha256 = {
  hash(parts): Uint8Array {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  hmac(key, parts): Uint8Array {
    const mac = hmac.create(sha256, key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },
  hmacEach(key, { bytes, count }): Uint8Array {
    const tags = new Uint8Array(count * DIGEST_LENGTH);
    for (let index = 0; index < count; index++) {
      const at = index * BLOCK_LENGTH;
      const text = bytes.subarray(at, at + bytes[at + BLOCK_LENGTH - 1]!);
      tags.set(this.hmac(key, [text]), index * DIGEST_LENGTH);
    }
    return tags;
  },
  noiseHkdf(chainingKey, inputKeyMaterial, count): Uint8Array {
    const outputs = new Uint8Array(count * DIGEST_LENGTH);
    const temporaryKey = this.hmac(chainingKey, [inputKeyMaterial]);
    const counter = new Uint8Array(1);
    let previous = outputs.subarray(0, 0);
    for (let index = 0; index < count; index++) {
      counter[0] = index + 1;
      const at = index * DIGEST_LENGTH;
      outputs.set(this.hmac(temporaryKey, [previous, counter]), at);
      previous = outputs.subarray(at, at + DIGEST_LENGTH);
    }
    wipe(temporaryKey);
    return outputs;
  },
};

interface Sha256Exports {
  readonly memory: WebAssembly.Memory;
  readonly DIGEST: WebAssembly.Global;
  readonly KEY: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_LENGTH: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  begin(): void;
  update(): void;
  finish(length: number, totalLength: number): void;
  hmac(length: number): void;
  noise(length: number, count: number): void;
  expand(count: number): void;
}

class WasmSha256 implements Sha256 {
  readonly #exports: Sha256Exports;
  readonly #memory: Uint8Array;
  readonly #keyAt: number;
  readonly #digestAt: number;
  readonly #inputAt: number;
  readonly #inputEnd: number;
  readonly #outputAt: number;

  constructor(exports: Sha256Exports) {
    this.#exports = exports;
    this.#memory = new Uint8Array(exports.memory.buffer);
    this.#keyAt = exports.KEY.value;
    this.#digestAt = exports.DIGEST.value;
    this.#inputAt = exports.INPUT.value;
    this.#inputEnd = this.#inputAt + exports.INPUT_LENGTH.value;
    this.#outputAt = exports.OUTPUT.value;
  }

  hash(parts: readonly Uint8Array[]): Uint8Array {
    const exports = this.#exports, inputAt = this.#inputAt;
    exports.begin();
    let at = inputAt;
    let totalLength = 0;
    for (const part of parts) {
      totalLength += part.length;
      if (at + part.length <= this.#inputEnd) {
        this.#memory.set(part, at);
        at += part.length;
        continue;
      }
      for (let start = 0; start < part.length;) {
        if (at === this.#inputEnd) {
          exports.update();
          at = inputAt;
        }
        const end = Math.min(part.length, start + this.#inputEnd - at);
        this.#memory.set(part.subarray(start, end), at);
        at += end - start;
        start = end;
      }
    }
    exports.finish(at - inputAt, totalLength);
    return this.#digest();
  }

  hmac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
    let at = this.#inputAt;
    for (const part of parts) at += part.length;
    if (at > this.#inputEnd) return PORTABLE_SHA256.hmac(key, parts);
    // RFC 2104 §2: a key that is longer than a block is hashed first.
    const blockKey = key.length > BLOCK_LENGTH ? this.hash([key]) : key;
    at = this.#inputAt;
    for (const part of parts) {
      this.#memory.set(part, at);
      at += part.length;
    }
    this.#memory.set(blockKey, this.#keyAt);
    this.#exports.hmac(at - this.#inputAt);
    return this.#digest();
  }

  hmacEach(key: Uint8Array, { bytes, count }: ShortTexts): Uint8Array {
    this.#memory.set(key, this.#keyAt);
    this.#memory.set(bytes, this.#inputAt);
    this.#exports.expand(count);
    return this.#takeOutputs(count);
  }

  noiseHkdf(
    chainingKey: Uint8Array,
    inputKeyMaterial: Uint8Array,
    count: number,
  ): Uint8Array {
    this.#memory.set(chainingKey, this.#keyAt);
    this.#memory.set(inputKeyMaterial, this.#inputAt);
    this.#exports.noise(inputKeyMaterial.length, count);
    return this.#takeOutputs(count);
  }

  #takeOutputs(count: number): Uint8Array {
    const end = this.#outputAt + count * DIGEST_LENGTH;
    const outputs = this.#memory.slice(this.#outputAt, end);
    this.#memory.fill(0, this.#outputAt, end);
    return outputs;
  }

  /** Where code is warm, a loop takes a third of the time; a handshake is cold. */
  #digest(): Uint8Array {
    return this.#memory.slice(this.#digestAt, this.#digestAt + DIGEST_LENGTH);
  }
}

/**
 * Creates the WebAssembly implementation, synchronously.
 *
 * @param platform The platform's `WebAssembly`, where it has one.
 * @returns The implementation, or `undefined` where WebAssembly is missing or
 * forbidden.
 */
export function createWasmSha256(
  platform: WebAssemblyLike | undefined,
): Sha256 | undefined {
  const exports = instantiate(platform, SHA256_WASM_BASE64);
  return exports && new WasmSha256(exports as unknown as Sha256Exports);
}

/** Set at the first use. */
let fastest: Sha256 | undefined;

/** @returns The implementation that serves here; the same one every time. */
export function fastestSha256(): Sha256 {
  return fastest ??= createWasmSha256(platformWebAssembly()) ?? PORTABLE_SHA256;
}
