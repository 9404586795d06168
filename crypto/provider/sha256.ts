/**
 * SHA-256 and its HMAC, behind one interface: WebAssembly where there is any,
 * JavaScript elsewhere.
 *
 * The runtime's own was measured too: making its hash object costs as much as
 * JavaScript needs for the few blocks that a protocol hashes.
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { SHA256_WASM_BASE64 } from "../wasm/sha256_wasm.gen.ts";
import {
  instantiate,
  type WebAssemblyLike,
} from "../../internal/wasm_instance.ts";

const BLOCK_LENGTH = 64;
const DIGEST_LENGTH = 32;

/** An implementation of SHA-256. */
export interface Sha256 {
  /** Hashes the concatenation of `parts`; the digest is the caller's. */
  hash(parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC of the concatenation of `parts`; the tag is the caller's. */
  hmac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
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
};

interface Sha256Exports {
  readonly memory: WebAssembly.Memory;
  readonly DIGEST: WebAssembly.Global;
  readonly KEY: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_LENGTH: WebAssembly.Global;
  begin(): void;
  update(): void;
  finish(length: number, totalLength: number): void;
  hmac(length: number): void;
}

class WasmSha256 implements Sha256 {
  readonly #exports: Sha256Exports;
  readonly #memory: Uint8Array;
  readonly #keyAt: number;
  readonly #digestAt: number;
  readonly #inputAt: number;
  readonly #inputEnd: number;

  constructor(exports: Sha256Exports) {
    this.#exports = exports;
    this.#memory = new Uint8Array(exports.memory.buffer);
    this.#keyAt = exports.KEY.value;
    this.#digestAt = exports.DIGEST.value;
    this.#inputAt = exports.INPUT.value;
    this.#inputEnd = this.#inputAt + exports.INPUT_LENGTH.value;
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

  /** A loop: `slice` takes three times as long for 32 bytes. */
  #digest(): Uint8Array {
    const digest = new Uint8Array(DIGEST_LENGTH);
    const memory = this.#memory, digestAt = this.#digestAt;
    for (let i = 0; i < DIGEST_LENGTH; i++) digest[i] = memory[digestAt + i]!;
    return digest;
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
