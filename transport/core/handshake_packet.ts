/**
 * The packets of the handshake, byte for byte.
 *
 * Every one has the 32-byte packet header with the flag HANDSHAKE, in the
 * clear, and begins with its kind. All integers are little-endian.
 *
 * ```text
 * InitiatorHello      kind 1 · version u32 · initiator connection id 8 · pattern u8
 *                     · suite count u8 · suites u8 each
 *                     · in the pattern NNpsk0: ticket length u16 · ticket
 *                     · cookie length u16 · cookie · noise length u16 · noise message 1 · zeros · mac 16
 *                     · checksum 8
 * ResponderHello      kind 2 · noise length u16 · noise message 2 · mac 16
 * InitiatorFinish     kind 3 · noise length u16 · noise message 3 · confirmation 16
 * VersionNegotiation  kind 4 · count u8 · versions u32 each
 * Retry               kind 5 · cookie length u16 · cookie · mac 16
 * Refusal             kind 6 · reason u8; for a suite see `suite_refusal.ts`,
 *                     for a ticket `ticket_refusal.ts`
 * HelloRest           kind 7, see `split_message.ts`
 * AnswerRest          kind 8, see `split_message.ts`
 * ```
 *
 * Kind, version and initiator connection id never move: an endpoint that does
 * not know the version can still answer. The initiator's part up to suites and
 * ticket is the prologue of the Noise handshake, so that changing it fails the
 * handshake. The cookie is outside, so that a retry repeats the same message.
 *
 * Spec: docs/spec/transport.md, "Handshake packets".
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import { hmacSha256, isEqualConstantTime, sha256 } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import {
  encodePacketHeader,
  isHelloId,
  PACKET_HEADER_LENGTH,
  PacketFlags,
  xxh3_64Halves,
} from "../../protocol/mod.ts";
import { MIN_HELLO_DATAGRAM_BYTES } from "./config.ts";

/** First byte of a handshake packet. */
export const HandshakeKind = {
  /** First message, from the initiator. */
  INITIATOR_HELLO: 1,
  /** Second message, from the responder. */
  RESPONDER_HELLO: 2,
  /** Third message, from the initiator: key confirmation. */
  INITIATOR_FINISH: 3,
  /** The responder does not speak the version of the hello. */
  VERSION_NEGOTIATION: 4,
  /** The responder wants the hello again, with a cookie that proves its address. */
  RETRY: 5,
  /** The responder will not answer, and says why. */
  REFUSAL: 6,
  /** What of a hello did not fit its first packet. */
  HELLO_REST: 7,
  /** What of an answer did not fit its first packet. */
  ANSWER_REST: 8,
} as const;

/** Pattern byte of a hello. */
export const HandshakePatternCode = {
  /** The responder's static key is known. */
  IK: 1,
  /** It is not: both ends transmit theirs. */
  XX: 2,
  /** The responder has given a ticket, which stands for both static keys. */
  NNPSK0: 3,
} as const;

/** Reason byte of a refusal. */
export const RefusalReason = {
  /** The hello was made for another static key. */
  WRONG_KEY: 1,
  /** No suite in common, or not the best one. */
  SUITE: 2,
  /** The ticket is not taken; nothing of what came with it was processed. */
  TICKET: 3,
  /** The ticket was used before, and what came with it processed then. */
  TICKET_USED: 4,
} as const;

/** Size of the MAC of a hello and of the confirmation of a finish, in bytes. */
export const HANDSHAKE_MAC_LENGTH = 16;

/**
 * Size of the XXH3-64 at the end of a hello, in bytes. It tells damage on the
 * way from a MAC under another key, which is answered with a refusal.
 */
const CHECKSUM_LENGTH = 8;

/** Size of the ephemeral key that begins the first Noise message, in bytes. */
export const NOISE_EPHEMERAL_LENGTH = 32;

/** Longest cookie of a hello, in bytes. */
export const MAX_COOKIE_LENGTH = 64;

/** Longest ticket of a hello, in bytes. */
export const MAX_TICKET_LENGTH = 512;

/** Most suites that a hello may list. */
export const MAX_SUITES = 8;

