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

/** Blocks of one size. */
export class BlockPool {
  readonly #blockBytes: number;
  readonly #maxFree: number;
  readonly #free: Uint8Array[] = [];

  /**
   * Starts with none.
   *
   * @param blockBytes Size of a block.
   * @param maxFree How many are kept for the next use, at most.
   */
  constructor(blockBytes: number, maxFree: number) {
    this.#blockBytes = blockBytes;
    this.#maxFree = maxFree;
  }

  /** @returns A block, which holds anything. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.#blockBytes);
  }

  /** @param block From `take`; nobody looks at it any more. */
  release(block: Uint8Array): void {
    poison(block);
    if (this.#free.length < this.#maxFree) this.#free.push(block);
  }
}

/** Size of a block of a stream: what the largest packet of a loopback carries. */
export const BLOCK_BYTES = 32_768;

/** Blocks of streams that are kept for the next use, at most: 4 MiB. */
export const MAX_FREE_BLOCKS = 128;

const blocks = new BlockPool(BLOCK_BYTES, MAX_FREE_BLOCKS);

/**
 * Takes a block for a stream.
 *
 * @returns {@linkcode BLOCK_BYTES} bytes, which hold anything.
 */
export function takeBlock(): Uint8Array {
  return blocks.take();
}

/**
 * Gives a block back.
 *
 * @param block From {@linkcode takeBlock}; nobody looks at it any more.
 */
export function releaseBlock(block: Uint8Array): void {
  blocks.release(block);
}
