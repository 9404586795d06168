/**
 * What the connection asks of a congestion controller.
 *
 * @module
 */
import type { Instant } from "../../../internal/instant.ts";

/**
 * Window at the start, in bytes: the reference value of the specification,
 * above the ten datagrams of RFC 9002 §7.2.
 */
export const INITIAL_WINDOW_BYTES = 32_768;
/** Largest window, in bytes: 16 MiB. */
export const MAX_WINDOW_BYTES = 16_777_216;

/** Sizes that a controller starts with. */
export interface CongestionControllerOptions {
  /**
   * Window at the start, in bytes.
   *
   * @default {INITIAL_WINDOW_BYTES}
   */
  readonly initialWindowBytes?: number;
  /**
   * Largest window, in bytes.
   *
   * @default {MAX_WINDOW_BYTES}
   */
  readonly maxWindowBytes?: number;
  /**
   * Largest datagram of the path, in bytes.
   *
   * @default {DEFAULT_DATAGRAM_BYTES}
   */
  readonly maxDatagramBytes?: number;
}

/** What a controller needs to know of a packet. */
export interface PacketInFlight {
  /** Its number: numbers rise in the order of sending, and some are left out. */
  readonly packetNumber: number;
  /** When it was sent. */
  readonly sentAt: Instant;
  /** Its size, in bytes. */
  readonly sizeBytes: number;
}

/** What a controller needs to know of the path. */
export interface PathRtt {
  /** Mean RTT, in ms. */
  readonly smoothedRttMs: number;
  /** Smallest RTT, in ms. */
  readonly minRttMs: number;
  /** Newest RTT, in ms. */
  readonly latestRttMs: number;
}

/**
 * Decides how many bytes may be in flight. It is told only about packets that
 * count as in flight, in the order of events.
 */
export interface CongestionController {
  /** How many bytes may be in flight. */
  readonly windowBytes: number;
  /** Window at which slow start ends, in bytes; `Infinity` before any loss. */
  readonly slowStartThresholdBytes: number;
  /** Whether the window is below the slow start threshold. */
  readonly isInSlowStart: boolean;
  /**
   * A packet was sent.
   *
   * @param now The time.
   * @param packet The packet.
   * @param bytesInFlight Bytes in flight, this packet included.
   */
  onPacketSent(
    now: Instant,
    packet: PacketInFlight,
    bytesInFlight: number,
  ): void;
  /**
   * A packet was newly acknowledged.
   *
   * @param now The time.
   * @param packet The packet.
   * @param rtt The path, this acknowledgement's sample included.
   * @param isAppLimited Whether there was less to send than the window allowed
   * (RFC 9002 §7.8): what is not used does not grow.
   */
  onPacketAcked(
    now: Instant,
    packet: PacketInFlight,
    rtt: PathRtt,
    isAppLimited: boolean,
  ): void;
  /**
   * Packets were lost: once for each set declared lost together.
   *
   * @param now The time.
   * @param largestLostSentAt When the newest of them was sent.
   * @returns Whether the window was reduced: not twice for one round trip.
   */
  onCongestionEvent(now: Instant, largestLostSentAt: Instant): boolean;
  /**
   * None of the packets was lost that the window was last reduced for: they came
   * late. It is as if nothing had happened (RFC 4015), unless there was
   * persistent congestion since.
   *
   * @param now The time.
   */
  undoCongestionEvent(now: Instant): void;
  /**
   * Everything sent over a long time was lost (RFC 9002 §7.6); called after
   * `onCongestionEvent`.
   *
   * @param now The time.
   */
  onPersistentCongestion(now: Instant): void;
  /**
   * The path carries datagrams of another size now.
   *
   * @param maxDatagramBytes Largest datagram, in bytes.
   */
  setMaxDatagramBytes(maxDatagramBytes: number): void;
}
