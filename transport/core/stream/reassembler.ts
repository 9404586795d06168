/**
 * Puts the bytes of a stream in order.
 *
 * Bytes that arrive in order are copied once, into chunks that grow while
 * nobody reads. Bytes that arrive early are copied into blocks that tile the
 * stream, so memory is bounded by the credit that was granted, however small
 * the pieces are.
 *
 * @module
 */
import { copyBytes } from "../../../internal/byte_pool.ts";
import { Fifo } from "../../../internal/fifo.ts";
import { RangeSet } from "../../../internal/range_set.ts";
import { TransportError } from "../error.ts";

/** Size of the blocks for bytes that arrive early. */
const BLOCK_BYTES = 4_096;

/** Largest chunk that is allocated ahead of what arrives, in bytes. */
const MAX_CHUNK_BYTES = 16_384;

/** Bytes in, in any order and more than once; bytes out, in order and once. */
export class Reassembler {
  /** Complete chunks, older than the tail. */
  #chunks: Fifo<Uint8Array> | undefined;
  #tail: Uint8Array | undefined;
  #tailLength = 0;
  /** Offset after the last byte that is in order. */
  #orderedEnd = 0;
  #readableBytes = 0;
  #early: RangeSet | undefined;
  #blocks: Map<number, Uint8Array> | undefined;

  readonly #maxStretches: number;

  /** @param maxStretches Most separate stretches that wait behind a gap. */
  constructor(maxStretches: number) {
    this.#maxStretches = maxStretches;
  }

  /** Offset after the last byte that arrived without a gap before it. */
  get orderedEnd(): number {
    return this.#orderedEnd;
  }

  /** How many bytes can be read. */
  get readableBytes(): number {
    return this.#readableBytes;
  }

  /**
   * Takes bytes. Where they overlap earlier ones, the first copy stays.
   *
   * @param offset Where they start in the stream.
   * @param data The bytes; borrowed, copied.
   * @throws {TransportError} `LIMIT` when too many stretches wait.
   */
  insert(offset: number, data: Uint8Array): void {
    const end = offset + data.length;
    if (offset > this.#orderedEnd) {
      this.#store(offset, data);
      return;
    }
    while (end > this.#orderedEnd) {
      const stop = Math.min(end, this.#early?.first?.start ?? Infinity);
      this.#append(
        this.#orderedEnd === offset && stop === end
          ? data
          : data.subarray(this.#orderedEnd - offset, stop - offset),
      );
      if (stop < end || this.#early?.first?.start === stop) this.#drain();
    }
  }

  /**
   * Takes the next bytes out.
   *
   * @returns At least one byte, owned by the caller, or `undefined`.
   */
  read(): Uint8Array | undefined {
    let chunk = this.#chunks?.shift();
    if (chunk === undefined) {
      chunk = this.#takeTail();
      if (chunk === undefined) return undefined;
    }
    this.#readableBytes -= chunk.length;
    return chunk;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#chunks = undefined;
    this.#tail = undefined;
    this.#early = undefined;
    this.#blocks = undefined;
    this.#readableBytes = 0;
  }

  #append(data: Uint8Array): void {
    const tail = this.#tail;
    if (tail !== undefined && tail.length - this.#tailLength >= data.length) {
      tail.set(data, this.#tailLength);
      this.#tailLength += data.length;
    } else {
      this.#pushTail();
      const capacity = tail === undefined
        ? 0
        : Math.min(2 * tail.length, MAX_CHUNK_BYTES);
      if (capacity > data.length) {
        this.#tail = new Uint8Array(capacity);
        this.#tail.set(data);
      } else this.#tail = copyBytes(data);
      this.#tailLength = data.length;
    }
    this.#orderedEnd += data.length;
    this.#readableBytes += data.length;
  }

  #takeTail(): Uint8Array | undefined {
    const tail = this.#tail;
    if (tail === undefined) return undefined;
    this.#tail = undefined;
    return this.#tailLength === tail.length
      ? tail
      : tail.subarray(0, this.#tailLength);
  }

  #pushTail(): void {
    const tail = this.#takeTail();
    if (tail === undefined) return;
    this.#chunks ??= new Fifo();
    this.#chunks.push(tail);
  }

  /** Keeps early bytes, leaving out what was kept before. */
  #store(offset: number, data: Uint8Array): void {
    const early = this.#early ??= new RangeSet();
    const end = offset + data.length;
    let from = offset;
    for (const range of early.ranges) {
      if (range.start >= end) break;
      if (range.start > from) {
        this.#copyToBlocks(
          from,
          data.subarray(from - offset, range.start - offset),
        );
      }
      from = Math.max(from, range.end);
    }
    if (from < end) this.#copyToBlocks(from, data.subarray(from - offset));
    early.add(offset, end);
    if (early.rangeCount > this.#maxStretches) {
      throw new TransportError(
        "LIMIT",
        `Stream: more than ${this.#maxStretches} separate stretches wait`,
        { limit: "maxStreamStretches" },
      );
    }
  }

  #copyToBlocks(offset: number, data: Uint8Array): void {
    const blocks = this.#blocks ??= new Map();
    for (let at = 0; at < data.length;) {
      const index = Math.floor((offset + at) / BLOCK_BYTES);
      const inBlock = offset + at - index * BLOCK_BYTES;
      const count = Math.min(data.length - at, BLOCK_BYTES - inBlock);
      let block = blocks.get(index);
      if (block === undefined) {
        block = new Uint8Array(BLOCK_BYTES);
        blocks.set(index, block);
      }
      block.set(data.subarray(at, at + count), inBlock);
      at += count;
    }
  }

  /** Moves the first early stretch, which is in order now, to what is readable. */
  #drain(): void {
    const { start, end } = this.#early!.shift()!;
    const blocks = this.#blocks!;
    for (let at = start; at < end;) {
      const index = Math.floor(at / BLOCK_BYTES);
      const blockStart = index * BLOCK_BYTES;
      const stop = Math.min(end, blockStart + BLOCK_BYTES);
      const block = blocks.get(index)!;
      if (stop === blockStart + BLOCK_BYTES) blocks.delete(index);
      if (stop - at === BLOCK_BYTES) this.#appendBlock(block);
      else this.#append(block.subarray(at - blockStart, stop - blockStart));
      at = stop;
    }
    if (this.#early!.rangeCount === 0) {
      this.#early = undefined;
      this.#blocks = undefined;
    }
  }

  /** Hands on a block that is full. Smaller pieces are copied, so that many of them share a chunk. */
  #appendBlock(block: Uint8Array): void {
    this.#pushTail();
    this.#tail = block;
    this.#tailLength = block.length;
    this.#orderedEnd += block.length;
    this.#readableBytes += block.length;
  }
}
