/**
 * How an endpoint that has lost a connection tells the peer so (RFC 9000 §10.3).
 *
 * Each end announces a token for its connection id inside the handshake. The
 * token is computed from the static private key, so that a process that was
 * started again with the same key can compute it once more. It ends a datagram
 * that otherwise looks like any other: only the peer, who knows the token, sees
 * what it is.
 *
 * The peer's host is part of the token: another process with the same key, asked
 * in the name of somebody else, gives a token that ends nothing elsewhere
 * (RFC 9000 §21.11).
 *
 * Spec: docs/spec/transport.md, "Stateless reset".
 *
 * @module
 */
import { hmacSha256, isEqualConstantTime } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import {
  createConnectionId,
  encodePacketHeader,
  PACKET_FLAGS_OFFSET,
  PACKET_HEADER_LENGTH,
  PACKET_LENGTH_OFFSET,
  PACKET_NUMBER_OFFSET,
  PACKET_OVERHEAD_LENGTH,
  PACKET_RESERVED_OFFSET,
} from "../../protocol/mod.ts";
import { type Address, isSameAddress, withoutZone } from "./address.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";

/** Size of a reset token, in bytes. */
export const RESET_TOKEN_LENGTH = 16;

/** Smallest reset: a header and the token. */
export const MIN_RESET_BYTES: number = PACKET_HEADER_LENGTH +
  RESET_TOKEN_LENGTH;

/** A reset is up to this much longer, so that its length tells less. */
const MAX_PADDING_BYTES = 32;

const text = new TextEncoder();
const TOKEN_LABEL = text.encode("mxp v1 reset");
const INDEX_LABEL = text.encode("mxp v1 reset index");

/** The tokens that an endpoint announces. */
export class ResetTokens {
  readonly #key: Uint8Array;

  /** @param privateKey The endpoint's static private key; borrowed. */
  constructor(privateKey: Uint8Array) {
    // HKDF-Extract (RFC 5869 §2.2): the label is the salt.
    this.#key = hmacSha256(TOKEN_LABEL, privateKey);
  }

  /**
   * The token of a connection.
   *
   * @param connectionId The id that this endpoint chose, 8 bytes.
   * @param peerHostname The peer's address during the handshake.
   * @returns {@linkcode RESET_TOKEN_LENGTH} new bytes, secret until used.
   */
  tokenOf(connectionId: Uint8Array, peerHostname: string): Uint8Array {
    // Sockets do not always name the zone of a sender.
    const host = text.encode(withoutZone(peerHostname));
    const hash = hmacSha256(this.#key, connectionId, host);
    return CONNECTION_BYTES.copy(hash.subarray(0, RESET_TOKEN_LENGTH));
  }
}

/**
 * How long a reset may be: always shorter than what it answers, so that two
 * endpoints that know nothing do not answer each other for ever (RFC 9000
 * §10.3.3).
 *
 * @param receivedBytes Size of the datagram that it answers.
 * @returns Its largest size in bytes, or 0 where none is sent.
 */
export function maxResetBytes(receivedBytes: number): number {
  if (receivedBytes <= MIN_RESET_BYTES) return 0;
  return Math.min(
    receivedBytes - 1,
    PACKET_OVERHEAD_LENGTH + MAX_PADDING_BYTES,
  );
}

/**
 * Makes a reset: it looks like a protected packet to everybody but the peer.
 *
 * @param random Where its bytes come from.
 * @param token From {@linkcode ResetTokens.tokenOf}.
 * @param maxBytes From {@linkcode maxResetBytes}, not 0.
 * @returns The whole datagram.
 */
export function encodeReset(
  random: RandomSource,
  token: Uint8Array,
  maxBytes: number,
): Uint8Array {
  const packet = new Uint8Array(maxBytes);
  random.fillPublic(packet);
  const length = MIN_RESET_BYTES +
    packet[PACKET_LENGTH_OFFSET]! % (maxBytes - MIN_RESET_BYTES + 1);
  const masked = packet.slice(PACKET_NUMBER_OFFSET, PACKET_HEADER_LENGTH);
  encodePacketHeader(packet, 0, {
    connectionId: createConnectionId(random),
    packetNumber: 0,
    flags: 0,
    payloadLength: length - PACKET_HEADER_LENGTH,
  });
  // What is masked in a packet is random here; the rest is plain in both.
  for (
    let offset = PACKET_NUMBER_OFFSET;
    offset < PACKET_HEADER_LENGTH;
    offset++
  ) {
    const isPlain = offset >= PACKET_RESERVED_OFFSET &&
      offset < PACKET_LENGTH_OFFSET + 2;
    if (!isPlain) packet[offset] = masked[offset - PACKET_NUMBER_OFFSET]!;
  }
  // A flags byte of its own kind would make it a handshake packet.
  if (packet[PACKET_FLAGS_OFFSET] === 1) packet[PACKET_FLAGS_OFFSET] = 0x80;
  packet.set(token, length - RESET_TOKEN_LENGTH);
  return packet.subarray(0, length);
}

/** Where the owner of a token is. */
interface ResetTarget {
  readonly remoteAddress: Address;
}

/** A token that a peer has announced. */
interface KnownToken<T> {
  readonly owner: T;
  readonly token: Uint8Array;
}

/** What is known of an owner. */
interface KnownOwner {
  /** Where its tokens are found. */
  readonly traces: number[];
  /** Where its peer was last. */
  hostname: string;
}

/**
 * The tokens that peers have announced. They are found by a keyed hash, so that
 * neither a look-up nor its time tells anything about a token (RFC 9000
 * §10.3.1).
 *
 * @typeParam T What a token ends.
 */
export class PeerResetTokens<T extends ResetTarget> {
  readonly #key: Uint8Array;
  readonly #byTrace = new Map<number, KnownToken<T>>();
  readonly #byOwner = new Map<T, KnownOwner>();
  /** How many owners have a peer at each host. */
  readonly #countByHost = new Map<string, number>();

