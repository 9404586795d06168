/**
 * Puts the bytes of a stream in order.
 *
 * Bytes that arrive in order are copied into chunks that grow while nobody reads,
 * many of them into blocks that are used again: a reader gets a copy of those,
 * or has it put where it wants it. What grows is left for another chunk only when
 * half of it is used, so memory is no more than twice what waits, and two blocks:
 * the first and the last. Bytes that arrive early are copied into blocks that tile
 * the stream, so memory is bounded by the credit that was granted, however small the
 * pieces are.
 *
 * @module
 */
import {
  BLOCK_BYTES,
  releaseBlock,
  takeBlock,
} from "../../../internal/block_pool.ts";
import { copyBytes } from "../../../internal/byte_pool.ts";
import { Fifo } from "../../../internal/fifo.ts";
import { RangeSet } from "../../../internal/range_set.ts";
import type { StretchLimit } from "./stretch_limit.ts";

/** Size of the tiles for bytes that arrive early. */
const TILE_BYTES = 4_096;

/** Bytes that are put into a new block when they arrive together, at least: half of it. */
const MIN_BLOCK_FILL_BYTES: number = BLOCK_BYTES / 2;

/** Largest chunk that is allocated ahead of what arrives, in bytes. */
const MAX_CHUNK_BYTES = 16_384;

/** A part of a block that holds bytes. */
class BlockPart {
  readonly bytes: Uint8Array = takeBlock();
  /** The first byte that was not read. */
  start = 0;
  /** Where the next one goes. */
  end = 0;
}

/** Bytes in, in any order and more than once; bytes out, in order and once. */
export class Reassembler {
  /** What a reader has begun with: older than anything else. */
  #head: Uint8Array | BlockPart | undefined;
  /** Complete chunks, older than the tail. */
  #chunks: Fifo<Uint8Array | BlockPart> | undefined;
  /** What grows: bytes of a reader to be, or a block, not both. */
  #tail: Uint8Array | undefined;
  #tailLength = 0;
  #tailBlock: BlockPart | undefined;
  /** Offset after the last byte that is in order. */
  #orderedEnd = 0;
  #readableBytes = 0;
  #early: RangeSet | undefined;
  #tiles: Map<number, Uint8Array> | undefined;

  readonly #stretches: StretchLimit;

  /** @param stretches Where those that wait behind a gap are counted. */
  constructor(stretches: StretchLimit) {
    this.#stretches = stretches;
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
   * @param into Where they are put, as many as there are and fit; without it they
   * get memory of their own.
   * @returns At least one byte, owned by the caller, or `undefined`. A view of
   * `into` where that was given.
   */
  read(into?: Uint8Array): Uint8Array | undefined {
    const bytes = into === undefined ? this.#readOwn() : this.#readInto(into);
    if (bytes !== undefined) this.#readableBytes -= bytes.length;
    return bytes;
  }

  #readOwn(): Uint8Array | undefined {
    const chunk = this.#head ?? this.#nextChunk();
    this.#head = undefined;
    if (!(chunk instanceof BlockPart)) return chunk;
    const bytes = copyBytes(chunk.bytes.subarray(chunk.start, chunk.end));
    releaseBlock(chunk.bytes);
    return bytes;
  }

