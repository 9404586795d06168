/**
 * A message: a header of 32 bytes, a payload and a checksum of 8 bytes.
 *
 * ```text
 * offset  size  field     encoding
 *      0    32  header    see message_header.ts
 *     32     n  payload   bytes
 *   32+n     8  checksum  XXH3-64 with seed 0 over header and payload, u64, little-endian
 * ```
 *
 * Spec: docs/spec/messages.md, "Message".
 *
 * @module
 */
import {
  MAX_PAYLOAD_LENGTH,
  MESSAGE_CHECKSUM_LENGTH,
  MESSAGE_HEADER_LENGTH,
  MESSAGE_OVERHEAD,
} from "./constants.ts";
import { ProtocolError } from "./error.ts";
import {
  checkMessageHeader,
  readMessageId,
  readTraceId,
  writeMessageHeader,
} from "./message_header.ts";
import { xxh3_64Halves } from "./xxh3.ts";

/** A message. */
export interface Message {
  /** Type byte: see `MessageType`. */
  readonly type: number;
  /** Flag bits: see `MessageFlags`. */
  readonly flags: number;
  /** Number of the message, a u64; a reply carries the number it answers. */
  readonly messageId: bigint;
  /** Number of the work that the message is part of, a u64. */
  readonly traceId: bigint;
  /** At most 16 MiB. Borrowed when encoding, a view of the input after decoding. */
  readonly payload: Uint8Array;
}

/** Low and high half of the last checksum: reused, nothing is kept in it between calls. */
const checksum = new Uint32Array(2);

/**
 * Size of an encoded message.
 *
 * @param payloadLength Size of its payload, in bytes.
 * @returns Size of the message, in bytes.
 *
 * @example Usage
 * ```ts
 * import { messageLength } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * assert.equal(messageLength(256), 296);
 * ```
 */
export function messageLength(payloadLength: number): number {
  return payloadLength + MESSAGE_OVERHEAD;
}

/**
 * Encodes a message into new bytes.
 *
 * @param message What to encode; borrowed.
 * @returns The encoded message, owned by the caller.
 * @throws {ProtocolError} As {@linkcode encodeMessageInto}.
 *
 * @example Usage
 * ```ts
 * import { decodeMessage, encodeMessage, MessageType } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeMessage({
 *   type: MessageType.EVENT,
 *   flags: 0,
 *   messageId: 1n,
 *   traceId: 2n,
 *   payload: new Uint8Array([3]),
 * });
 * assert.equal(bytes.length, 41);
 * assert.equal(decodeMessage(bytes).traceId, 2n);
 * ```
 */
export function encodeMessage(message: Message): Uint8Array {
  // Before the allocation, since the size may be far above the limit.
  if (message.payload.length > MAX_PAYLOAD_LENGTH) {
    throw new ProtocolError(
      "PAYLOAD_TOO_LARGE",
      `Message: payload of ${message.payload.length} bytes is above ${MAX_PAYLOAD_LENGTH}`,
    );
  }
  const bytes = new Uint8Array(message.payload.length + MESSAGE_OVERHEAD);
  encodeMessageInto(message, bytes, 0);
  return bytes;
}

/**
 * Encodes a message into a caller's buffer. On an error the buffer holds
 * nothing of use.
 *
 * @param message What to encode; borrowed.
 * @param into Where to write. The payload may lie anywhere in it.
 * @param offset Index of the first byte.
 * @returns How many bytes were written.
 * @throws {ProtocolError} `BUFFER_TOO_SMALL` when the message does not fit,
 * `PAYLOAD_TOO_LARGE` above 16 MiB, `UNKNOWN_MESSAGE_TYPE`, `RESERVED_FLAGS`,
 * or `INVALID_VALUE` for an id that is not a u64.
 */
export function encodeMessageInto(
  message: Message,
  into: Uint8Array,
  offset = 0,
): number {
  const payload = message.payload;
  const payloadStart = offset + MESSAGE_HEADER_LENGTH;
  const end = payloadStart + payload.length;
  if (offset >>> 0 !== offset || end + MESSAGE_CHECKSUM_LENGTH > into.length) {
    throw bufferTooSmall(payload.length, into, offset);
  }
  // First, so that a payload that lies elsewhere in `into` is moved unharmed.
  into.set(payload, payloadStart);
  return completeMessage(message, payload.length, into, offset);
}

/**
 * Writes header and checksum around a payload that is in its place already:
 * for payloads that are written straight into the buffer of their message.
 *
 * @param head The fields of the header.
 * @param payloadLength Size of the payload, in bytes.
 * @param into Where; the payload starts at `offset + 32`, and 8 bytes are free
 * behind it.
 * @param offset Index of the message's first byte.
 * @returns Size of the message, in bytes.
 * @throws {ProtocolError} As {@linkcode encodeMessageInto}.
 */
