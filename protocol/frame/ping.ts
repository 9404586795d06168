/**
 * Ping (control 1): nothing but a reason to acknowledge the packet.
 *
 * ```text
 * type     u8  0x50
 * subtype  u8  1
 * ```
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded ping. */
export interface PingFrame {
  /** Discriminant. */
  readonly type: "ping";
}

/** Size of a ping in bytes. */
export const PING_FRAME_LENGTH = 2;

/**
 * Writes a ping.
 *
 * @param writer Where to write.
 */
export function encodePingFrame(writer: ByteWriter): void {
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.PING);
}
