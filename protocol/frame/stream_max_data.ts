/**
 * StreamMaxData (0x60): how many bytes the peer may send on one stream, from
 * its start.
 *
 * ```text
 * type      u8      0x60
 * streamId  varint
 * maxData   varint  bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { FrameType } from "./frame_type.ts";

/** A decoded stream credit frame. */
export interface StreamMaxDataFrame {
  /** Discriminant. */
  readonly type: "stream-max-data";
  /** The stream. */
  readonly streamId: number;
  /** Bytes that may be sent on it, counted from its start. */
  readonly maxData: number;
}

/**
 * Size of a stream credit frame.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function streamMaxDataFrameLength(
  frame: Omit<StreamMaxDataFrame, "type">,
): number {
  return 1 + varintLength(frame.streamId) + varintLength(frame.maxData);
}

/**
 * Writes a stream credit frame.
 *
 * @param writer Where to write.
 * @param frame The frame.
 */
export function encodeStreamMaxDataFrame(
  writer: ByteWriter,
  frame: Omit<StreamMaxDataFrame, "type">,
): void {
  writer.u8(FrameType.STREAM_MAX_DATA);
  writer.varint(frame.streamId);
  writer.varint(frame.maxData);
}

/**
 * Reads a stream credit frame after its type byte.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeStreamMaxDataFrame(
  reader: ByteReader,
): StreamMaxDataFrame {
  const streamId = reader.varint();
  const maxData = reader.varint();
  checkComplete(reader, "StreamMaxData");
  return { type: "stream-max-data", streamId, maxData };
}