export function completeMessage(
  head: Omit<Message, "payload">,
  payloadLength: number,
  into: Uint8Array,
  offset = 0,
): number {
  const end = offset + MESSAGE_HEADER_LENGTH + payloadLength;
  if (end + MESSAGE_CHECKSUM_LENGTH > into.length) {
    throw bufferTooSmall(payloadLength, into, offset);
  }
  writeMessageHeader(
    into,
    offset,
    head.type,
    head.flags,
    head.messageId,
    head.traceId,
    payloadLength,
  );
  xxh3_64Halves(into, offset, end, checksum);
  writeChecksum(into, end);
  return end + MESSAGE_CHECKSUM_LENGTH - offset;
}

/**
 * Decodes the message at `offset` of `bytes` without copying.
 *
 * A message carries its own length, so bytes after the checksum are not part
 * of it and are not looked at: they may be the next message. Whoever expects
 * exactly one compares `messageLength(message.payload.length)` with
 * `bytes.length`.
 *
 * Checks, in this order: 40 bytes, magic, type, flags, reserved field, payload
 * length, whole message present, checksum.
 *
 * @param bytes Holds a message; borrowed.
 * @param offset Index of its first byte.
 * @returns The message. Its payload is a view of `bytes`: copy it to keep it
 * past the buffer's next use.
 * @throws {ProtocolError} `BUFFER_TOO_SMALL`, `INVALID_MAGIC`,
 * `UNKNOWN_MESSAGE_TYPE`, `RESERVED_FLAGS`, `RESERVED_FIELD`,
 * `PAYLOAD_TOO_LARGE` or `CHECKSUM_MISMATCH`.
 */
export function decodeMessage(bytes: Uint8Array, offset = 0): Message {
  const available = bytes.length - offset;
  if (offset >>> 0 !== offset || available < MESSAGE_OVERHEAD) {
    throw tooShort(MESSAGE_OVERHEAD, available);
  }
  const start = offset + MESSAGE_HEADER_LENGTH;
  const end = start + checkMessageHeader(bytes, offset);
  if (end + MESSAGE_CHECKSUM_LENGTH > bytes.length) {
    throw tooShort(end + MESSAGE_CHECKSUM_LENGTH - offset, available);
  }
  xxh3_64Halves(bytes, offset, end, checksum);
  if (!isChecksumAt(bytes, end)) throw checksumMismatch(end - start);
  return {
    type: bytes[offset + 4]!,
    flags: bytes[offset + 5]!,
    messageId: readMessageId(bytes, offset),
    traceId: readTraceId(bytes, offset),
    payload: bytes.subarray(start, end),
  };
}

/**
 * Tells how long the message is whose first bytes have arrived, so that a
 * reader of a stream knows how much to wait for. The header is checked, so that
 * a stream that holds no messages ends early; the checksum is not.
 *
 * @param bytes Holds a message, perhaps an incomplete one; borrowed.
 * @param offset Index of its first byte.
 * @returns Size of the whole message, in bytes, or undefined below 32 bytes.
 * @throws {ProtocolError} `INVALID_MAGIC`, `UNKNOWN_MESSAGE_TYPE`,
 * `RESERVED_FLAGS`, `RESERVED_FIELD` or `PAYLOAD_TOO_LARGE`.
 */
export function peekMessageLength(
  bytes: Uint8Array,
  offset = 0,
): number | undefined {
  if (bytes.length - offset < MESSAGE_HEADER_LENGTH) return undefined;
  return checkMessageHeader(bytes, offset) + MESSAGE_OVERHEAD;
}

function writeChecksum(into: Uint8Array, at: number): void {
  const low = checksum[0]!;
  const high = checksum[1]!;
  into[at] = low;
  into[at + 1] = low >>> 8;
  into[at + 2] = low >>> 16;
  into[at + 3] = low >>> 24;
  into[at + 4] = high;
  into[at + 5] = high >>> 8;
  into[at + 6] = high >>> 16;
  into[at + 7] = high >>> 24;
}

function isChecksumAt(bytes: Uint8Array, at: number): boolean {
  const low = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 |
    bytes[at + 3]! << 24;
  const high = bytes[at + 4]! | bytes[at + 5]! << 8 | bytes[at + 6]! << 16 |
    bytes[at + 7]! << 24;
  return low >>> 0 === checksum[0] && high >>> 0 === checksum[1];
}

function checksumMismatch(payloadLength: number): ProtocolError {
  return new ProtocolError(
    "CHECKSUM_MISMATCH",
    `Message: checksum does not fit a payload of ${payloadLength} bytes`,
    { fault: "peer" },
  );
}

function bufferTooSmall(
  payloadLength: number,
  into: Uint8Array,
  offset: number,
): ProtocolError {
  return new ProtocolError(
    "BUFFER_TOO_SMALL",
    `Message: ${
      messageLength(payloadLength)
    } bytes do not fit at offset ${offset} of ${into.length}`,
  );
}

function tooShort(needed: number, got: number): ProtocolError {
  return new ProtocolError(
    "BUFFER_TOO_SMALL",
    `Message: needs ${needed} bytes, got ${got}`,
    { fault: "peer" },
  );
}