/** Most versions that a negotiation may list. */
const MAX_VERSIONS = 32;

const PROLOGUE_LABEL = new TextEncoder().encode("mxp transport v1");
const MAC_LABEL = new TextEncoder().encode("mxp v1 mac");
const NO_KEY = new Uint8Array(32);

/** A decoded InitiatorHello. Its arrays are views of the packet. */
export interface InitiatorHello {
  /** Transport version. */
  readonly version: number;
  /** The id that the initiator chose. */
  readonly connectionId: Uint8Array;
  /** One of {@linkcode HandshakePatternCode}. */
  readonly pattern: number;
  /** Suite numbers, the one in use first. */
  readonly suites: Uint8Array;
  /** A ticket of the responder, in the pattern NNpsk0; no other has one. */
  readonly ticket?: Uint8Array;
  /** Proof of address from an earlier retry; empty without one. */
  readonly cookie: Uint8Array;
  /** The first Noise message. */
  readonly noise: Uint8Array;
}

/** The fields of a hello that are part of the prologue. */
export type HelloHead = Pick<
  InitiatorHello,
  "version" | "connectionId" | "pattern" | "suites" | "ticket"
>;

/** The fields that every version keeps in place. */
export interface HelloInvariants {
  /** Transport version. */
  readonly version: number;
  /** The id that the initiator chose. */
  readonly connectionId: Uint8Array;
}

/**
 * Key of the MAC of an InitiatorHello: only who knows whom it calls can make it.
 *
 * @param responderPublicKey Static key of the responder; absent where it is not
 * known (XX), and the MAC is then no more than a checksum.
 * @returns 32 bytes.
 */
export function helloMacKey(
  responderPublicKey: Uint8Array = NO_KEY,
): Uint8Array {
  return sha256(concat(MAC_LABEL, responderPublicKey));
}

/**
 * Key of the MAC of a ResponderHello and of a Retry: only who saw the hello can
 * make it.
 *
 * @param connectionId The id that the initiator chose.
 * @param ephemeral The first 32 bytes of the first Noise message.
 * @returns 32 bytes.
 */
export function responseMacKey(
  connectionId: Uint8Array,
  ephemeral: Uint8Array,
): Uint8Array {
  return sha256(concat(MAC_LABEL, connectionId, ephemeral));
}

/**
 * The prologue of the Noise handshake.
 *
 * @param hello The fields of the InitiatorHello that must not change on the way.
 * @returns New bytes.
 */
export function handshakePrologue(hello: HelloHead): Uint8Array {
  const writer = new ByteWriter(
    new Uint8Array(PROLOGUE_LABEL.length + helloHeadLength(hello)),
  );
  writer.bytes(PROLOGUE_LABEL);
  writeHelloHead(writer, hello);
  return writer.buffer;
}

/**
 * Encodes an InitiatorHello, padded to {@linkcode MIN_HELLO_DATAGRAM_BYTES}.
 *
 * @param hello The fields.
 * @param macKey From {@linkcode helloMacKey}.
 * @returns The whole datagram.
 */
export function encodeInitiatorHello(
  hello: InitiatorHello,
  macKey: Uint8Array,
): Uint8Array {
  const needed = PACKET_HEADER_LENGTH + helloHeadLength(hello) + 2 +
    hello.cookie.length + 2 + hello.noise.length + HANDSHAKE_MAC_LENGTH +
    CHECKSUM_LENGTH;
  const writer = beginHandshakePacket(
    Math.max(needed, MIN_HELLO_DATAGRAM_BYTES),
    new Uint8Array(8),
  );
  writeHelloHead(writer, hello);
  writer.u16(hello.cookie.length);
  writer.bytes(hello.cookie);
  writer.u16(hello.noise.length);
  writer.bytes(hello.noise);
  writer.zeros(writer.remaining - HANDSHAKE_MAC_LENGTH - CHECKSUM_LENGTH);
  writeHandshakeMac(writer, macKey);
  const [low, high] = checksumOf(writer.buffer);
  writer.u32(low);
  writer.u32(high);
  return writer.buffer;
}

