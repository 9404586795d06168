/**
 * Ack (0x30): which packets arrived.
 *
 * ```text
 * type              u8      0x30
 * largest           varint  largest packet number
 * delayMicros       varint  microseconds since `largest` arrived
 * additionalRanges  varint  at most 31
 * firstLength       varint  largest - smallest of the first range
 * then for each additional range:
 *   gap             varint  missing numbers before it, minus one
 *   length          varint  largest - smallest of the range
 * ```
 *
 * The arithmetic of gaps is that of RFC 9000 §19.3.1.
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import type { Range } from "../../internal/range_set.ts";
import { ProtocolError } from "../error.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { FrameType } from "./frame_type.ts";

/** Most ranges that one ack frame carries. */
export const MAX_ACK_RANGES = 32;

/** A decoded ack frame. */
export interface AckFrame {
  /** Discriminant. */
  readonly type: "ack";
  /** Largest packet number that is acknowledged. */
  readonly largest: number;
  /** Microseconds between the arrival of `largest` and this ack. */
  readonly delayMicros: number;
  /** 1 to 32 half-open ranges of packet numbers, highest first, apart. */
  readonly ranges: readonly Range[];
}

/** What an ack frame carries. `largest` is the last number of the first range. */
export type AckFields = Omit<AckFrame, "type">;

/**
 * Size of an ack frame.
 *
 * @param ack 1 to 32 ranges, highest first.
 * @returns Bytes.
 */
export function ackFrameLength(ack: AckFields): number {
  const { ranges } = ack;
  const first = ranges[0]!;
  let length = 1 + varintLength(ack.largest) + varintLength(ack.delayMicros) +
    varintLength(ranges.length - 1) + varintLength(first.end - 1 - first.start);
  for (let i = 1; i < ranges.length; i++) {
    const range = ranges[i]!;
    length += varintLength(ranges[i - 1]!.start - range.end - 1) +
      varintLength(range.end - 1 - range.start);
  }
  return length;
}

/** Longest ack frame of one range: a type and four integers, the count being small. */
export const MAX_ONE_RANGE_ACK_LENGTH: number = 1 + 3 * 8 + 1;

/**
 * The newest part of an ack that fits: what is left out has to be said later.
 *
 * @param ack 1 to 32 ranges, highest first.
 * @param roomBytes Bytes for the frame.
 * @returns The same ack when all of it fits, `undefined` when not even its first
 * range does.
 */
export function fitAckFrame(
  ack: AckFields,
  roomBytes: number,
): AckFields | undefined {
  let fitting = ack;
  while (ackFrameLength(fitting) > roomBytes) {
    const { ranges } = fitting;
    if (ranges.length === 1) return undefined;
    fitting = { ...ack, ranges: ranges.slice(0, -1) };
  }
  return fitting;
}

/**
 * Writes an ack frame.
 *
 * @param writer Where to write.
 * @param ack 1 to 32 ranges, highest first, that do not touch.
 * @throws {ProtocolError} `INVALID_VALUE` when the ranges are not so; nothing
 * is written then.
 */
export function encodeAckFrame(writer: ByteWriter, ack: AckFields): void {
  const { ranges } = ack;
  checkRanges(ack);
  const first = ranges[0]!;
  writer.u8(FrameType.ACK);
  writer.varint(ack.largest);
  writer.varint(ack.delayMicros);
  writer.varint(ranges.length - 1);
  writer.varint(first.end - 1 - first.start);
  for (let i = 1; i < ranges.length; i++) {
    const range = ranges[i]!;
    writer.varint(ranges[i - 1]!.start - range.end - 1);
    writer.varint(range.end - 1 - range.start);
  }
}

function checkRanges({ largest, ranges }: AckFields): void {
  let isValid = ranges.length >= 1 && ranges.length <= MAX_ACK_RANGES &&
    ranges[0]!.end === largest + 1;
  let below = Infinity;
  for (const { start, end } of ranges) {
    isValid &&= start >= 0 && start < end && end < below;
    below = start;
  }
  if (!isValid) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `Ack frame: ${ranges.length} ranges must be 1 to ${MAX_ACK_RANGES}, apart, from ${largest} downwards`,
    );
  }
}

/**
 * Reads an ack frame after its type byte.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated, has more than
 * 32 ranges, or reaches below packet number 0.
 */
export function decodeAckFrame(reader: ByteReader): AckFrame {
  const largest = reader.varint();
  const delayMicros = reader.varint();
  const additional = reader.varint();
  if (additional >= MAX_ACK_RANGES) {
    throw invalidFrame(`Ack frame: ${additional + 1} ranges`);
  }
  let smallest = largest - reader.varint();
  const ranges: Range[] = [{ start: smallest, end: largest + 1 }];
  let isBelowZero = smallest < 0;
  for (let i = 0; i < additional; i++) {
    // RFC 9000 §19.3.1: largest = previous smallest - gap - 2.
    const rangeLargest = smallest - reader.varint() - 2;
    smallest = rangeLargest - reader.varint();
    isBelowZero ||= smallest < 0;
    ranges.push({ start: smallest, end: rangeLargest + 1 });
  }
  checkComplete(reader, "Ack");
  if (isBelowZero) throw invalidFrame("Ack frame: a range reaches below 0");
  return { type: "ack", largest, delayMicros, ranges };
}
