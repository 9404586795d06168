/**
 * Bytes of a stream between `write` and their acknowledgement.
 *
 * @module
 */
import { assert } from "../../../internal/assert.ts";
import {
  BLOCK_BYTES,
  releaseBlock,
  takeBlock,
} from "../../../internal/block_pool.ts";
import { allocateBytes } from "../../../internal/byte_pool.ts";
import type { ByteWriter } from "../../../internal/byte_writer.ts";

/** Room from which on a chunk is a block that is used again, in bytes. */
const MIN_BLOCK_BYTES = 16_384;

/** Released chunks at the front of the list before it is moved up. */
const COMPACT_AFTER = 32;

/** Bytes that were written one after the other. */
class Chunk {
  /** Offset of its first byte in the stream. */
  readonly start: number;
  /** Its bytes, and room for more. */
  readonly bytes: Uint8Array;
  /** How many bytes are in it. */
  length = 0;

  constructor(start: number, bytes: Uint8Array) {
    this.start = start;
    this.bytes = bytes;
  }
}

/**
 * A list of chunks. The first write of an idle stream gets a chunk of its own
 * size; later ones share chunks that grow, so many small writes cost no more
 * than one large one. Large ones are cut into blocks that are used again.
 */
export class SendBuffer {
  #chunks: Chunk[] = [];
  /** Index of the first chunk that is still held. */
  #head = 0;
  #start = 0;
  #end = 0;

  /** Offset of the first byte that is held. */
  get start(): number {
    return this.#start;
  }

  /** Offset after the last byte that was written. */
  get end(): number {
    return this.#end;
  }

  /** How many bytes are held. */
  get length(): number {
    return this.#end - this.#start;
  }

  /**
   * Appends bytes.
   *
   * @param bytes What was written; copied.
   */
  append(bytes: Uint8Array): void {
    const chunks = this.#chunks;
    let chunk = chunks[chunks.length - 1];
    for (let from = 0; from < bytes.length;) {
      if (chunk === undefined || chunk.length === chunk.bytes.length) {
        chunk = new Chunk(this.#end, makeRoom(bytes.length - from, chunk));
        chunks.push(chunk);
      }
      const count = Math.min(
        bytes.length - from,
        chunk.bytes.length - chunk.length,
      );
      chunk.bytes.set(
        count === bytes.length ? bytes : bytes.subarray(from, from + count),
        chunk.length,
      );
      chunk.length += count;
      from += count;
      this.#end += count;
    }
  }

  /**
   * Copies a stretch into a packet.
   *
   * @param writer Where to write.
   * @param offset First byte, in the stream.
   * @param length How many bytes, all of them held.
   */
  copyInto(writer: ByteWriter, offset: number, length: number): void {
    assert(
      offset >= this.#start && offset + length <= this.#end,
      "Only bytes that are held are sent",
    );
    let index = this.#indexOf(offset);
    let rest = length;
    let from = offset;
    while (rest > 0) {
      const chunk = this.#chunks[index++]!;
      const at = from - chunk.start;
      const count = Math.min(rest, chunk.length - at);
      writer.bytes(
        count === chunk.bytes.length
          ? chunk.bytes
          : chunk.bytes.subarray(at, at + count),
      );
      from += count;
      rest -= count;
    }
  }

  /**
   * Lets go of everything below an offset.
   *
   * @param offset First byte that is still needed.
   */
  release(offset: number): void {
    const chunks = this.#chunks;
    this.#start = offset;
    while (this.#head < chunks.length) {
      const { start, length, bytes } = chunks[this.#head]!;
      if (start + length > offset) break;
      if (bytes.length === BLOCK_BYTES) releaseBlock(bytes);
      this.#head++;
    }
    if (offset === this.#end) {
      this.#chunks = [];
      this.#head = 0;
    } else if (this.#head > COMPACT_AFTER && this.#head * 2 > chunks.length) {
      chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Lets go of everything. */
  clear(): void {
    this.release(this.#end);
  }

  /** Index of the chunk that holds a byte. */
  #indexOf(offset: number): number {
    const chunks = this.#chunks;
    let low = this.#head;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (chunks[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * Makes room for a write.
 *
 * @param byteCount How much of it is left.
 * @param last The chunk before, which is full.
 */
function makeRoom(byteCount: number, last: Chunk | undefined): Uint8Array {
  const wanted = last === undefined
    ? byteCount
    : Math.max(byteCount, 2 * last.bytes.length);
  return wanted >= MIN_BLOCK_BYTES ? takeBlock() : allocateBytes(wanted);
}
