/**
 * The size of datagrams on the path in use: what bounds it, and when it is worth
 * asking the path for more. The search itself is `mtu_discovery.ts`.
 *
 * @module
 */
import type { Address } from "./address.ts";
import {
  loopbackCeiling,
  MtuDiscovery,
  probeCeiling,
} from "./mtu_discovery.ts";
import type { SentPacket } from "./sent_packets.ts";

/**
 * Packets that did not hold all that waited, before it is asked what the path
 * carries. A connection with fewer would not fill a larger one. Within one machine a
 * probe takes a third of the receive buffer that all who call its owner share.
 */
export const MTU_PROBE_AFTER_FULL_PACKETS = 8;

/** What bounds the size of datagrams on every path of a connection. */
export interface PathMtuLimits {
  /** Largest datagram that this end sends, in bytes, where that was set. */
  readonly maxDatagramBytes: number | undefined;
  /** Largest datagram that the peer takes, in bytes. */
  readonly peerMaxDatagramBytes: number;
  /** The peer's receive buffer, in bytes, where it is not the default. */
  readonly receiveBufferBytes: number | undefined;
}

/** What is asked of a packet that was sent. */
type MeasuredPacket = Pick<
  SentPacket,
  "packetNumber" | "sizeBytes" | "isMtuProbe"
>;

/** The packet size of one path after the other. */
export class PathMtu {
  readonly #limits: PathMtuLimits;
  /** Largest datagram that is tried on loopback. */
  readonly #loopbackCeiling: number;
  #discovery: MtuDiscovery;
  #fullPacketCount = 0;

  /**
   * Starts at the size that every path carries.
   *
   * @param address Where the path leads.
   * @param limits What bounds the size wherever it leads.
   */
  constructor(address: Address, limits: PathMtuLimits) {
    this.#limits = limits;
    this.#loopbackCeiling = loopbackCeiling(limits.receiveBufferBytes);
    this.#discovery = this.#createDiscovery(address);
  }

  /** The search on the path in use. */
  get discovery(): MtuDiscovery {
    return this.#discovery;
  }

  /** Size of datagram that the path in use is known to carry, in bytes. */
  get currentBytes(): number {
    return this.#discovery.currentBytes;
  }

  /**
   * Another path is in use: what was learned of the old one is forgotten.
   *
   * @param address Where it leads.
   */
  handlePathChange(address: Address): void {
    this.#discovery = this.#createDiscovery(address);
  }

  /**
   * A packet arrived that took the path in use.
   *
   * @param packet The packet.
   * @returns Whether the size has changed.
   */
  onPacketAcked(packet: MeasuredPacket): boolean {
    this.#discovery.onPacketAcked(packet);
    if (packet.isMtuProbe) this.#discovery.onProbeAcked(packet.sizeBytes);
    return packet.isMtuProbe;
  }

  /**
   * A packet was lost that took the path in use.
   *
   * @param packet The packet.
   * @returns Whether the size has changed.
   */
  onPacketLost(packet: MeasuredPacket): boolean {
    if (!packet.isMtuProbe) return this.#discovery.onPacketLost(packet);
    this.#discovery.onProbeLost();
    return false;
  }

  /** A packet was sent that did not hold all that waited. */
  onFullPacketSent(): void {
    this.#fullPacketCount++;
  }

  /**
   * Whether a probe for a larger size is worth it now.
   *
   * @param roomBytes Largest datagram that can be written.
   */
  isProbeDue(roomBytes: number): boolean {
    const { probeBytes } = this.#discovery;
    return probeBytes !== undefined && probeBytes <= roomBytes &&
      this.#fullPacketCount >= MTU_PROBE_AFTER_FULL_PACKETS;
  }

  #createDiscovery(address: Address): MtuDiscovery {
    const { maxDatagramBytes, peerMaxDatagramBytes } = this.#limits;
    return new MtuDiscovery(Math.min(
      maxDatagramBytes ?? probeCeiling(address, this.#loopbackCeiling),
      peerMaxDatagramBytes,
    ));
  }
}
