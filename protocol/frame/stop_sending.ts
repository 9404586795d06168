/**
 * StopSending (control 7): the receiver of a stream throws away what comes and
 * asks for a reset (RFC 9000 §19.5).
 *
 * ```text
 * type      u8      0x50
 * subtype   u8      7
 * streamId  varint
 * code      varint  the application's reason
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded request to stop. */
export interface StopSendingFrame {
  /** Discriminant. */
  readonly type: "stop-sending";
  /** The stream. */
  readonly streamId: number;
  /** The application's reason. */
  readonly code: number;
}

/**
 * Size of a request to stop.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function stopSendingFrameLength(
  frame: Omit<StopSendingFrame, "type">,
): number {
  return 2 + varintLength(frame.streamId) + varintLength(frame.code);
}

/**
 * Writes a request to stop.
 *
 * @param writer Where to write.
 * @param frame The frame.
 */
export function encodeStopSendingFrame(
  writer: ByteWriter,
  frame: Omit<StopSendingFrame, "type">,
): void {
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.STOP_SENDING);
  writer.varint(frame.streamId);
  writer.varint(frame.code);
}

/**
 * Reads a request to stop after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeStopSendingFrame(reader: ByteReader): StopSendingFrame {
  const streamId = reader.varint();
  const code = reader.varint();
  checkComplete(reader, "StopSending");
  return { type: "stop-sending", streamId, code };
}
