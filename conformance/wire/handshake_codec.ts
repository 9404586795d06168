/**
 * The packets of the handshake, written anew from docs/spec/transport.md: what
 * judges a node must not share its mistakes. Any field can be given a value
 * that the specification forbids.
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import {
  hmacSha256,
  isEqualConstantTime,
  sha256,
  X25519_KEY_LENGTH,
} from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { xxh3_64 } from "../../protocol/mod.ts";

/** Size of a packet header, in bytes. */
export const HEADER_BYTES = 32;

/** Smallest datagram of a hello, in bytes. */
export const HELLO_BYTES = 1_200;

/** Size of a connection id, in bytes. */
export const ID_BYTES = 8;

/** First byte of a handshake packet. */
export const Kind = {
  /** The first message. */
  HELLO: 1,
  /** Its answer. */
  ANSWER: 2,
  /** The third message. */
  FINISH: 3,
  /** The version is not known. */
  VERSIONS: 4,
  /** Again, with a cookie. */
  RETRY: 5,
  /** No. */
  REFUSAL: 6,
  /** What did not fit into a hello. */
  HELLO_REST: 7,
  /** What did not fit into an answer. */
  ANSWER_REST: 8,
} as const;

/** Size of a MAC and of a confirmation, in bytes. */
export const MAC_BYTES = 16;

const CHECKSUM_BYTES = 8;
const HANDSHAKE_FLAG = 0x01;
const LENGTH_OFFSET = 18;
const FLAGS_OFFSET = 16;

const text = new TextEncoder();
const MAC_LABEL = text.encode("mxp v1 mac");
const PROLOGUE_LABEL = text.encode("mxp transport v1");

/** The fields of a hello that the prologue covers. */
export interface HelloHead {
  /** Transport version. */
  readonly version: number;
  /** The id that we choose. */
  readonly connectionId: Uint8Array;
  /** 1 IK, 2 XX. */
  readonly pattern: number;
  /** Suites, the one in use first. */
  readonly suites: readonly number[];
  /** With pattern 3: the ticket. */
  readonly ticket?: Uint8Array;
}

/** All fields of a hello. */
export interface HelloFields extends HelloHead {
  /** Cookie of the last retry; empty without one. */
  readonly cookie: Uint8Array;
  /** Noise message 1. */
  readonly noise: Uint8Array;
  /** Key of the MAC. */
  readonly macKey: Uint8Array;
  /**
   * Size of the datagram, in bytes.
   *
   * @default {HELLO_BYTES}
   */
  readonly datagramBytes?: number;
}

/**
 * Key of the MAC of a hello.
 *
 * @param responderKey Static public key of the responder; absent in XX.
 * @returns 32 bytes.
 */
export function helloMacKey(
  responderKey: Uint8Array = new Uint8Array(X25519_KEY_LENGTH),
): Uint8Array {
  return sha256(concat(MAC_LABEL, responderKey));
}

/**
 * Key of the MAC of an answer and of a retry.
 *
 * @param connectionId The initiator's.
 * @param noise Noise message 1.
 * @returns 32 bytes.
 */
export function answerMacKey(
  connectionId: Uint8Array,
  noise: Uint8Array,
): Uint8Array {
  return sha256(
    concat(MAC_LABEL, connectionId, noise.subarray(0, X25519_KEY_LENGTH)),
  );
}

/**
 * The prologue of the Noise handshake.
 *
 * @param head The fields that it covers.
 * @returns New bytes.
 */
export function prologueOf(head: HelloHead): Uint8Array {
  return concat(PROLOGUE_LABEL, headBytes(head));
}

/**
 * Encodes a hello.
 *
 * @param fields Its fields, which may be wrong ones.
 * @returns The whole datagram.
 */
