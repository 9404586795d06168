/**
 * How long a zstd frame is: decompressors do not say whether anything was left
 * over, and take several frames one behind the other for one.
 *
 * ```text
 * size        field
 *    4        magic number
 *    1        descriptor: which of the following there are
 *    0 or 1   window
 *    0 to 4   dictionary id
 *    0 to 8   content size
 *    n        blocks: a header of 3 bytes and the content, up to the last one
 *    0 or 4   checksum
 * ```
 *
 * Spec: RFC 8878 §3.1.1.
 *
 * @module
 */
import { ByteReader } from "../internal/byte_reader.ts";

const MAGIC = 0xfd2fb528;
const DICTIONARY_ID_LENGTHS = [0, 1, 2, 4] as const;
const CONTENT_SIZE_LENGTHS = [0, 2, 4, 8] as const;
const CHECKSUM_LENGTH = 4;

/** A block that is one byte, to be repeated as often as its size says. */
const RUN_BLOCK = 1;

/** Blocks that a frame may have however little it holds. */
const MIN_BLOCK_LIMIT = 1_024;

/** Bytes for each of which there may be one more. Encoders make blocks of 128 KiB. */
const MIN_BLOCK_BYTES = 1_024;

/**
 * Whether bytes are one zstd frame, nothing before it and nothing after, of a number
 * of blocks that fits what it holds: a block of three bytes that adds nothing takes
 * as long as many others, and millions of them a third of a second. What the blocks
 * hold is not looked at.
 *
 * @param bytes Any bytes; borrowed.
 * @param contentBytes What it is to hold, in bytes.
 */
export function isOneZstdFrame(
  bytes: Uint8Array,
  contentBytes: number,
): boolean {
  const maxBlocks = MIN_BLOCK_LIMIT + contentBytes / MIN_BLOCK_BYTES;
  return zstdFrameLength(bytes, maxBlocks) === bytes.length;
}

/**
 * Measures the zstd frame that bytes begin with. What its blocks hold is not looked
 * at.
 *
 * @param bytes Any bytes; borrowed.
 * @param maxBlocks How many are looked at.
 * @returns Its length; `undefined` where they do not begin with a whole one, or with
 * one of more blocks.
 */
export function zstdFrameLength(
  bytes: Uint8Array,
  maxBlocks: number = Infinity,
): number | undefined {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MAGIC) return undefined;
  const descriptor = reader.u8();
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const sizeCode = descriptor >>> 6;
  const windowLength = isSingleSegment ? 0 : 1;
  const sizeLength = isSingleSegment && sizeCode === 0
    ? 1
    : CONTENT_SIZE_LENGTHS[sizeCode]!;
  reader.skip(
    windowLength + DICTIONARY_ID_LENGTHS[descriptor & 0x03]! + sizeLength,
  );
  let blockCount = 0;
  for (let isLast = false; !isLast;) {
    if (++blockCount > maxBlocks) return undefined;
    const header = reader.u16() | reader.u8() << 16;
    isLast = (header & 1) !== 0;
    const isRun = (header >>> 1 & 0x03) === RUN_BLOCK;
    reader.skip(isRun ? 1 : header >>> 3);
    if (reader.isFailed) return undefined;
  }
  if (hasChecksum) reader.skip(CHECKSUM_LENGTH);
  return reader.isFailed ? undefined : reader.offset;
}
