/**
 * Payload of a `StreamClose` message (type `0x22`).
 *
 * ```text
 * offset  size  field          encoding
 *      0     1  ending         1 completed, 2 cancelled, 3 failed
 *      1     2  status         u16, little-endian; a call status code
 *      3     8  chunkCount     u64, little-endian, at most 2^53 - 1
 *     11     2  messageLength  u16, little-endian
 *     13     m  message        UTF-8
 *   13+m   2+e  extensions     extension block, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0x22 StreamClose".
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

/** How a direction of a stream ended. A stream that ends without one was lost. */
export const StreamEnding = {
  /** Everything was sent. */
  COMPLETED: 1,
  /** The receiver did not want the rest. */
  CANCELLED: 2,
  /** The sender could not go on. */
  FAILED: 3,
} as const;

/** How a direction of a stream ended. */
export type StreamEnding = typeof StreamEnding[keyof typeof StreamEnding];

/** Size of the fixed fields, in bytes. */
const FIXED_LENGTH = 13;

/** Ends one direction of a stream. */
export interface StreamClosePayload {
  /** How it ended. */
  readonly ending: StreamEnding;
  /** Call status code, a u16; 0 when it completed. */
  readonly status: number;
  /** How many chunks were sent in this direction, at most 2^53 - 1. */
  readonly chunkCount: number;
  /** For a person; empty when there is nothing to say. */
  readonly message: string;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
}

/**
 * Encodes the payload of a `StreamClose` message.
 *
 * @param close What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeStreamClose(close: StreamClosePayload): Uint8Array {
  const { ending, status, chunkCount, message, extensions } = close;
  const writer = new PayloadWriter(
    "StreamClose",
    FIXED_LENGTH + message.length + extensionBlockLength(extensions),
  );
  if (!isStreamEnding(ending)) {
    throw writer.invalid(`ending ${ending} is not from 1 to 3`);
  }
  writer.u8(ending, "ending");
  writer.u16(status, "status");
  writer.u53(chunkCount, "chunkCount");
  writer.text(message, "message");
  writeExtensionBlock(writer, extensions);
  return writer.finish();
}

/**
 * Decodes the payload of a `StreamClose` message.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The ending. Extension values are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for an
 * unknown ending, a count above 2^53 - 1, text that is not UTF-8 or bytes after
 * the extensions.
 */
export function decodeStreamClose(
  payload: Uint8Array,
): StreamClosePayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("StreamClose", payload);
  const ending = reader.u8();
  const status = reader.u16();
  const chunkCount = reader.u53();
  const message = reader.text();
  const extensions = readExtensionBlock(reader);
  reader.end();
  if (!isStreamEnding(ending)) {
    throw reader.invalid(`ending ${ending} is not from 1 to 3`);
  }
  return { ending, status, chunkCount, message, extensions };
}

function isStreamEnding(ending: number): ending is StreamEnding {
  return ending === StreamEnding.COMPLETED ||
    ending === StreamEnding.CANCELLED || ending === StreamEnding.FAILED;
}
