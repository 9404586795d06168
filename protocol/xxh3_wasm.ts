/**
 * XXH3-64 in WebAssembly with SIMD: see `wasm/xxh3.as.ts` for the source.
 *
 * @module
 */
import { instantiate, platformWebAssembly } from "../internal/wasm_instance.ts";
import { XXH3_WASM_BASE64 } from "./wasm/xxh3_wasm.gen.ts";
import type { Xxh3 } from "./xxh3_scalar.ts";

interface Xxh3Exports {
  readonly memory: WebAssembly.Memory;
  readonly RESULT: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_LENGTH: WebAssembly.Global;
  hash(length: number): void;
  begin(): void;
  update(): void;
  finish(length: number, totalLength: number): void;
}

/** What a message has behind the bytes that are hashed. */
const CHECKSUM_LENGTH = 8;

/** Up to here a loop beats `set`, whose cost is in the call. */
const COPY_LOOP_LIMIT = 32;

/**
 * Creates the WebAssembly implementation, synchronously.
 *
 * @returns The implementation, or `undefined` where WebAssembly or its SIMD
 * instructions are missing or forbidden.
 */
export function createWasmXxh3(): Xxh3 | undefined {
  const instance = instantiate(platformWebAssembly(), XXH3_WASM_BASE64);
  if (instance === undefined) return undefined;
  const exports = instance as unknown as Xxh3Exports;
  const inputLength: number = exports.INPUT_LENGTH.value;
  const input = new Uint8Array(
    exports.memory.buffer,
    exports.INPUT.value,
    inputLength,
  );
  const result = new Uint32Array(
    exports.memory.buffer,
    exports.RESULT.value,
    2,
  );

  function load(bytes: Uint8Array, start: number, end: number): void {
    if (bytes === input && start === 0) return;
    if (end - start <= COPY_LOOP_LIMIT) {
      for (let i = start; i < end; i++) input[i - start] = bytes[i]!;
    } else if (start === 0 && bytes.length <= end + CHECKSUM_LENGTH) {
      // A whole message, or all of it: a view would cost as much as the hash.
      input.set(bytes.length <= inputLength ? bytes : bytes.subarray(0, end));
    } else {
      input.set(bytes.subarray(start, end));
    }
  }

  return {
    kind: "wasm",
    memory: input,
    hashInto(bytes, start, end, into): void {
      const length = end - start;
      if (length <= inputLength) {
        load(bytes, start, end);
        exports.hash(length);
      } else {
        exports.begin();
        // The last chunk is never empty: a full block is only mixed once it is
        // known that more follows.
        let at = start;
        for (; end - at > inputLength; at += inputLength) {
          load(bytes, at, at + inputLength);
          exports.update();
        }
        load(bytes, at, end);
        exports.finish(end - at, length);
      }
      into[0] = result[0]!;
      into[1] = result[1]!;
    },
  };
}