/**
 * How long the payload of the first Noise message may be for the hello to stay
 * within {@linkcode MIN_HELLO_DATAGRAM_BYTES}, whatever cookie it will need.
 *
 * @param head The fields of the hello.
 * @param noiseOverhead What Noise adds to the payload.
 * @returns Bytes; not positive when the hello is longer without any.
 */
export function helloPayloadRoom(
  head: HelloHead,
  noiseOverhead: number,
): number {
  return MIN_HELLO_DATAGRAM_BYTES - PACKET_HEADER_LENGTH -
    helloHeadLength(head) - 2 - MAX_COOKIE_LENGTH - 2 - noiseOverhead -
    HANDSHAKE_MAC_LENGTH - CHECKSUM_LENGTH;
}

/**
 * Reads what no version moves.
 *
 * @param packet A whole handshake packet with connection id 0.
 * @returns Version and connection id, or `undefined` when it is no hello.
 */
export function decodeHelloInvariants(
  packet: Uint8Array,
): HelloInvariants | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const version = reader.u32();
  const connectionId = reader.bytes(8);
  if (
    reader.isFailed || kind !== HandshakeKind.INITIATOR_HELLO ||
    isHelloId(connectionId)
  ) return undefined;
  return { version, connectionId };
}

/**
 * Decodes an InitiatorHello of version 1. The MAC is not checked here.
 *
 * @param packet A whole packet.
 * @returns Views of the packet, or `undefined` when it is malformed.
 */
export function decodeInitiatorHello(
  packet: Uint8Array,
): InitiatorHello | undefined {
  const reader = new ByteReader(
    packet.subarray(
      0,
      packet.length - HANDSHAKE_MAC_LENGTH - CHECKSUM_LENGTH,
    ),
    PACKET_HEADER_LENGTH,
  );
  const kind = reader.u8();
  const version = reader.u32();
  const connectionId = reader.bytes(8);
  const pattern = reader.u8();
  const suiteCount = reader.u8();
  if (suiteCount === 0 || suiteCount > MAX_SUITES) return undefined;
  const suites = reader.bytes(suiteCount);
  const ticketLength = pattern === HandshakePatternCode.NNPSK0
    ? reader.u16()
    : 0;
  if (ticketLength > MAX_TICKET_LENGTH) return undefined;
  const ticket = reader.bytes(ticketLength);
  const cookieLength = reader.u16();
  if (cookieLength > MAX_COOKIE_LENGTH) return undefined;
  const cookie = reader.bytes(cookieLength);
  const noise = reader.bytes(reader.u16());
  if (
    reader.isFailed || kind !== HandshakeKind.INITIATOR_HELLO ||
    isHelloId(connectionId)
  ) return undefined;
  const head = { version, connectionId, pattern, suites, cookie, noise };
  return pattern === HandshakePatternCode.NNPSK0 ? { ...head, ticket } : head;
}

/**
 * Encodes a ResponderHello.
 *
 * @param initiatorConnectionId Where it goes.
 * @param noise The second Noise message.
 * @param macKey From {@linkcode responseMacKey}.
 * @returns The whole packet.
 */
export function encodeResponderHello(
  initiatorConnectionId: Uint8Array,
  noise: Uint8Array,
  macKey: Uint8Array,
): Uint8Array {
  const writer = beginNoisePacket(
    HandshakeKind.RESPONDER_HELLO,
    initiatorConnectionId,
    noise,
  );
  writeHandshakeMac(writer, macKey);
  return writer.buffer;
}

/**
 * Encodes an InitiatorFinish.
 *
 * @param responderConnectionId Where it goes.
 * @param noise The third Noise message; empty in the pattern IK.
 * @param confirmation 16 bytes that prove the keys.
 * @returns The whole packet.
 */
export function encodeInitiatorFinish(
  responderConnectionId: Uint8Array,
  noise: Uint8Array,
  confirmation: Uint8Array,
): Uint8Array {
  const writer = beginNoisePacket(
    HandshakeKind.INITIATOR_FINISH,
    responderConnectionId,
    noise,
  );
  writer.bytes(confirmation);
  return writer.buffer;
}

