/**
 * The 32 bytes before the payload of a message.
 *
 * ```text
 * offset  size  field          encoding
 *      0     4  magic          31 50 58 4D
 *      4     1  type           see MessageType
 *      5     1  flags          see MessageFlags, bits 4-7 are 0
 *      6     2  reserved       0
 *      8     8  messageId      u64, little-endian
 *     16     8  traceId        u64, little-endian
 *     24     8  payloadLength  u64, little-endian, at most 16,777,216
 * ```
 *
 * Spec: docs/spec/messages.md, "Header".
 *
 * @module
 */
import { MAX_PAYLOAD_LENGTH, MESSAGE_HEADER_LENGTH } from "./constants.ts";
import { ProtocolError } from "./error.ts";
import { RESERVED_MESSAGE_FLAGS } from "./message_flags.ts";
import { isValidMessageType } from "./message_type.ts";

/** A decoded message header. */
export interface MessageHeader {
  /** Type byte: see `MessageType`. */
  readonly type: number;
  /** Flag bits: see `MessageFlags`. */
  readonly flags: number;
  /** Number of the message, a u64; a reply carries the number it answers. */
  readonly messageId: bigint;
  /** Number of the work that the message is part of, a u64. */
  readonly traceId: bigint;
  /** Size of the payload, in bytes. */
  readonly payloadLength: number;
}

const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/**
 * Turns a `bigint` into two halves and back. A view made once: making one for
 * each message would cost as much as the rest of the header.
 */
const scratch = new DataView(new ArrayBuffer(8));

function writeU32(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value;
  into[offset + 1] = value >>> 8;
  into[offset + 2] = value >>> 16;
  into[offset + 3] = value >>> 24;
}

function readU32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | bytes[offset + 1]! << 8 |
    bytes[offset + 2]! << 16 | bytes[offset + 3]! << 24) >>> 0;
}

function writeId(into: Uint8Array, offset: number, id: bigint): void {
  if (id < 0n || id > MAX_U64) throw notU64(id);
  scratch.setBigUint64(0, id, true);
  writeU32(into, offset, scratch.getUint32(0, true));
  writeU32(into, offset + 4, scratch.getUint32(4, true));
}

/** Reads a u64 at `offset`, which the caller has checked. */
function readId(bytes: Uint8Array, offset: number): bigint {
  scratch.setUint32(0, readU32(bytes, offset), true);
  scratch.setUint32(4, readU32(bytes, offset + 4), true);
  return scratch.getBigUint64(0, true);
}

/**
 * Writes a message header into a caller's buffer.
 *
 * @param header What to write.
 * @param into Where; 32 bytes are written.
 * @param offset Index of the first byte.
 * @throws {ProtocolError} `BUFFER_TOO_SMALL`, `UNKNOWN_MESSAGE_TYPE`,
 * `RESERVED_FLAGS`, `PAYLOAD_TOO_LARGE`, or `INVALID_VALUE` for an id that is
 * not a u64 or a length that is not an integer.
 */
export function encodeMessageHeaderInto(
  header: MessageHeader,
  into: Uint8Array,
  offset = 0,
): void {
  writeMessageHeader(
    into,
    offset,
    header.type,
    header.flags,
    header.messageId,
    header.traceId,
    header.payloadLength,
  );
}

/**
 * {@linkcode encodeMessageHeaderInto} with the fields one by one: the hot path
 * makes no object for them.
 *
 * @param into Where; 32 bytes are written.
 * @param offset Index of the first byte.
 * @param type Type byte.
 * @param flags Flag bits.
 * @param messageId A u64.
 * @param traceId A u64.
 * @param payloadLength Size of the payload, in bytes.
 * @throws {ProtocolError} As {@linkcode encodeMessageHeaderInto}.
 */
export function writeMessageHeader(
  into: Uint8Array,
  offset: number,
  type: number,
  flags: number,
  messageId: bigint,
  traceId: bigint,
  payloadLength: number,
): void {
  if (
    offset >>> 0 !== offset || offset + MESSAGE_HEADER_LENGTH > into.length
  ) throw bufferTooSmall(into, offset);
  if (!isValidMessageType(type)) throw unknownType(type, "caller");
  if ((flags & RESERVED_MESSAGE_FLAGS) !== 0 || (flags & 0xff) !== flags) {
    throw reservedFlags(flags, "caller");
  }
  if (payloadLength > MAX_PAYLOAD_LENGTH) {
    throw payloadTooLarge(payloadLength, "caller");
  }
  if (!Number.isInteger(payloadLength) || payloadLength < 0) {
    throw invalidLength(payloadLength);
  }
  writeId(into, offset + 8, messageId);
  writeId(into, offset + 16, traceId);
  into[offset] = 0x31;
  into[offset + 1] = 0x50;
  into[offset + 2] = 0x58;
  into[offset + 3] = 0x4d;
  into[offset + 4] = type;
  into[offset + 5] = flags;
  into[offset + 6] = 0;
  into[offset + 7] = 0;
  writeU32(into, offset + 24, payloadLength);
  writeU32(into, offset + 28, 0);
}

