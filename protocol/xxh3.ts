/**
 * The checksum of every message: XXH3-64 with seed 0 and the default secret.
 *
 * WebAssembly with SIMD where the runtime has it, plain TypeScript elsewhere:
 * the choice is made once, when this module is loaded, and does not change the
 * result.
 *
 * It finds accidents, not attacks: anybody can compute it.
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { createScalarXxh3, type Xxh3 } from "./xxh3_scalar.ts";
import { createWasmXxh3 } from "./xxh3_wasm.ts";

const implementation: Xxh3 = createWasmXxh3() ?? createScalarXxh3();

/**
 * Memory for bytes that are about to be hashed: those at its start are hashed
 * where they are, any others are copied to it first. 131,072 bytes, shared by
 * everybody: what was written here stays until anything is hashed that lies
 * elsewhere, and a view of a part of it counts as elsewhere.
 *
 * @example Usage
 * ```ts
 * import { CHECKSUM_MEMORY, encodeMessageInto, MessageType } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const length = encodeMessageInto({
 *   type: MessageType.EVENT,
 *   flags: 0,
 *   messageId: 1n,
 *   traceId: 2n,
 *   payload: new Uint8Array([3]),
 * }, CHECKSUM_MEMORY);
 * const message = CHECKSUM_MEMORY.slice(0, length);
 * assert.equal(message.length, 41);
 * ```
 */
export const CHECKSUM_MEMORY: Uint8Array = implementation.memory;

const halves: Uint32Array = new Uint32Array(2);

/**
 * Computes XXH3-64.
 *
 * @param bytes Any number of bytes; borrowed for the call.
 * @returns The hash, an unsigned 64-bit number.
 *
 * @example Usage
 * ```ts
 * import { xxh3_64 } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * assert.equal(xxh3_64(new Uint8Array(0)), 0x2d06800538d394c2n);
 * ```
 */
export function xxh3_64(bytes: Uint8Array): bigint {
  implementation.hashInto(bytes, 0, bytes.length, halves);
  return BigInt(halves[1]!) << 32n | BigInt(halves[0]!);
}

/**
 * Computes XXH3-64 of a part of a buffer without allocating and without
 * `bigint`, for the path that every message takes.
 *
 * @param bytes The buffer; borrowed for the call.
 * @param start Index of the first byte to hash.
 * @param end Index after the last byte to hash.
 * @param into Receives the low half at index 0 and the high half at index 1.
 * @throws {ProtocolError} `INVALID_VALUE` when `start` and `end` are not a range inside `bytes`.
 */
export function xxh3_64Halves(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Uint32Array,
): void {
  if (!(start >= 0 && start <= end && end <= bytes.length)) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `XXH3 range: ${start} to ${end} is not inside ${bytes.length} bytes`,
    );
  }
  implementation.hashInto(bytes, start, end, into);
}
