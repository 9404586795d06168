/**
 * Payload of an `Ack` message (type `0xF0`).
 *
 * ```text
 * offset  size  field       encoding
 *      0     8  messageId   u64, little-endian: what is confirmed
 *      8     2  status      u16, little-endian; 0: accepted, else a call status code
 *     10   2+e  extensions  extension block, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0xF0 Ack".
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

/** Size of the part before the extensions, in bytes. */
const HEAD_LENGTH = 10;

/** Confirms a message. */
export interface AckPayload {
  /** The message that is confirmed, a u64. */
  readonly messageId: bigint;
  /** Call status code, a u16; 0 when it was accepted. */
  readonly status: number;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
}

/**
 * Encodes the payload of an `Ack` message.
 *
 * @param ack What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeAck(ack: AckPayload): Uint8Array {
  const { messageId, status, extensions } = ack;
  const writer = new PayloadWriter(
    "Ack",
    HEAD_LENGTH + extensionBlockLength(extensions),
  );
  writer.u64(messageId, "messageId");
  writer.u16(status, "status");
  writeExtensionBlock(writer, extensions);
  return writer.finish();
}

/**
 * Decodes the payload of an `Ack` message.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The confirmation. Extension values are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for too
 * many extensions or bytes after them.
 */
export function decodeAck(
  payload: Uint8Array,
): AckPayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("Ack", payload);
  const messageId = reader.u64();
  const status = reader.u16();
  const extensions = readExtensionBlock(reader);
  reader.end();
  return { messageId, status, extensions };
}
