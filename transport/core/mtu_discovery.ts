/**
 * How large a datagram the path carries (RFC 8899, RFC 9000 §14.3).
 *
 * Probes are packets of padding: losing one costs nothing but the attempt.
 * The largest candidate is tried first, because the paths that carry it
 * (loopback) are those where size matters most, and on others its failure is
 * noticed while data flows at the size that is known to work.
 *
 * A carrier of this library cannot forbid fragmentation, so nothing above what
 * an Ethernet carries is tried except on loopback: a datagram in forty
 * fragments arrives on a clean path, and is lost forty times as often on
 * another.
 *
 * @module
 */
import { type Address, isLoopback } from "./address.ts";
import {
  DEFAULT_DATAGRAM_BYTES,
  LOOPBACK_DATAGRAM_BYTES,
  MAX_UDP_PAYLOAD_BYTES,
} from "./config.ts";
import { kernelBytes, maxUnpacedKernelBytes } from "./receive_buffer.ts";

/** Probes of one size that have to be lost before it counts as too large (RFC 8899 §5.1.2). */
export const MAX_PROBES = 3;

/** UDP payload of an Ethernet frame over IPv4, in bytes: 1,500 - 20 - 8. */
export const ETHERNET_IPV4_BYTES = 1472;

/** UDP payload of an Ethernet frame over IPv6, in bytes: 1,500 - 40 - 8. */
export const ETHERNET_IPV6_BYTES = 1452;

/** Lost packets above the base size, with none delivered, that make a black hole. */
export const BLACK_HOLE_LOSSES = 6;

/** Datagrams of the largest size that a receive buffer has to take on loopback. */
const MIN_IN_FLIGHT = 4;

/** Sizes between the base and the ceiling that are worth a try, in bytes, descending. */
const CANDIDATES: readonly number[] = [
  65_507,
  LOOPBACK_DATAGRAM_BYTES,
  16_200,
  8_972,
  ETHERNET_IPV4_BYTES,
  ETHERNET_IPV6_BYTES,
  1_360,
];

/**
 * The largest datagram worth trying toward an address.
 *
 * @param address Where the path leads.
 * @param loopbackBytes What to try on loopback, in bytes.
 * @returns A size in bytes.
 */
export function probeCeiling(address: Address, loopbackBytes: number): number {
  if (isLoopback(address)) return loopbackBytes;
  const isIpv6 = address.hostname.includes(":") &&
    !address.hostname.startsWith("::ffff:");
  return isIpv6 ? ETHERNET_IPV6_BYTES : ETHERNET_IPV4_BYTES;
}

/**
 * The largest size that is tried within one machine: the largest of which the
 * peer's receive buffer takes a few, so that it reads one while others come.
 *
 * @param receiveBufferBytes What the peer announced, if it did, in bytes.
 * @returns Size in bytes.
 */
export function loopbackCeiling(receiveBufferBytes?: number): number {
  const takenBytes = MIN_IN_FLIGHT * kernelBytes(MAX_UDP_PAYLOAD_BYTES);
  return takenBytes <= maxUnpacedKernelBytes(receiveBufferBytes)
    ? MAX_UDP_PAYLOAD_BYTES
    : LOOPBACK_DATAGRAM_BYTES;
}

/** What the search needs to know of a packet. */
export interface MeasuredPacket {
  /** Packet number. */
  readonly packetNumber: number;
  /** Size on the wire, in bytes. */
  readonly sizeBytes: number;
}

/** The search for one path. */
export class MtuDiscovery {
  #currentBytes: number = DEFAULT_DATAGRAM_BYTES;
  #candidates: number[];
  #probesLost = 0;
  #isProbeInFlight = false;
  #largeLosses = 0;
  #largestDelivered = -1;

  /**
   * @param ceilingBytes Largest size to try: the smallest of what the path
   * may carry, what we send, and what the peer takes.
   */
  constructor(ceilingBytes: number) {
    this.#candidates = [ceilingBytes, ...CANDIDATES]
      .filter((size, index, all) =>
        size > DEFAULT_DATAGRAM_BYTES && size <= ceilingBytes &&
        all.indexOf(size) === index
      );
  }

  /** Size of datagram that the path is known to carry, in bytes. */
  get currentBytes(): number {
    return this.#currentBytes;
  }

  /** Size of the probe to send next, in bytes; `undefined` while none is due. */
  get probeBytes(): number | undefined {
    return this.#isProbeInFlight ? undefined : this.#candidates[0];
  }

  /** Whether no larger size is going to be tried. */
  get isSettled(): boolean {
    return this.#candidates.length === 0;
  }

  /** A probe of {@linkcode MtuDiscovery.probeBytes} was sent. */
  onProbeSent(): void {
    this.#isProbeInFlight = true;
  }

  /**
   * A probe arrived: the search is over, since larger sizes were tried before.
   *
   * @param sizeBytes Its size.
   */
  onProbeAcked(sizeBytes: number): void {
    this.#isProbeInFlight = false;
    this.#candidates = [];
    this.#largeLosses = 0;
    this.#currentBytes = Math.max(this.#currentBytes, sizeBytes);
  }

  /** A probe was lost: it is repeated, and then a smaller one is tried. */
  onProbeLost(): void {
    this.#isProbeInFlight = false;
    if (++this.#probesLost < MAX_PROBES) return;
    this.#probesLost = 0;
    this.#candidates.shift();
  }

  /**
   * A packet arrived.
   *
   * @param packet Its number, and its size in bytes.
   */
  onPacketAcked(packet: MeasuredPacket): void {
    if (packet.sizeBytes <= DEFAULT_DATAGRAM_BYTES) return;
    this.#largestDelivered = Math.max(
      this.#largestDelivered,
      packet.packetNumber,
    );
    this.#largeLosses = 0;
  }

  /**
   * A packet was lost. When large ones get lost and only small ones that were
   * sent after them arrive, the path has changed: back to the base size, and
   * only smaller sizes are tried again (RFC 8899 §4.3). Losses before a large
   * packet that arrived are a matter of congestion.
   *
   * @param packet Its number, and its size in bytes.
   * @returns Whether that was a black hole, so that the size has fallen.
   */
  onPacketLost(packet: MeasuredPacket): boolean {
    if (
      packet.sizeBytes <= DEFAULT_DATAGRAM_BYTES ||
      packet.packetNumber < this.#largestDelivered ||
      this.#currentBytes === DEFAULT_DATAGRAM_BYTES ||
      ++this.#largeLosses < BLACK_HOLE_LOSSES
    ) return false;
    const failedBytes = this.#currentBytes;
    this.#largeLosses = 0;
    this.#probesLost = 0;
    this.#currentBytes = DEFAULT_DATAGRAM_BYTES;
    this.#candidates = CANDIDATES.filter((size) => size < failedBytes);
    return true;
  }
}
