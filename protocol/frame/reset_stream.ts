/**
 * ResetStream (control 6): the sender gives the stream up; nothing that is
 * still missing will come (RFC 9000 §19.4).
 *
 * ```text
 * type       u8      0x50
 * subtype    u8      6
 * streamId   varint
 * code       varint  the application's reason
 * finalSize  varint  bytes that were sent: what flow control counts
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded reset. */
export interface ResetStreamFrame {
  /** Discriminant. */
  readonly type: "reset-stream";
  /** The stream. */
  readonly streamId: number;
  /** The application's reason. */
  readonly code: number;
  /** How many bytes of the stream were sent. */
  readonly finalSize: number;
}

/**
 * Size of a reset.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function resetStreamFrameLength(
  frame: Omit<ResetStreamFrame, "type">,
): number {
  return 2 + varintLength(frame.streamId) + varintLength(frame.code) +
    varintLength(frame.finalSize);
}

/**
 * Writes a reset.
 *
 * @param writer Where to write.
 * @param frame The frame.
 */
export function encodeResetStreamFrame(
  writer: ByteWriter,
  frame: Omit<ResetStreamFrame, "type">,
): void {
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.RESET_STREAM);
  writer.varint(frame.streamId);
  writer.varint(frame.code);
  writer.varint(frame.finalSize);
}

/**
 * Reads a reset after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeResetStreamFrame(reader: ByteReader): ResetStreamFrame {
  const streamId = reader.varint();
  const code = reader.varint();
  const finalSize = reader.varint();
  checkComplete(reader, "ResetStream");
  return { type: "reset-stream", streamId, code, finalSize };
}
