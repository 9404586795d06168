/**
 * How much may be sent to an address nobody has proven (RFC 9000 §8.1).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import {
  MAX_CLOSE_HEAD_LENGTH,
  MAX_ONE_RANGE_ACK_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  PATH_FRAME_LENGTH,
} from "../../protocol/mod.ts";

/** Bytes that may be sent for each byte received (RFC 9000 §8.1). */
export const AMPLIFICATION_FACTOR = 3;

/**
 * Room for a packet with a path challenge and an acknowledgement, which would be
 * due again and again if it never fitted: less is not worth a datagram.
 */
const MIN_PACKET_BYTES: number = PACKET_OVERHEAD_LENGTH + PATH_FRAME_LENGTH +
  MAX_ONE_RANGE_ACK_LENGTH;

/**
 * Kept for the close: the end has to be told at an address that is not proven as
 * well. With a challenge it is what the smallest packet allows for.
 */
const MIN_CLOSE_BYTES: number = PACKET_OVERHEAD_LENGTH + MAX_CLOSE_HEAD_LENGTH;

/**
 * Counts bytes in both directions until the peer's address is validated, so
 * that a spoofed address gets at most three times what it was made to send.
 */
export class AmplificationLimit {
  #creditBytes = 0;

  /** How many bytes may be sent now; `Infinity` once validated. */
  get allowedBytes(): number {
    return Math.max(0, this.#creditBytes);
  }

  /** Whether the peer's address is proven. */
  get isValidated(): boolean {
    return this.#creditBytes === Infinity;
  }

  /**
   * A datagram came from the address; all of its bytes count.
   *
   * @param bytes Size of the UDP payload.
   */
  onReceived(bytes: number): void {
    assert(bytes >= 0, "a datagram has no negative size");
    this.#creditBytes += AMPLIFICATION_FACTOR * bytes;
  }

  /**
   * A datagram was sent to the address.
   *
   * @param bytes Size of the UDP payload.
   */
  onSent(bytes: number): void {
    assert(bytes >= 0, "a datagram has no negative size");
    this.#creditBytes -= bytes;
  }

  /** The peer has shown that it receives at this address: no limit any more. */
  onValidated(): void {
    this.#creditBytes = Infinity;
  }
}

/**
 * Packets kept for challenges that are repeated: a peer that does not receive
 * says little, and proves nothing before one of them arrives.
 */
const KEPT_PACKETS = 2;

/**
 * What a packet may take of the bytes that may be sent.
 *
 * @param allowedBytes How many those are.
 * @param prefixBytes Size of what goes before every packet.
 * @param hasPathFrames Whether a challenge will be in it, or the answer to one.
 * @returns How many, together with the prefix, so that a close still fits and a
 * challenge can be repeated; 0 when it is too few for a packet.
 */
export function packetAllowanceBytes(
  allowedBytes: number,
  prefixBytes: number,
  hasPathFrames: boolean,
): number {
  const leastBytes = MIN_PACKET_BYTES + prefixBytes;
  const bytes = allowedBytes - MIN_CLOSE_BYTES - prefixBytes;
  const otherBytes = bytes - KEPT_PACKETS * leastBytes;
  if (otherBytes >= leastBytes) return otherBytes;
  return hasPathFrames && bytes >= leastBytes ? leastBytes : 0;
}

/**
 * What a packet that closes may take of the bytes that may be sent.
 *
 * @param allowedBytes How many those are; `Infinity` where the address is proven.
 * @param prefixBytes Size of what goes before every packet.
 * @returns How many, together with the prefix; 0 when it is too few.
 */
export function closeAllowanceBytes(
  allowedBytes: number,
  prefixBytes: number,
): number {
  return allowedBytes < MIN_CLOSE_BYTES + prefixBytes ? 0 : allowedBytes;
}
