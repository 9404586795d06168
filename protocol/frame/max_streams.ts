/**
 * MaxStreams (control 9): how many streams of one direction the peer may open,
 * from the start of the connection (RFC 9000 §19.11).
 *
 * ```text
 * type     u8      0x50
 * subtype  u8      9
 * kind     u8      0 bidirectional, 1 unidirectional
 * maximum  varint  at most 2^51
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { MAX_STREAM_COUNT } from "../stream_id.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded stream limit. */
export interface MaxStreamsFrame {
  /** Discriminant. */
  readonly type: "max-streams";
  /** Whether the limit is that of unidirectional streams. */
  readonly isUnidirectional: boolean;
  /** How many streams may be opened in total. */
  readonly maximum: number;
}

/**
 * Size of a stream limit.
 *
 * @param maximum The limit.
 * @returns Bytes.
 */
export function maxStreamsFrameLength(maximum: number): number {
  return 3 + varintLength(maximum);
}

/**
 * Writes a stream limit.
 *
 * @param writer Where to write.
 * @param frame The frame.
 */
export function encodeMaxStreamsFrame(
  writer: ByteWriter,
  frame: Omit<MaxStreamsFrame, "type">,
): void {
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.MAX_STREAMS);
  writer.u8(frame.isUnidirectional ? 1 : 0);
  writer.varint(frame.maximum);
}

/**
 * Reads a stream limit after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated, its kind is
 * unknown, or it promises more identifiers than exist.
 */
export function decodeMaxStreamsFrame(reader: ByteReader): MaxStreamsFrame {
  const kind = reader.u8();
  const maximum = reader.varint();
  checkComplete(reader, "MaxStreams");
  if (kind > 1) throw invalidFrame(`MaxStreams frame: unknown kind ${kind}`);
  if (maximum > MAX_STREAM_COUNT) {
    throw invalidFrame(`MaxStreams frame: ${maximum} streams`);
  }
  return { type: "max-streams", isUnidirectional: kind === 1, maximum };
}
