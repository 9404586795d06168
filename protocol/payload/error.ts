/**
 * Payload of an `Error` message (type `0xF1`).
 *
 * ```text
 * offset  size  field          encoding
 *      0     2  status         u16, little-endian; a call status code
 *      2     4  retryAfterMs   u32, little-endian; 0: nothing known
 *      6     8  messageId      u64, little-endian: what failed; 0: nothing in particular
 *     14     2  messageLength  u16, little-endian
 *     16     m  message        UTF-8
 *   16+m   2+e  extensions     extension block, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0xF1 Error".
 *
 * @module
 */
import {
  type Extension,
  extensionBlockLength,
  readExtensionBlock,
  writeExtensionBlock,
} from "../extension.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** Size of the fixed fields, in bytes. */
const FIXED_LENGTH = 16;

/** Says that a message failed. */
export interface ErrorPayload {
  /** Call status code, a u16. */
  readonly status: number;
  /** When it may be tried again, in milliseconds, a u32; 0 when nothing is known. */
  readonly retryAfterMs: number;
  /** The message that failed, a u64; 0 when it is none in particular. */
  readonly messageId: bigint;
  /** For a person. */
  readonly message: string;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
}

/**
 * Encodes the payload of an `Error` message.
 *
 * @param error What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeError(error: ErrorPayload): Uint8Array {
  const { status, retryAfterMs, messageId, message, extensions } = error;
  const writer = new PayloadWriter(
    "Error",
    FIXED_LENGTH + message.length + extensionBlockLength(extensions),
  );
  writer.u16(status, "status");
  writer.u32(retryAfterMs, "retryAfterMs");
  writer.u64(messageId, "messageId");
  writer.text(message, "message");
  writeExtensionBlock(writer, extensions);
  return writer.finish();
}

/**
 * Decodes the payload of an `Error` message.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The error. Extension values are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for text
 * that is not UTF-8, too many extensions or bytes after them.
 */
export function decodeError(
  payload: Uint8Array,
): ErrorPayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("Error", payload);
  const status = reader.u16();
  const retryAfterMs = reader.u32();
  const messageId = reader.u64();
  const message = reader.text();
  const extensions = readExtensionBlock(reader);
  reader.end();
  return { status, retryAfterMs, messageId, message, extensions };
}