/**
 * Decodes a ResponderHello or an InitiatorFinish: both hold a Noise message and
 * 16 bytes behind it. A Retry holds its cookie in the same way.
 *
 * @param packet A whole packet.
 * @param kind Which of them.
 * @returns Views of the packet, or `undefined` when it is malformed.
 */
export function decodeNoisePacket(
  packet: Uint8Array,
  kind: number,
): { readonly noise: Uint8Array; readonly trailer: Uint8Array } | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const found = reader.u8();
  const noise = reader.bytes(reader.u16());
  const trailer = reader.bytes(HANDSHAKE_MAC_LENGTH);
  if (reader.isFailed || found !== kind || reader.remaining > 0) {
    return undefined;
  }
  return { noise, trailer };
}

/**
 * Encodes a VersionNegotiation.
 *
 * @param initiatorConnectionId Where it goes.
 * @param versions What this endpoint speaks.
 * @returns The whole packet.
 */
export function encodeVersionNegotiation(
  initiatorConnectionId: Uint8Array,
  versions: readonly number[],
): Uint8Array {
  const writer = beginHandshakePacket(
    PACKET_HEADER_LENGTH + 2 + 4 * versions.length,
    initiatorConnectionId,
  );
  writer.u8(HandshakeKind.VERSION_NEGOTIATION);
  writer.u8(versions.length);
  for (const version of versions) writer.u32(version);
  return writer.buffer;
}

/**
 * Decodes a VersionNegotiation.
 *
 * @param packet A whole packet.
 * @returns The versions, or `undefined` when it is malformed.
 */
export function decodeVersionNegotiation(
  packet: Uint8Array,
): number[] | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const count = reader.u8();
  if (
    kind !== HandshakeKind.VERSION_NEGOTIATION || count === 0 ||
    count > MAX_VERSIONS
  ) {
    return undefined;
  }
  const versions = Array.from({ length: count }, () => reader.u32());
  return reader.isFailed || reader.remaining > 0 ? undefined : versions;
}

/**
 * Encodes a Retry.
 *
 * @param initiatorConnectionId Where it goes.
 * @param cookie 1 to {@linkcode MAX_COOKIE_LENGTH} bytes, for the next hello.
 * @param macKey From {@linkcode responseMacKey}.
 * @returns The whole packet.
 */
export function encodeRetry(
  initiatorConnectionId: Uint8Array,
  cookie: Uint8Array,
  macKey: Uint8Array,
): Uint8Array {
  const writer = beginNoisePacket(
    HandshakeKind.RETRY,
    initiatorConnectionId,
    cookie,
  );
  writeHandshakeMac(writer, macKey);
  return writer.buffer;
}

/**
 * Decodes a Retry. The MAC is not checked here.
 *
 * @param packet A whole packet.
 * @returns The cookie, a view of the packet, or `undefined` when it is malformed.
 */
export function decodeRetry(packet: Uint8Array): Uint8Array | undefined {
  const cookie = decodeNoisePacket(packet, HandshakeKind.RETRY)?.noise;
  if (
    cookie === undefined || cookie.length === 0 ||
    cookie.length > MAX_COOKIE_LENGTH
  ) return undefined;
  return cookie;
}

/**
 * Encodes a Refusal for another reason than the suite.
 *
 * @param initiatorConnectionId Where it goes.
 * @param reason One of {@linkcode RefusalReason}.
 * @returns The whole packet.
 */
export function encodeRefusal(
  initiatorConnectionId: Uint8Array,
  reason: number,
): Uint8Array {
  const writer = beginHandshakePacket(
    PACKET_HEADER_LENGTH + 2,
    initiatorConnectionId,
  );
  writer.u8(HandshakeKind.REFUSAL);
  writer.u8(reason);
  return writer.buffer;
}

/**
 * Decodes a Refusal for another reason than the suite.
 *
 * @param packet A whole packet.
 * @returns The reason, or `undefined` when it is malformed.
 */
export function decodeRefusal(packet: Uint8Array): number | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const reason = reader.u8();
  if (reader.isFailed || reader.remaining > 0) return undefined;
  return kind === HandshakeKind.REFUSAL ? reason : undefined;
}

