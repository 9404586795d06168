/**
 * Payload of a `StreamChunk` message (type `0x21`).
 *
 * ```text
 * offset  size  field        encoding
 *      0     8  offset       u64, little-endian, at most 2^53 - 1
 *      8     1  contentType  see content.ts
 *      9     n  body         bytes, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0x21 StreamChunk".
 *
 * @module
 */
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** Size of the part before the body, in bytes. Small, since a token is small too. */
export const STREAM_CHUNK_HEAD_LENGTH = 9;

/** A piece of a stream. */
export interface StreamChunkPayload {
  /** Index of this chunk in its direction, from 0. */
  readonly offset: number;
  /** What the body holds: see `ContentType`. */
  readonly contentType: number;
  /** The piece. */
  readonly body: Uint8Array;
}

/**
 * Encodes the payload of a `StreamChunk` message.
 *
 * @param chunk What to encode; borrowed.
 * @returns New bytes, `9 + body.length`, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeStreamChunk(chunk: StreamChunkPayload): Uint8Array {
  const writer = new PayloadWriter(
    "StreamChunk",
    STREAM_CHUNK_HEAD_LENGTH + chunk.body.length,
  );
  writer.u53(chunk.offset, "offset");
  writer.u8(chunk.contentType, "contentType");
  writer.bytes(chunk.body);
  return writer.finish();
}

/**
 * Decodes the payload of a `StreamChunk` message without copying.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The chunk. Its body is a view of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` below 9 bytes, `PAYLOAD_INVALID`
 * for an offset above 2^53 - 1.
 */
export function decodeStreamChunk(payload: Uint8Array): StreamChunkPayload {
  const reader = new PayloadReader("StreamChunk", payload);
  const offset = reader.u53();
  const contentType = reader.u8();
  reader.check();
  return { offset, contentType, body: reader.rest() };
}
