/**
 * The stream family (0x11 to 0x17): open, data and end of a stream, alone or
 * together, so that a small message is one frame.
 *
 * ```text
 * type       u8      0x10 + OPEN 1 + DATA 2 + FIN 4
 * streamId   varint
 * priority   u8      with OPEN: 0 control, 1 interactive, 2 bulk
 * offset     varint  with DATA and without OPEN
 * length     varint  with DATA
 * data       bytes   with DATA
 * finalSize  varint  with FIN, without DATA and without OPEN
 * ```
 *
 * A frame that opens starts at offset 0, so it states no offset; with DATA and
 * FIN the final size is `offset + length`.
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { FrameType, StreamFrameBits } from "./frame_type.ts";
import { isPriority, type Priority } from "./priority.ts";

/** A decoded stream frame. */
export interface StreamFrame {
  /** Discriminant. */
  readonly type: "stream";
  /** The stream. */
  readonly streamId: number;
  /** Whether the frame opens the stream. */
  readonly isOpen: boolean;
  /** Priority class, stated when the frame opens the stream. */
  readonly priority: Priority | undefined;
  /** Where `data` starts; the final size when there is no data. */
  readonly offset: number;
  /** The bytes, possibly none: a view of the packet. */
  readonly data: Uint8Array;
  /** Whether the stream ends after `data`. */
  readonly isFin: boolean;
}

/** What a stream frame says besides its bytes. */
export interface StreamFrameHead {
  /** The stream. */
  readonly streamId: number;
  /** Opens the stream in this class when given; then `offset` is 0. */
  readonly priority: Priority | undefined;
  /** Where the data starts. */
  readonly offset: number;
  /** How many bytes of data follow; 0 leaves the DATA part out. */
  readonly length: number;
  /** Whether the stream ends after the data. */
  readonly isFin: boolean;
}

/**
 * Size of a stream frame without its data.
 *
 * @param head The frame.
 * @returns Bytes.
 */
export function streamFrameHeadLength(head: StreamFrameHead): number {
  const isOpen = head.priority !== undefined;
  let length = 1 + varintLength(head.streamId) + (isOpen ? 1 : 0);
  if (head.length > 0) {
    length += varintLength(head.length);
    if (!isOpen) length += varintLength(head.offset);
  } else if (!isOpen) {
    // Without data and without OPEN this can only be an end.
    length += varintLength(head.offset);
  }
  return length;
}

/**
 * Size of a whole stream frame.
 *
 * @param head The frame.
 * @returns Bytes.
 */
export function streamFrameLength(head: StreamFrameHead): number {
  return streamFrameHeadLength(head) + head.length;
}

/**
 * Writes everything of a stream frame up to its data, which the caller then
 * writes: exactly `head.length` bytes.
 *
 * @param writer Where to write.
 * @param head The frame: it opens, carries data, ends, or several of these.
 */
export function encodeStreamFrameHead(
  writer: ByteWriter,
  head: StreamFrameHead,
): void {
  const { priority, length } = head;
  const isOpen = priority !== undefined;
  writer.u8(
    FrameType.STREAM + (isOpen ? StreamFrameBits.OPEN : 0) +
      (length > 0 ? StreamFrameBits.DATA : 0) +
      (head.isFin ? StreamFrameBits.FIN : 0),
  );
  writer.varint(head.streamId);
  if (isOpen) writer.u8(priority);
  else writer.varint(head.offset);
  if (length > 0) writer.varint(length);
}

/**
 * Writes a whole stream frame.
 *
 * @param writer Where to write.
 * @param frame The frame; its data is copied.
 */
export function encodeStreamFrame(
  writer: ByteWriter,
  frame: Omit<StreamFrame, "type">,
): void {
  encodeStreamFrameHead(writer, {
    streamId: frame.streamId,
    priority: frame.isOpen ? frame.priority : undefined,
    offset: frame.offset,
    length: frame.data.length,
    isFin: frame.isFin,
  });
  if (frame.data.length > 0) writer.bytes(frame.data);
}

/**
 * Reads a stream frame after its type byte.
 *
 * @param reader Where to read.
 * @param type The type byte, 0x11 to 0x17.
 * @returns The frame; its data is a view.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated, names an
 * unknown priority, or reaches beyond offset 2^53 - 1.
 */
export function decodeStreamFrame(
  reader: ByteReader,
  type: number,
): StreamFrame {
  const isOpen = (type & StreamFrameBits.OPEN) !== 0;
  const hasData = (type & StreamFrameBits.DATA) !== 0;
  const streamId = reader.varint();
  let priority: Priority | undefined;
  let offset = 0;
  if (isOpen) {
    const byte = reader.u8();
    if (!isPriority(byte)) {
      throw invalidFrame(`Stream frame: unknown priority ${byte}`);
    }
    priority = byte;
  } else {
    // The offset of the data, or the final size: either way the same place.
    offset = reader.varint();
  }
  const data = reader.bytes(hasData ? reader.varint() : 0);
  checkComplete(reader, "Stream");
  // RFC 9000 §19.8: the end of the data stays in the range of an offset.
  if (offset + data.length > Number.MAX_SAFE_INTEGER) {
    throw invalidFrame("Stream frame: data beyond offset 2^53 - 1");
  }
  return {
    type: "stream",
    streamId,
    isOpen,
    priority,
    offset,
    data,
    isFin: (type & StreamFrameBits.FIN) !== 0,
  };
}
