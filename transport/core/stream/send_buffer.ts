/**
 * Bytes of a stream between `write` and their acknowledgement.
 *
 * @module
 */
import { assert } from "../../../internal/assert.ts";
import { copyBytes } from "../../../internal/byte_pool.ts";
import type { ByteWriter } from "../../../internal/byte_writer.ts";

/** Largest chunk that is allocated ahead of what a write needs, in bytes. */
const MAX_CHUNK_BYTES = 16_384;

/** Released chunks at the front of the list before it is moved up. */
const COMPACT_AFTER = 32;

interface Chunk {
  /** Offset of its first byte in the stream. */
  readonly start: number;
  /** Its bytes, and room for more. */
  readonly bytes: Uint8Array;
  /** How many bytes are in it. */
  length: number;
}

/**
 * A list of chunks. The first write of an idle stream gets a chunk of its own
 * size; later ones share chunks that grow, so many small writes cost no more
 * than one large one.
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
    const last = chunks[chunks.length - 1];
    if (
      last !== undefined && last.bytes.length - last.length >= bytes.length
    ) {
      last.bytes.set(bytes, last.length);
      last.length += bytes.length;
    } else {
      chunks.push({
        start: this.#end,
        bytes: copyWithRoom(bytes, last),
        length: bytes.length,
      });
    }
    this.#end += bytes.length;
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
    if (offset === this.#end) {
      this.#chunks = [];
      this.#head = 0;
      return;
    }
    while (chunks[this.#head]!.start + chunks[this.#head]!.length <= offset) {
      this.#head++;
    }
    if (this.#head > COMPACT_AFTER && this.#head * 2 > chunks.length) {
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

function copyWithRoom(bytes: Uint8Array, last: Chunk | undefined): Uint8Array {
  const capacity = last === undefined
    ? bytes.length
    : Math.min(2 * last.bytes.length, MAX_CHUNK_BYTES);
  if (capacity <= bytes.length) return copyBytes(bytes);
  const chunk = new Uint8Array(capacity);
  chunk.set(bytes);
  return chunk;
}
