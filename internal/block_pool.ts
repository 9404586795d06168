/**
 * Blocks of one size that are used again.
 *
 * A large `ArrayBuffer` is not cheap: it is filled with zeros, and what lies
 * outside of the heap makes the collector run more often, on threads of its own
 * as well. Bytes that nobody but this package sees come from here; what the
 * application is given never does.
 *
 * @module
 */
import { poison } from "./poison.ts";

/** Size of a block: what the largest packet of a loopback carries. */
export const BLOCK_BYTES = 32_768;

/** Blocks that are kept for the next use, at most: 4 MiB. */
export const MAX_FREE_BLOCKS = 128;

const freeBlocks: Uint8Array[] = [];

/**
 * Takes a block.
 *
 * @returns {@linkcode BLOCK_BYTES} bytes, which hold anything.
 */
export function takeBlock(): Uint8Array {
  return freeBlocks.pop() ?? new Uint8Array(BLOCK_BYTES);
}

/**
 * Gives a block back.
 *
 * @param block From {@linkcode takeBlock}; nobody looks at it any more.
 */
export function releaseBlock(block: Uint8Array): void {
  poison(block);
  if (freeBlocks.length < MAX_FREE_BLOCKS) freeBlocks.push(block);
}
