/**
 * RetireConnectionId (control 10): an id of the receiver is not used any more.
 *
 * ```text
 * type      u8      0x50
 * subtype   u8      10
 * sequence  varint
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded retirement of a connection id. */
export interface RetireConnectionIdFrame {
  /** Discriminant. */
  readonly type: "retire-connection-id";
  /** Index of the id. */
  readonly sequence: number;
}

/**
 * Size of the frame.
 *
 * @param sequence Index of the id.
 * @returns Bytes.
 */
export function retireConnectionIdFrameLength(sequence: number): number {
  return 2 + varintLength(sequence);
}

/**
 * Writes the frame.
 *
 * @param writer Where to write.
 * @param sequence Index of the id.
 */
export function encodeRetireConnectionIdFrame(
  writer: ByteWriter,
  sequence: number,
): void {
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.RETIRE_CONNECTION_ID);
  writer.varint(sequence);
}

/**
 * Reads the frame after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeRetireConnectionIdFrame(
  reader: ByteReader,
): RetireConnectionIdFrame {
  const sequence = reader.varint();
  checkComplete(reader, "RetireConnectionId");
  return { type: "retire-connection-id", sequence };
}