export function encodeHello(fields: HelloFields): Uint8Array {
  const { cookie, noise } = fields;
  const head = headBytes(fields);
  const needed = HEADER_BYTES + head.length + 2 + cookie.length + 2 +
    noise.length + MAC_BYTES + CHECKSUM_BYTES;
  const packet = beginPacket(
    new Uint8Array(ID_BYTES),
    Math.max(needed, fields.datagramBytes ?? HELLO_BYTES) - HEADER_BYTES,
  );
  const writer = new ByteWriter(packet, HEADER_BYTES);
  writer.bytes(head);
  writer.u16(cookie.length);
  writer.bytes(cookie);
  writer.u16(noise.length);
  writer.bytes(noise);
  return finishHello(packet, fields.macKey);
}

/** What of a long Noise message the first packet holds, in bytes. */
const FIRST_PART_BYTES = 1_000;

/**
 * Splits a Noise message that one datagram does not hold.
 *
 * @param message The whole message.
 * @returns What goes into the field of the first packet, and the rest.
 */
export function splitNoise(
  message: Uint8Array,
): { readonly field: Uint8Array; readonly rest: Uint8Array } {
  const rest = message.subarray(FIRST_PART_BYTES);
  const first = message.subarray(0, FIRST_PART_BYTES);
  return { field: concat(first, sha256(rest)), rest };
}

/**
 * Joins what {@linkcode splitNoise} has split.
 *
 * @param field From the first packet.
 * @param rest From the second.
 * @returns The message, or `undefined` when they do not belong together.
 */
export function joinNoise(
  field: Uint8Array,
  rest: Uint8Array,
): Uint8Array | undefined {
  const at = FIRST_PART_BYTES;
  if (field.length !== at + 32) return undefined;
  return isEqualConstantTime(field.subarray(at), sha256(rest))
    ? concat(field.subarray(0, at), rest)
    : undefined;
}

/**
 * Encodes the second datagram of a hello.
 *
 * @param connectionId The id of the hello.
 * @param rest What did not fit.
 * @returns The whole datagram.
 */
export function encodeHelloRest(
  connectionId: Uint8Array,
  rest: Uint8Array,
): Uint8Array {
  const packet = beginPacket(
    new Uint8Array(ID_BYTES),
    HELLO_BYTES - HEADER_BYTES,
  );
  const writer = new ByteWriter(packet, HEADER_BYTES);
  writer.u8(Kind.HELLO_REST);
  writer.u32(1);
  writer.bytes(connectionId);
  writer.u16(rest.length);
  writer.bytes(rest);
  return packet;
}

/**
 * Makes MAC and checksum of a hello anew, after its bytes were changed.
 *
 * @param packet The hello; changed in place.
 * @param macKey Key of the MAC; absent: the MAC stays.
 * @returns The same packet.
 */
export function finishHello(
  packet: Uint8Array,
  macKey?: Uint8Array,
): Uint8Array {
  const checksumAt = packet.length - CHECKSUM_BYTES;
  const macAt = checksumAt - MAC_BYTES;
  if (macKey !== undefined) {
    packet.set(macOf(macKey, packet.subarray(0, macAt)), macAt);
  }
  new DataView(packet.buffer, packet.byteOffset).setBigUint64(
    checksumAt,
    xxh3_64(packet.subarray(0, checksumAt)),
    true,
  );
  return packet;
}

/** A handshake packet that arrived. */
export interface HandshakePacket {
  /** First byte of its payload. */
  readonly kind: number;
  /** Where it goes. */
  readonly connectionId: Uint8Array;
  /** What follows the kind. */
  readonly body: Uint8Array;
  /** The whole packet. */
  readonly packet: Uint8Array;
  /** What follows the packet in its datagram. */
  readonly rest: Uint8Array;
}

/**
 * Reads the packet at the start of a datagram as a handshake packet.
 *
 * @param datagram The datagram.
 * @returns The packet, or `undefined` when it is none.
 */
