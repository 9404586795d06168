/**
 * Close (control 8): the connection ends now.
 *
 * ```text
 * type          u8      0x50
 * subtype       u8      8
 * code          varint  a transport close code, or the application's
 * reasonLength  varint  at most 256
 * reason        bytes   UTF-8
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** Longest reason, in bytes of UTF-8. */
export const MAX_CLOSE_REASON_BYTES = 256;

/** Size of everything but the reason, in bytes, at most. */
export const MAX_CLOSE_HEAD_LENGTH = 12;

/** A decoded close. */
export interface CloseFrame {
  /** Discriminant. */
  readonly type: "close";
  /** Why, for a program. */
  readonly code: number;
  /** Why, for a person. */
  readonly reason: string;
}

const encoder: TextEncoder = new TextEncoder();
const decoder: TextDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/** The reason as UTF-8, cut at a character when it is too long. */
function reasonBytes(reason: string, maxBytes: number): Uint8Array {
  const bytes = new Uint8Array(maxBytes);
  return bytes.subarray(0, encoder.encodeInto(reason, bytes).written);
}

/**
 * Size of a close.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function closeFrameLength(frame: Omit<CloseFrame, "type">): number {
  const { length } = reasonBytes(frame.reason, MAX_CLOSE_REASON_BYTES);
  return 2 + varintLength(frame.code) + varintLength(length) + length;
}

/**
 * Writes a close. A reason that is too long is cut at a character.
 *
 * @param writer Where to write.
 * @param frame The frame.
 * @param maxReasonBytes Room for the reason, where it is less than the 256 bytes
 * that are allowed.
 */
export function encodeCloseFrame(
  writer: ByteWriter,
  frame: Omit<CloseFrame, "type">,
  maxReasonBytes: number = MAX_CLOSE_REASON_BYTES,
): void {
  const limit = Math.min(Math.max(0, maxReasonBytes), MAX_CLOSE_REASON_BYTES);
  const bytes = reasonBytes(frame.reason, limit);
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.CLOSE);
  writer.varint(frame.code);
  writer.varint(bytes.length);
  writer.bytes(bytes);
}

/**
 * Reads a close after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated, its reason is
 * above 256 bytes, or not UTF-8.
 */
export function decodeCloseFrame(reader: ByteReader): CloseFrame {
  const code = reader.varint();
  const length = reader.varint();
  if (length > MAX_CLOSE_REASON_BYTES) {
    throw invalidFrame(`Close frame: reason of ${length} bytes`);
  }
  const bytes = reader.bytes(length);
  checkComplete(reader, "Close");
  let reason: string;
  try {
    reason = decoder.decode(bytes);
  } catch {
    throw invalidFrame("Close frame: reason is not UTF-8");
  }
  return { type: "close", code, reason };
}
