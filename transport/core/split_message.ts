/**
 * Noise messages that do not fit a datagram: those of a hybrid suite, whose
 * keys and ciphertexts of ML-KEM take more than a thousand bytes.
 *
 * The packet that otherwise holds the message holds its first part and the
 * SHA-256 of the rest; a packet of its own holds the rest. So the rest needs no
 * MAC: what does not hash to what was announced is no part of the message.
 *
 * ```text
 * HelloRest   kind 7 · version u32 · initiator connection id 8 · length u16
 *             · rest of Noise message 1 · zeros, to 1,200 bytes
 * AnswerRest  kind 8 · length u16 · rest of Noise message 2
 * ```
 *
 * Spec: docs/spec/transport.md, "Split messages".
 *
 * @module
 */
import { isEqualConstantTime, sha256 } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { MIN_HELLO_DATAGRAM_BYTES, TRANSPORT_VERSION } from "./config.ts";
import { beginHandshakePacket, HandshakeKind } from "./handshake_packet.ts";

/**
 * Bytes of a message that go into its first packet. With them a hello of eight
 * suites and the longest cookie still has 1,200 bytes.
 */
export const FIRST_PART_LENGTH = 1_000;

const DIGEST_LENGTH = 32;
const REST_HEAD_LENGTH = 1 + 4 + 8 + 2;

/** A message in two parts. */
export interface SplitMessage {
  /** The beginning, and the digest of the rest: what the first packet holds. */
  readonly first: Uint8Array;
  /** The rest. */
  readonly rest: Uint8Array;
}

/** A decoded HelloRest. Its arrays are views of the packet. */
export interface HelloRest {
  /** The id that the initiator chose. */
  readonly connectionId: Uint8Array;
  /** The rest of the message. */
  readonly rest: Uint8Array;
}

/**
 * Cuts a message.
 *
 * @param message More than {@linkcode FIRST_PART_LENGTH} bytes.
 * @returns Its parts; the rest is a view.
 */
export function splitMessage(message: Uint8Array): SplitMessage {
  const rest = message.subarray(FIRST_PART_LENGTH);
  const first = new Uint8Array(FIRST_PART_LENGTH + DIGEST_LENGTH);
  first.set(message.subarray(0, FIRST_PART_LENGTH));
  first.set(sha256(rest), FIRST_PART_LENGTH);
  return { first, rest };
}

/**
 * Puts a message together again.
 *
 * @param parts What two packets held.
 * @returns The message, or `undefined` when the parts do not belong together.
 */
export function joinMessage(
  { first, rest }: SplitMessage,
): Uint8Array | undefined {
  if (first.length !== FIRST_PART_LENGTH + DIGEST_LENGTH || rest.length === 0) {
    return undefined;
  }
  const digest = first.subarray(FIRST_PART_LENGTH);
  if (!isEqualConstantTime(digest, sha256(rest))) return undefined;
  const message = new Uint8Array(FIRST_PART_LENGTH + rest.length);
  message.set(first.subarray(0, FIRST_PART_LENGTH));
  message.set(rest, FIRST_PART_LENGTH);
  return message;
}

/**
 * Encodes the second packet of a hello.
 *
 * @param hello The initiator's connection id, and the rest of its message.
 * @returns The whole datagram, as long as the first.
 */
export function encodeHelloRest({ connectionId, rest }: HelloRest): Uint8Array {
  const needed = PACKET_HEADER_LENGTH + REST_HEAD_LENGTH + rest.length;
  const writer = beginHandshakePacket(
    Math.max(needed, MIN_HELLO_DATAGRAM_BYTES),
    new Uint8Array(8),
  );
  writer.u8(HandshakeKind.HELLO_REST);
  writer.u32(TRANSPORT_VERSION);
  writer.bytes(connectionId);
  writer.u16(rest.length);
  writer.bytes(rest);
  return writer.buffer;
}

/**
 * Decodes the second packet of a hello.
 *
 * @param packet A whole packet.
 * @returns Views of the packet, or `undefined` when it is malformed, of another
 * version, or another packet.
 */
export function decodeHelloRest(packet: Uint8Array): HelloRest | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const version = reader.u32();
  const connectionId = reader.bytes(8);
  const rest = reader.bytes(reader.u16());
  if (
    reader.isFailed || kind !== HandshakeKind.HELLO_REST ||
    version !== TRANSPORT_VERSION
  ) return undefined;
  return { connectionId, rest };
}

/**
 * Encodes the second packet of an answer.
 *
 * @param initiatorConnectionId Where it goes.
 * @param rest The rest of the second Noise message.
 * @returns The whole packet.
 */
export function encodeAnswerRest(
  initiatorConnectionId: Uint8Array,
  rest: Uint8Array,
): Uint8Array {
  const writer = beginHandshakePacket(
    PACKET_HEADER_LENGTH + 3 + rest.length,
    initiatorConnectionId,
  );
  writer.u8(HandshakeKind.ANSWER_REST);
  writer.u16(rest.length);
  writer.bytes(rest);
  return writer.buffer;
}

/**
 * Decodes the second packet of an answer.
 *
 * @param packet A whole packet.
 * @returns The rest of the message, a view of the packet, or `undefined` when
 * it is malformed or another packet.
 */
export function decodeAnswerRest(packet: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const rest = reader.bytes(reader.u16());
  if (
    reader.isFailed || kind !== HandshakeKind.ANSWER_REST ||
    reader.remaining > 0
  ) return undefined;
  return rest;
}

/** The parts of an answer, which arrive in any order; one of each is kept. */
export class AnswerParts {
  #first: Uint8Array | undefined;
  #rest: Uint8Array | undefined;

  /**
   * Takes the first part.
   *
   * @param first What a packet with a right MAC held; copied.
   * @returns The message, if it is complete.
   */
  takeFirst(first: Uint8Array): Uint8Array | undefined {
    this.#first = first.slice();
    return this.#join();
  }

  /**
   * Takes the rest.
   *
   * @param rest What a packet held; copied.
   * @returns The message, if it is complete.
   */
  takeRest(rest: Uint8Array): Uint8Array | undefined {
    this.#rest = rest.slice();
    return this.#join();
  }

  #join(): Uint8Array | undefined {
    if (this.#first === undefined || this.#rest === undefined) return undefined;
    return joinMessage({ first: this.#first, rest: this.#rest });
  }
}
