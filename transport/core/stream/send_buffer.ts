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
import { keepHiddenClass } from "../../../internal/hidden_class.ts";

/** Room from which on a chunk is a block that is used again, in bytes. */
const MIN_BLOCK_BYTES = 16_384;

/** Bytes that were written one after the other. */
class Chunk {
  /** Offset of its first byte in the stream. */
  readonly start: number;
  /** Its bytes, and room for more. */
  readonly bytes: Uint8Array;
  /** How many bytes are in it. */
  length = 0;
  /** What was written after them. */
  next: Chunk | undefined;

  constructor(start: number, bytes: Uint8Array) {
    this.start = start;
    this.bytes = bytes;
  }
}

keepHiddenClass(new Chunk(0, new Uint8Array()));

/**
 * A list of chunks. The first write of an idle stream gets a chunk of its own
 * size; later ones share chunks that grow, so many small writes cost no more
 * than one large one. Large ones are cut into blocks that are used again.
 */
export class SendBuffer {
  /** The first chunk that is still held. */
  #first: Chunk | undefined;
  #last: Chunk | undefined;
  /** Where the last stretch ended that was copied: the next one begins there. */
  #copied: Chunk | undefined;
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
    let chunk = this.#last;
    for (let from = 0; from < bytes.length;) {
      if (chunk === undefined || chunk.length === chunk.bytes.length) {
        const room = makeRoom(bytes.length - from, chunk);
        chunk = this.#push(new Chunk(this.#end, room));
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
    let chunk = this.#find(offset);
    let rest = length;
    let from = offset;
    while (rest > 0) {
      assert(chunk !== undefined, "What is held is in the chunks");
      const at = from - chunk.start;
      const count = Math.min(rest, chunk.length - at);
      writer.bytes(
        count === chunk.bytes.length
          ? chunk.bytes
          : chunk.bytes.subarray(at, at + count),
      );
      from += count;
      rest -= count;
      this.#copied = chunk;
      chunk = chunk.next;
    }
  }

  /**
   * Lets go of everything below an offset.
   *
   * @param offset First byte that is still needed.
   */
  release(offset: number): void {
    this.#start = offset;
    let chunk = this.#first;
    while (chunk !== undefined && chunk.start + chunk.length <= offset) {
      if (chunk.bytes.length === BLOCK_BYTES) releaseBlock(chunk.bytes);
      if (chunk === this.#copied) this.#copied = undefined;
      const { next } = chunk;
      // An old one would keep all later ones until the next major collection.
      chunk.next = undefined;
      chunk = next;
    }
    this.#first = chunk;
    if (chunk === undefined) this.#last = undefined;
  }

  /** Lets go of everything. */
  clear(): void {
    this.release(this.#end);
  }

  #push(chunk: Chunk): Chunk {
    if (this.#last === undefined) this.#first = chunk;
    else this.#last.next = chunk;
    this.#last = chunk;
    return chunk;
  }

  /** The chunk that holds a byte. */
  #find(offset: number): Chunk | undefined {
    const copied = this.#copied;
    let chunk = copied !== undefined && copied.start <= offset
      ? copied
      : this.#first;
    while (chunk !== undefined && chunk.start + chunk.length <= offset) {
      chunk = chunk.next;
    }
    return chunk;
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
