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
import { allocateBytes } from "../../internal/byte_pool.ts";
import { ProtocolError } from "../error.ts";

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
  const bytes = allocateBytes(STREAM_CHUNK_HEAD_LENGTH + chunk.body.length);
  encodeStreamChunkInto(chunk, bytes);
  return bytes;
}

/**
 * Encodes the payload of a `StreamChunk` message into a caller's buffer.
 *
 * @param chunk What to encode; borrowed.
 * @param into Where; `9 + body.length` bytes are written.
 * @param at Index of the first byte.
 * @returns How many bytes were written.
 * @throws {ProtocolError} `BUFFER_TOO_SMALL`, `INVALID_VALUE`.
 */
export function encodeStreamChunkInto(
  chunk: StreamChunkPayload,
  into: Uint8Array,
  at = 0,
): number {
  const { offset, contentType, body } = chunk;
  const length = STREAM_CHUNK_HEAD_LENGTH + body.length;
  if (at >>> 0 !== at || at + length > into.length) {
    throw new ProtocolError(
      "BUFFER_TOO_SMALL",
      `StreamChunk: ${length} bytes do not fit at offset ${at} of ${into.length}`,
    );
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw invalid(`offset ${offset} is no index`);
  }
  if ((contentType & 0xff) !== contentType) {
    throw invalid(`contentType ${contentType} is not a byte`);
  }
  const high = Math.floor(offset / 0x1_0000_0000);
  into[at] = offset;
  into[at + 1] = offset >>> 8;
  into[at + 2] = offset >>> 16;
  into[at + 3] = offset >>> 24;
  into[at + 4] = high;
  into[at + 5] = high >>> 8;
  into[at + 6] = high >>> 16;
  into[at + 7] = 0;
  into[at + 8] = contentType;
  into.set(body, at + STREAM_CHUNK_HEAD_LENGTH);
  return length;
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
  // Field by field and without a reader: a token is all that there is to gain.
  if (payload.length < STREAM_CHUNK_HEAD_LENGTH) {
    throw new ProtocolError(
      "PAYLOAD_TRUNCATED",
      `StreamChunk: ends early, at ${payload.length} bytes`,
      { fault: "peer" },
    );
  }
  const high = payload[4]! | payload[5]! << 8 | payload[6]! << 16;
  if (high > 0x1f_ffff || payload[7] !== 0) {
    throw invalid("number is above 2^53 - 1", "PAYLOAD_INVALID");
  }
  const low = payload[0]! | payload[1]! << 8 | payload[2]! << 16 |
    payload[3]! << 24;
  return {
    offset: high * 0x1_0000_0000 + (low >>> 0),
    contentType: payload[8]!,
    body: payload.subarray(STREAM_CHUNK_HEAD_LENGTH),
  };
}

function invalid(
  detail: string,
  code: "INVALID_VALUE" | "PAYLOAD_INVALID" = "INVALID_VALUE",
): ProtocolError {
  return new ProtocolError(
    code,
    `StreamChunk: ${detail}`,
    code === "PAYLOAD_INVALID" ? { fault: "peer" } : {},
  );
}
