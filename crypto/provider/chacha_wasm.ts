/**
 * The WebAssembly module of ChaCha20-Poly1305 and its memory: see
 * `../wasm/chacha20_poly1305.as.ts` for the source.
 *
 * @module
 */
import { CHACHA20_POLY1305_RELAXED_WASM_BASE64 } from "../wasm/chacha20_poly1305_relaxed_wasm.gen.ts";
import { CHACHA20_POLY1305_WASM_BASE64 } from "../wasm/chacha20_poly1305_wasm.gen.ts";
import {
  instantiate,
  type WebAssemblyLike,
} from "../../internal/wasm_instance.ts";

/** Functions of the module. A call wipes the key that it used. */
interface ChaChaExports {
  readonly memory: WebAssembly.Memory;
  readonly KEY: WebAssembly.Global;
  readonly NONCE: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly AREA_LENGTH: WebAssembly.Global;
  /** Seals `length` bytes at the address `text`, in place; the tag follows them. */
  seal(
    nonce: number,
    data: number,
    dataLength: number,
    text: number,
    length: number,
  ): void;
  /** Opens into another address: 0, and nothing left there, when the tag is wrong. */
  open(
    nonce: number,
    data: number,
    dataLength: number,
    text: number,
    length: number,
    output: number,
  ): number;
}

/** An instance, its memory, and its addresses as plain numbers. */
export interface ChaChaModule {
  /** The functions. */
  readonly exports: ChaChaExports;
  /** The whole memory. It never grows, so that one view of it serves for good. */
  readonly memory: Uint8Array;
  /** Where the 32-byte key goes. */
  readonly keyAt: number;
  /** Where a 12-byte nonce goes that stands nowhere else in memory. */
  readonly nonceAt: number;
  /** Where associated data and text go. */
  readonly inputAt: number;
  /** Where opened text goes. */
  readonly outputAt: number;
  /** Size of input and of output, in bytes. */
  readonly areaLength: number;
}

/**
 * Creates an instance, synchronously.
 *
 * @param platform The platform's `WebAssembly`, where it has one.
 * @returns The instance, or `undefined` where WebAssembly or its SIMD
 * instructions are missing or forbidden.
 */
export function instantiateChaCha(
  platform: WebAssemblyLike | undefined,
): ChaChaModule | undefined {
  // Relaxed SIMD saves a tenth, and not every engine has it.
  const instance =
    instantiate(platform, CHACHA20_POLY1305_RELAXED_WASM_BASE64) ??
      instantiate(platform, CHACHA20_POLY1305_WASM_BASE64);
  if (instance === undefined) return undefined;
  const exports = instance as unknown as ChaChaExports;
  return {
    exports,
    memory: new Uint8Array(exports.memory.buffer),
    keyAt: exports.KEY.value,
    nonceAt: exports.NONCE.value,
    inputAt: exports.INPUT.value,
    outputAt: exports.OUTPUT.value,
    areaLength: exports.AREA_LENGTH.value,
  };
}