/**
 * Whether a hello arrived as it was sent: the first and cheapest check.
 *
 * @param packet A whole hello.
 * @returns Whether its last eight bytes are the XXH3-64 of those before them.
 */
export function hasValidChecksum(packet: Uint8Array): boolean {
  const reader = new ByteReader(packet, packet.length - CHECKSUM_LENGTH);
  const [low, high] = checksumOf(packet);
  return reader.u32() === low && reader.u32() === high;
}

/**
 * Whether a hello was made for us.
 *
 * @param packet A whole hello.
 * @param macKey From {@linkcode helloMacKey}.
 * @returns Whether its MAC is right, compared in constant time.
 */
export function hasValidHelloMac(
  packet: Uint8Array,
  macKey: Uint8Array,
): boolean {
  return hasValidMac(
    packet.subarray(0, packet.length - CHECKSUM_LENGTH),
    macKey,
  );
}

/**
 * Whether the last 16 bytes of a packet are its MAC.
 *
 * @param packet A whole packet.
 * @param macKey From {@linkcode responseMacKey}.
 * @returns Whether they match, compared in constant time.
 */
export function hasValidMac(packet: Uint8Array, macKey: Uint8Array): boolean {
  const macked = packet.subarray(0, packet.length - HANDSHAKE_MAC_LENGTH);
  return isEqualConstantTime(
    packet.subarray(packet.length - HANDSHAKE_MAC_LENGTH),
    hmacSha256(macKey, macked).subarray(0, HANDSHAKE_MAC_LENGTH),
  );
}

function checksumOf(packet: Uint8Array): readonly [number, number] {
  const halves = new Uint32Array(2);
  xxh3_64Halves(packet, 0, packet.length - CHECKSUM_LENGTH, halves);
  return [halves[0]!, halves[1]!];
}

function helloHeadLength({ suites, ticket }: HelloHead): number {
  return 15 + suites.length + (ticket === undefined ? 0 : 2 + ticket.length);
}

function writeHelloHead(writer: ByteWriter, hello: HelloHead): void {
  writer.u8(HandshakeKind.INITIATOR_HELLO);
  writer.u32(hello.version);
  writer.bytes(hello.connectionId);
  writer.u8(hello.pattern);
  writer.u8(hello.suites.length);
  writer.bytes(hello.suites);
  if (hello.ticket === undefined) return;
  writer.u16(hello.ticket.length);
  writer.bytes(hello.ticket);
}

/**
 * Begins a handshake packet: the header, and zeros for the rest.
 *
 * @param length Size of the whole packet, in bytes.
 * @param connectionId Whom it is for: eight bytes, zeros for a hello.
 * @returns A writer behind the header.
 */
export function beginHandshakePacket(
  length: number,
  connectionId: Uint8Array,
): ByteWriter {
  const packet = new Uint8Array(length);
  encodePacketHeader(packet, 0, {
    connectionId,
    packetNumber: 0,
    flags: PacketFlags.HANDSHAKE,
    payloadLength: length - PACKET_HEADER_LENGTH,
  });
  return new ByteWriter(packet, PACKET_HEADER_LENGTH);
}

/** Begins a packet of a Noise message, or a cookie, and 16 bytes behind it. */
function beginNoisePacket(
  kind: number,
  connectionId: Uint8Array,
  noise: Uint8Array,
): ByteWriter {
  const writer = beginHandshakePacket(
    PACKET_HEADER_LENGTH + 3 + noise.length + HANDSHAKE_MAC_LENGTH,
    connectionId,
  );
  writer.u8(kind);
  writer.u16(noise.length);
  writer.bytes(noise);
  return writer;
}

/**
 * Ends a packet with the MAC over what was written.
 *
 * @param writer Has room for {@linkcode HANDSHAKE_MAC_LENGTH} bytes more.
 * @param macKey The key.
 */
export function writeHandshakeMac(
  writer: ByteWriter,
  macKey: Uint8Array,
): void {
  writer.bytes(
    hmacSha256(macKey, writer.written).subarray(0, HANDSHAKE_MAC_LENGTH),
  );
}