/**
 * Decodes and checks a message header: magic, type, flags, reserved field and
 * payload length, in this order.
 *
 * @param bytes Starts with a header; what follows is not looked at.
 * @returns The header.
 * @throws {ProtocolError} `BUFFER_TOO_SMALL` below 32 bytes, `INVALID_MAGIC`,
 * `UNKNOWN_MESSAGE_TYPE`, `RESERVED_FLAGS`, `RESERVED_FIELD` or
 * `PAYLOAD_TOO_LARGE`.
 */
export function decodeMessageHeader(bytes: Uint8Array): MessageHeader {
  if (bytes.length < MESSAGE_HEADER_LENGTH) {
    throw new ProtocolError(
      "BUFFER_TOO_SMALL",
      `Message header: needs ${MESSAGE_HEADER_LENGTH} bytes, got ${bytes.length}`,
      { fault: "peer" },
    );
  }
  const payloadLength = checkMessageHeader(bytes);
  return {
    type: bytes[4]!,
    flags: bytes[5]!,
    messageId: readMessageId(bytes),
    traceId: readTraceId(bytes),
    payloadLength,
  };
}

/**
 * Checks the 32 bytes that the caller made sure of.
 *
 * @param bytes Holds a header.
 * @param offset Index of its first byte; 32 follow at least.
 * @returns The payload length.
 * @throws {ProtocolError} As {@linkcode decodeMessageHeader}.
 */
export function checkMessageHeader(bytes: Uint8Array, offset = 0): number {
  if (
    bytes[offset] !== 0x31 || bytes[offset + 1] !== 0x50 ||
    bytes[offset + 2] !== 0x58 || bytes[offset + 3] !== 0x4d
  ) {
    throw invalidMagic(readU32(bytes, offset));
  }
  const type = bytes[offset + 4]!;
  if (!isValidMessageType(type)) throw unknownType(type, "peer");
  const flags = bytes[offset + 5]!;
  if ((flags & RESERVED_MESSAGE_FLAGS) !== 0) {
    throw reservedFlags(flags, "peer");
  }
  if ((bytes[offset + 6]! | bytes[offset + 7]!) !== 0) {
    throw reservedField();
  }
  const length = readU32(bytes, offset + 24);
  const high = readU32(bytes, offset + 28);
  if (high !== 0 || length > MAX_PAYLOAD_LENGTH) {
    throw payloadTooLarge(high * 0x1_0000_0000 + length, "peer");
  }
  return length;
}

/**
 * Reads the message id of a header that was checked.
 *
 * @param bytes Holds the header.
 * @param offset Index of its first byte.
 * @returns A u64.
 */
export function readMessageId(bytes: Uint8Array, offset = 0): bigint {
  return readId(bytes, offset + 8);
}

/**
 * Reads the trace id of a header that was checked.
 *
 * @param bytes Holds the header.
 * @param offset Index of its first byte.
 * @returns A u64.
 */
export function readTraceId(bytes: Uint8Array, offset = 0): bigint {
  return readId(bytes, offset + 16);
}

function invalidMagic(magic: number): ProtocolError {
  const text = magic.toString(16).padStart(8, "0");
  return new ProtocolError(
    "INVALID_MAGIC",
    `Message header: magic is 0x${text}, not 0x4d585031`,
    { fault: "peer" },
  );
}

function reservedField(): ProtocolError {
  return new ProtocolError(
    "RESERVED_FIELD",
    "Message header: reserved field is not zero",
    { fault: "peer" },
  );
}

function notU64(id: bigint): ProtocolError {
  return new ProtocolError("INVALID_VALUE", `Message: id ${id} is not a u64`);
}

function invalidLength(length: number): ProtocolError {
  return new ProtocolError(
    "INVALID_VALUE",
    `Message header: payload length ${length} is not a size`,
  );
}

function bufferTooSmall(into: Uint8Array, offset: number): ProtocolError {
  return new ProtocolError(
    "BUFFER_TOO_SMALL",
    `Message header: ${MESSAGE_HEADER_LENGTH} bytes do not fit at offset ${offset} of ${into.length}`,
  );
}

function unknownType(type: number, fault: "caller" | "peer"): ProtocolError {
  return new ProtocolError(
    "UNKNOWN_MESSAGE_TYPE",
    `Message header: type 0x${type.toString(16)} is not defined`,
    { fault },
  );
}

function reservedFlags(flags: number, fault: "caller" | "peer"): ProtocolError {
  return new ProtocolError(
    "RESERVED_FLAGS",
    `Message header: flags 0x${flags.toString(16)} set a reserved bit`,
    { fault },
  );
}

function payloadTooLarge(
  length: number,
  fault: "caller" | "peer",
): ProtocolError {
  return new ProtocolError(
    "PAYLOAD_TOO_LARGE",
    `Message: payload of ${length} bytes is above ${MAX_PAYLOAD_LENGTH}`,
    { fault },
  );
}