  #readInto(into: Uint8Array): Uint8Array | undefined {
    let filled = 0;
    while (filled < into.length) {
      const chunk = this.#head ??= this.#nextChunk();
      if (chunk === undefined) break;
      const room = into.length - filled;
      if (chunk instanceof BlockPart) {
        const { bytes, start, end } = chunk;
        const count = Math.min(room, end - start);
        into.set(bytes.subarray(start, start + count), filled);
        filled += count;
        chunk.start += count;
        if (chunk.start < end) break;
        releaseBlock(bytes);
      } else {
        const count = Math.min(room, chunk.length);
        const isWhole = count === chunk.length;
        into.set(isWhole ? chunk : chunk.subarray(0, count), filled);
        filled += count;
        if (!isWhole) {
          this.#head = chunk.subarray(count);
          break;
        }
      }
      this.#head = undefined;
    }
    if (filled === into.length) return into;
    return filled === 0 ? undefined : into.subarray(0, filled);
  }

  #nextChunk(): Uint8Array | BlockPart | undefined {
    const chunk = this.#chunks?.shift() ?? this.#takeTail();
    if (chunk !== undefined) return chunk;
    const block = this.#tailBlock;
    this.#tailBlock = undefined;
    return block;
  }

  /** Lets go of everything. */
  clear(): void {
    const letGo = (chunk: Uint8Array | BlockPart | undefined): void => {
      if (chunk instanceof BlockPart) releaseBlock(chunk.bytes);
    };
    letGo(this.#head);
    this.#chunks?.forEach(letGo);
    letGo(this.#tailBlock);
    this.#stretches.change(this.#early?.rangeCount ?? 0, 0);
    this.#head = undefined;
    this.#chunks = undefined;
    this.#tail = undefined;
    this.#tailBlock = undefined;
    this.#early = undefined;
    this.#tiles = undefined;
    this.#readableBytes = 0;
  }

  #append(data: Uint8Array): void {
    this.#orderedEnd += data.length;
    this.#readableBytes += data.length;
    const rest = this.#fillTail(data);
    if (rest === undefined) return;
    if (
      this.#tailBlock !== undefined || rest.length >= MIN_BLOCK_FILL_BYTES
    ) this.#appendToBlocks(rest);
    else this.#startTail(rest);
  }

  /**
   * Puts bytes into what grows, if that is no block. Those for which there is no room
   * stay together, unless less than half of it would be used.
   *
   * @returns What has to go elsewhere, if anything.
   */
  #fillTail(data: Uint8Array): Uint8Array | undefined {
    const tail = this.#tail;
    if (tail === undefined) return data;
    const room = tail.length - this.#tailLength;
    if (room >= data.length) {
      tail.set(data, this.#tailLength);
      this.#tailLength += data.length;
      return undefined;
    }
    if (!this.#isTailSparse) return data;
    tail.set(data.subarray(0, room), this.#tailLength);
    this.#tailLength = tail.length;
    return data.subarray(room);
  }

  #appendToBlocks(data: Uint8Array): void {
    if (this.#tailBlock === undefined) this.#pushTail();
    for (let from = 0; from < data.length;) {
      const block = this.#tailBlock ??= new BlockPart();
      const count = Math.min(data.length - from, BLOCK_BYTES - block.end);
      block.bytes.set(
        count === data.length ? data : data.subarray(from, from + count),
        block.end,
      );
      block.end += count;
      from += count;
      if (block.end === BLOCK_BYTES) this.#pushTail();
    }
  }

  #startTail(data: Uint8Array): void {
    const tail = this.#tail;
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

  /** Whether more than half of what grows is empty: then it has to go on growing. */
  get #isTailSparse(): boolean {
    const block = this.#tailBlock;
    if (block !== undefined) return 2 * block.end < BLOCK_BYTES;
    return this.#tail !== undefined && 2 * this.#tailLength < this.#tail.length;
  }

  #takeTail(): Uint8Array | undefined {
    const tail = this.#tail;
    if (tail === undefined) return undefined;
    this.#tail = undefined;
    return this.#tailLength === tail.length
      ? tail
      : tail.subarray(0, this.#tailLength);
  }

  /** What grows is complete: the next byte begins something new. */
  #pushTail(): void {
    const tail = this.#takeTail() ?? this.#tailBlock;
    if (tail === undefined) return;
    this.#tailBlock = undefined;
    this.#chunks ??= new Fifo();
    this.#chunks.push(tail);
  }

  /** Keeps early bytes, leaving out what was kept before. */
  #store(offset: number, data: Uint8Array): void {
    const early = this.#early ??= new RangeSet();
    const end = offset + data.length;
    let from = offset;
    const { ranges } = early;
    for (let index = early.indexFrom(offset); index < ranges.length; index++) {
      const range = ranges[index]!;
      if (range.start >= end) break;
      if (range.start > from) {
        this.#copyToTiles(
          from,
          data.subarray(from - offset, range.start - offset),
        );
      }
      from = Math.max(from, range.end);
    }
    if (from < end) this.#copyToTiles(from, data.subarray(from - offset));
    const { rangeCount } = early;
    early.add(offset, end);
    this.#stretches.change(rangeCount, early.rangeCount);
  }

  #copyToTiles(offset: number, data: Uint8Array): void {
    const tiles = this.#tiles ??= new Map();
    for (let at = 0; at < data.length;) {
      const index = Math.floor((offset + at) / TILE_BYTES);
      const inTile = offset + at - index * TILE_BYTES;
      const count = Math.min(data.length - at, TILE_BYTES - inTile);
      let tile = tiles.get(index);
      if (tile === undefined) {
        tile = new Uint8Array(TILE_BYTES);
        tiles.set(index, tile);
      }
      tile.set(data.subarray(at, at + count), inTile);
      at += count;
    }
  }

  /** Moves the first early stretch, which is in order now, to what is readable. */
  #drain(): void {
    const { start, end } = this.#early!.shift()!;
    this.#stretches.change(1, 0);
    const tiles = this.#tiles!;
    for (let at = start; at < end;) {
      const index = Math.floor(at / TILE_BYTES);
      const tileStart = index * TILE_BYTES;
      const stop = Math.min(end, tileStart + TILE_BYTES);
      const tile = tiles.get(index)!;
      if (stop === tileStart + TILE_BYTES) tiles.delete(index);
      if (stop - at === TILE_BYTES && !this.#isTailSparse) {
        this.#appendTile(tile);
      } else this.#append(tile.subarray(at - tileStart, stop - tileStart));
      at = stop;
    }
    if (this.#early!.rangeCount === 0) {
      this.#early = undefined;
      this.#tiles = undefined;
    }
  }

  /** Hands on a tile that is full. Smaller pieces are copied, so that many of them share a chunk. */
  #appendTile(tile: Uint8Array): void {
    this.#pushTail();
    this.#tail = tile;
    this.#tailLength = tile.length;
    this.#orderedEnd += tile.length;
    this.#readableBytes += tile.length;
  }
}
