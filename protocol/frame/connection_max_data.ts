/**
 * ConnectionMaxData (0x61): how many bytes the peer may send on all streams
 * together, from the start of the connection.
 *
 * ```text
 * type     u8      0x61
 * maxData  varint  bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { FrameType } from "./frame_type.ts";

/** A decoded connection credit frame. */
export interface ConnectionMaxDataFrame {
  /** Discriminant. */
  readonly type: "connection-max-data";
  /** Bytes that may be sent on all streams together. */
  readonly maxData: number;
}

/**
 * Size of a connection credit frame.
 *
 * @param maxData The credit.
 * @returns Bytes.
 */
export function connectionMaxDataFrameLength(maxData: number): number {
  return 1 + varintLength(maxData);
}

/**
 * Writes a connection credit frame.
 *
 * @param writer Where to write.
 * @param maxData The credit.
 */
export function encodeConnectionMaxDataFrame(
  writer: ByteWriter,
  maxData: number,
): void {
  writer.u8(FrameType.CONNECTION_MAX_DATA);
  writer.varint(maxData);
}

/**
 * Reads a connection credit frame after its type byte.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeConnectionMaxDataFrame(
  reader: ByteReader,
): ConnectionMaxDataFrame {
  const maxData = reader.varint();
  checkComplete(reader, "ConnectionMaxData");
  return { type: "connection-max-data", maxData };
}
