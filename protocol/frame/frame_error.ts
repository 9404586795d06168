/**
 * The one way in which a frame is refused.
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { ProtocolError } from "../error.ts";

/**
 * Makes the error for a malformed frame. The packet was authenticated, so the
 * peer itself is at fault and the connection ends.
 *
 * @param detail `Subject: detail`.
 * @returns The error, to be thrown.
 */
export function invalidFrame(detail: string): ProtocolError {
  return new ProtocolError("FRAME_INVALID", detail, { fault: "peer" });
}

/**
 * Refuses a frame that ran past the end of its packet, or held a number above
 * 2^53 - 1.
 *
 * @param reader What the frame was read from.
 * @param name The frame, for the message.
 * @throws {ProtocolError} `FRAME_INVALID` when the reader failed.
 */
export function checkComplete(reader: ByteReader, name: string): void {
  if (reader.isFailed) {
    throw invalidFrame(`${name} frame: truncated, or a number above 2^53 - 1`);
  }
}