export function parseHandshakePacket(
  datagram: Uint8Array,
): HandshakePacket | undefined {
  if (datagram.length <= HEADER_BYTES) return undefined;
  if (datagram[FLAGS_OFFSET] !== HANDSHAKE_FLAG) return undefined;
  const isZero = (start: number, end: number): boolean =>
    datagram.subarray(start, end).every((byte) => byte === 0);
  if (
    !isZero(ID_BYTES, FLAGS_OFFSET) || !isZero(17, 18) ||
    !isZero(20, HEADER_BYTES)
  ) return undefined;
  const length = datagram[LENGTH_OFFSET]! | datagram[LENGTH_OFFSET + 1]! << 8;
  const end = HEADER_BYTES + length;
  if (length === 0 || end > datagram.length) return undefined;
  return {
    kind: datagram[HEADER_BYTES]!,
    connectionId: datagram.subarray(0, ID_BYTES),
    body: datagram.subarray(HEADER_BYTES + 1, end),
    packet: datagram.subarray(0, end),
    rest: datagram.subarray(end),
  };
}

/**
 * Reads `length, bytes, 16 bytes`: an answer or a retry.
 *
 * @param body What follows the kind.
 * @returns The bytes and the MAC, or `undefined` when it does not fit.
 */
export function parseBlock(
  body: Uint8Array,
): { readonly bytes: Uint8Array; readonly mac: Uint8Array } | undefined {
  const reader = new ByteReader(body);
  const bytes = reader.bytes(reader.u16());
  const mac = reader.bytes(MAC_BYTES);
  return reader.isFailed || reader.remaining > 0 ? undefined : { bytes, mac };
}

/**
 * Checks the MAC at the end of an answer or a retry.
 *
 * @param packet The whole packet.
 * @param key From {@linkcode answerMacKey}.
 * @returns Whether it is right.
 */
export function hasRightMac(packet: Uint8Array, key: Uint8Array): boolean {
  const at = packet.length - MAC_BYTES;
  return at >= HEADER_BYTES &&
    isEqualConstantTime(
      packet.subarray(at),
      macOf(key, packet.subarray(0, at)),
    );
}

/**
 * Encodes a finish.
 *
 * @param connectionId The responder's.
 * @param noise Noise message 3; empty in IK.
 * @param confirmation 16 bytes.
 * @returns The whole packet.
 */
export function encodeFinish(
  connectionId: Uint8Array,
  noise: Uint8Array,
  confirmation: Uint8Array,
): Uint8Array {
  const packet = beginPacket(connectionId, 3 + noise.length + MAC_BYTES);
  const writer = new ByteWriter(packet, HEADER_BYTES);
  writer.u8(Kind.FINISH);
  writer.u16(noise.length);
  writer.bytes(noise);
  writer.bytes(confirmation);
  return packet;
}

/**
 * The first 16 bytes of an HMAC.
 *
 * @param key The key.
 * @param bytes What it covers.
 * @returns 16 bytes.
 */
export function macOf(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmacSha256(key, bytes).slice(0, MAC_BYTES);
}

function headBytes(head: HelloHead): Uint8Array {
  const { suites, ticket } = head;
  const ticketBytes = ticket === undefined ? 0 : 2 + ticket.length;
  const writer = new ByteWriter(
    new Uint8Array(15 + suites.length + ticketBytes),
  );
  writer.u8(Kind.HELLO);
  writer.u32(head.version);
  writer.bytes(head.connectionId);
  writer.u8(head.pattern);
  writer.u8(suites.length);
  writer.bytes(Uint8Array.from(suites));
  if (ticket !== undefined) {
    writer.u16(ticket.length);
    writer.bytes(ticket);
  }
  return writer.buffer;
}

/**
 * A packet of zeros with the header of a handshake packet.
 *
 * @param connectionId Where it goes.
 * @param payloadBytes What follows the header.
 * @returns The packet.
 */
export function beginPacket(
  connectionId: Uint8Array,
  payloadBytes: number,
): Uint8Array {
  const packet = new Uint8Array(HEADER_BYTES + payloadBytes);
  packet.set(connectionId);
  packet[FLAGS_OFFSET] = HANDSHAKE_FLAG;
  packet[LENGTH_OFFSET] = payloadBytes & 0xff;
  packet[LENGTH_OFFSET + 1] = payloadBytes >>> 8;
  return packet;
}
