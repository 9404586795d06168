/**
 * The 32-byte packet header.
 *
 * ```text
 * offset  size  field           encoding
 *      0     8  connection id   opaque, chosen by the receiver; 0 in a hello
 *      8     8  packet number   u64, little-endian            (masked)
 *     16     1  flags           see PacketFlags               (masked)
 *     17     1  reserved        must be 0
 *     18     2  payload length  u16, little-endian: ciphertext and tag
 *     20    12  nonce           IV xor packet number          (masked)
 * ```
 *
 * The whole header, unmasked, is the associated data of the packet. In a
 * handshake packet nothing is masked, and packet number and nonce are zero.
 *
 * Spec: docs/spec/transport.md, "Packets".
 *
 * @module
 */
import { readU53 } from "../internal/u53.ts";
import { CONNECTION_ID_LENGTH } from "./connection_id.ts";

/** Size of the packet header, in bytes. */
export const PACKET_HEADER_LENGTH = 32;

/** Size of the authentication tag behind the ciphertext, in bytes. */
export const PACKET_TAG_LENGTH = 16;

/** What a packet costs beside its frames, in bytes. */
export const PACKET_OVERHEAD_LENGTH: number = PACKET_HEADER_LENGTH +
  PACKET_TAG_LENGTH;

/** Largest value of the payload length field: ciphertext and tag together. */
export const MAX_PACKET_PAYLOAD_LENGTH = 0xffff;

/** Offset of the packet number. */
export const PACKET_NUMBER_OFFSET = 8;
/** Offset of the flags. */
export const PACKET_FLAGS_OFFSET = 16;
/** Offset of the reserved byte. */
export const PACKET_RESERVED_OFFSET = 17;
/** Offset of the payload length. */
export const PACKET_LENGTH_OFFSET = 18;
/** Offset of the nonce. */
export const PACKET_NONCE_OFFSET = 20;
/** Size of the nonce, in bytes. */
export const PACKET_NONCE_LENGTH = 12;

/** Bits of the flags byte. Bits 5 to 7 must be 0. */
export const PacketFlags = {
  /** A message of the handshake; the header is in the clear. */
  HANDSHAKE: 0x01,
  /** The receiver has to acknowledge this packet. */
  ACK_ELICITING: 0x02,
  /** The packet holds an Ack frame. */
  ACK: 0x04,
  /** Which generation of keys sealed the packet. */
  KEY_PHASE: 0x08,
  /** Sent to find out whether the peer is there, not to carry data. */
  PROBE: 0x10,
} as const;

/** Bits of the flags byte that no version 1 packet sets. */
export const RESERVED_PACKET_FLAGS = 0xe0;

/** What the plain fields of a packet header are set to. */
export interface PacketHeader {
  /** Eight bytes that the receiver chose; zeros for a hello. */
  readonly connectionId: Uint8Array;
  /** Packet number, 0 in a handshake packet. */
  readonly packetNumber: number;
  /** Bits of {@linkcode PacketFlags}. */
  readonly flags: number;
  /** Bytes behind the header: ciphertext and tag. */
  readonly payloadLength: number;
}

/**
 * Writes a header without its nonce, which stays zero.
 *
 * @param into Where to write; 32 bytes from `offset` on must exist.
 * @param offset Where the packet starts.
 * @param header The fields.
 */
export function encodePacketHeader(
  into: Uint8Array,
  offset: number,
  header: PacketHeader,
): void {
  into.set(header.connectionId, offset);
  writePacketNumber(into, offset + PACKET_NUMBER_OFFSET, header.packetNumber);
  into[offset + PACKET_FLAGS_OFFSET] = header.flags;
  into[offset + PACKET_RESERVED_OFFSET] = 0;
  into[offset + PACKET_LENGTH_OFFSET] = header.payloadLength & 0xff;
  into[offset + PACKET_LENGTH_OFFSET + 1] = header.payloadLength >>> 8;
  into.fill(0, offset + PACKET_NONCE_OFFSET, offset + PACKET_HEADER_LENGTH);
}

/**
 * Reads the payload length of a packet.
 *
 * @param bytes A datagram.
 * @param offset Where the packet starts; 32 bytes must follow.
 * @returns Length of ciphertext and tag in bytes, as claimed.
 */
export function packetPayloadLength(bytes: Uint8Array, offset: number): number {
  return bytes[offset + PACKET_LENGTH_OFFSET]! |
    (bytes[offset + PACKET_LENGTH_OFFSET + 1]! << 8);
}

/**
 * Whether the header is that of a handshake packet: the flag alone is set, and
 * reserved byte, packet number and nonce are zero. A masked header looks like
 * this by chance once in 2^176 packets.
 *
 * @param bytes A datagram.
 * @param offset Where the packet starts; 32 bytes must follow.
 * @returns Whether it is one.
 */
export function isHandshakeHeader(bytes: Uint8Array, offset: number): boolean {
  if (bytes[offset + PACKET_FLAGS_OFFSET] !== PacketFlags.HANDSHAKE) {
    return false;
  }
  if (bytes[offset + PACKET_RESERVED_OFFSET] !== 0) return false;
  for (
    let i = offset + CONNECTION_ID_LENGTH;
    i < offset + PACKET_FLAGS_OFFSET;
    i++
  ) {
    if (bytes[i] !== 0) return false;
  }
  for (
    let i = offset + PACKET_NONCE_OFFSET;
    i < offset + PACKET_HEADER_LENGTH;
    i++
  ) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}

/**
 * Writes a packet number as 64 bits, little-endian.
 *
 * @param into Where to write.
 * @param offset Where the number starts.
 * @param packetNumber An integer from 0 to 2^53 - 1.
 */
export function writePacketNumber(
  into: Uint8Array,
  offset: number,
  packetNumber: number,
): void {
  const low = packetNumber >>> 0;
  const high = Math.floor(packetNumber / 0x100000000);
  into[offset] = low;
  into[offset + 1] = low >>> 8;
  into[offset + 2] = low >>> 16;
  into[offset + 3] = low >>> 24;
  into[offset + 4] = high;
  into[offset + 5] = high >>> 8;
  into[offset + 6] = high >>> 16;
  into[offset + 7] = 0;
}

/**
 * Reads a packet number.
 *
 * @param bytes Where to read.
 * @param offset Where the number starts.
 * @returns The number, or -1 when it is 2^53 or more.
 */
export function readPacketNumber(bytes: Uint8Array, offset: number): number {
  return readU53(bytes, offset);
}