  /** @param privateKey The endpoint's static private key; borrowed. */
  constructor(privateKey: Uint8Array) {
    this.#key = hmacSha256(INDEX_LABEL, privateKey);
  }

  /**
   * Remembers a token, until {@linkcode PeerResetTokens.forget} or
   * {@linkcode PeerResetTokens.delete}, and where the owner's peer is now.
   *
   * @param token {@linkcode RESET_TOKEN_LENGTH} bytes; kept.
   * @param owner What it ends.
   */
  learn(token: Uint8Array, owner: T): void {
    const trace = this.#traceOf(token);
    this.#byTrace.set(trace, { owner, token });
    const known = this.#byOwner.get(owner);
    if (known === undefined) {
      const hostname = withoutZone(owner.remoteAddress.hostname);
      this.#byOwner.set(owner, { traces: [trace], hostname });
      this.#count(hostname, 1);
    } else {
      if (!known.traces.includes(trace)) known.traces.push(trace);
      this.follow(owner);
    }
  }

  /**
   * Remembers where the owner's peer is now.
   *
   * @param owner What its tokens end.
   */
  follow(owner: T): void {
    const known = this.#byOwner.get(owner);
    if (
      known === undefined || known.hostname === owner.remoteAddress.hostname
    ) return;
    const hostname = withoutZone(owner.remoteAddress.hostname);
    this.#count(known.hostname, -1);
    known.hostname = hostname;
    this.#count(hostname, 1);
  }

  /**
   * Forgets a token.
   *
   * @param token The token.
   * @param owner What it would have ended.
   */
  forget(token: Uint8Array, owner: T): void {
    const known = this.#byOwner.get(owner);
    if (known === undefined) return;
    const trace = this.#traceOf(token);
    const index = known.traces.indexOf(trace);
    if (index < 0) return;
    known.traces.splice(index, 1);
    this.#drop(trace, owner);
    if (known.traces.length === 0) this.delete(owner);
  }

  /**
   * Forgets all tokens of an owner.
   *
   * @param owner What they would have ended.
   */
  delete(owner: T): void {
    const known = this.#byOwner.get(owner);
    if (known === undefined) return;
    this.#byOwner.delete(owner);
    this.#count(known.hostname, -1);
    for (const trace of known.traces) this.#drop(trace, owner);
  }

  /**
   * What a datagram ends, if it is a reset.
   *
   * @param from Where it came from.
   * @param datagram A whole datagram with a connection id that nobody has.
   * @returns The owner of the token at its end, where the owner's peer sent it.
   */
  find(from: Address, datagram: Uint8Array): T | undefined {
    // Garbage from where no peer is costs no hash.
    if (
      datagram.length < MIN_RESET_BYTES ||
      !this.#countByHost.has(withoutZone(from.hostname))
    ) return undefined;
    const token = datagram.subarray(datagram.length - RESET_TOKEN_LENGTH);
    const found = this.#byTrace.get(this.#traceOf(token));
    if (found === undefined || !isEqualConstantTime(found.token, token)) {
      return undefined;
    }
    return isSameAddress(found.owner.remoteAddress, from)
      ? found.owner
      : undefined;
  }

  #drop(trace: number, owner: T): void {
    if (this.#byTrace.get(trace)?.owner === owner) this.#byTrace.delete(trace);
  }

  #count(hostname: string, change: number): void {
    const count = (this.#countByHost.get(hostname) ?? 0) + change;
    if (count > 0) this.#countByHost.set(hostname, count);
    else this.#countByHost.delete(hostname);
  }

  /** 53 bits of a hash that nobody else can compute. */
  #traceOf(token: Uint8Array): number {
    const reader = new ByteReader(hmacSha256(this.#key, token));
    return reader.u32() + (reader.u32() >>> 11) * 2 ** 32;
  }
}
