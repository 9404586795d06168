/**
 * NewReno congestion control (RFC 9002 §7 and appendix B), counting in bytes.
 * Slower than CUBIC to use a long fast path again after a loss, and simpler: what
 * to compare with when a path behaves in a way that nobody expected.
 *
 * @module
 */
import { assert } from "../../../internal/assert.ts";
import type { Instant } from "../../../internal/instant.ts";
import { DEFAULT_DATAGRAM_BYTES } from "../config.ts";
import {
  clampWindow,
  type CongestionController,
  type CongestionControllerOptions,
  INITIAL_WINDOW_BYTES,
  MAX_WINDOW_BYTES,
  type PacketInFlight,
  type PathRtt,
} from "./controller.ts";

/** What is left of the window after a loss (RFC 9002 §B.1, kLossReductionFactor). */
const LOSS_REDUCTION_FACTOR = 0.5;

/**
 * NewReno: doubles in slow start, adds a datagram per round trip after it, and
 * halves at a loss. The window stays between two datagrams and the maximum (or
 * at the maximum, should that be less than two datagrams).
 */
export class NewReno implements CongestionController {
  readonly #maxWindowBytes: number;
  #maxDatagramBytes: number;
  #windowBytes: number;
  #slowStartThresholdBytes = Infinity;
  /** Packets sent until then belong to a loss already answered. */
  #recoveryStartedAt: Instant = -Infinity;

  /**
   * Starts in slow start.
   *
   * @param options Sizes.
   */
  constructor(options: CongestionControllerOptions = {}) {
    this.#maxWindowBytes = options.maxWindowBytes ?? MAX_WINDOW_BYTES;
    this.#maxDatagramBytes = options.maxDatagramBytes ?? DEFAULT_DATAGRAM_BYTES;
    assert(this.#maxWindowBytes > 0, "a window is positive");
    assert(this.#maxDatagramBytes > 0, "a datagram is not empty");
    this.#windowBytes = this.#clamp(
      options.initialWindowBytes ?? INITIAL_WINDOW_BYTES,
    );
  }

  /** How many bytes may be in flight: a whole number. */
  get windowBytes(): number {
    return Math.floor(this.#windowBytes);
  }

  /** Window at which slow start ends, in bytes; `Infinity` before any loss. */
  get slowStartThresholdBytes(): number {
    return this.#slowStartThresholdBytes;
  }

  /** Whether the window is below the slow start threshold. */
  get isInSlowStart(): boolean {
    return this.#windowBytes < this.#slowStartThresholdBytes;
  }

  /** Nothing depends on it: growth follows acknowledgements, not time. */
  onPacketSent(): void {}

  /** Grows the window, unless in recovery, app-limited or at the maximum. */
  onPacketAcked(
    _now: Instant,
    packet: PacketInFlight,
    _rtt: PathRtt,
    isAppLimited: boolean,
  ): void {
    // RFC 9002 §7.3.2: no growth from packets sent before or in recovery
    if (packet.sentAt <= this.#recoveryStartedAt) return;
    // RFC 9002 §7.8
    if (isAppLimited) return;
    // RFC 9002 §7.3.1 slow start, §7.3.3 congestion avoidance
    const growthBytes = this.isInSlowStart
      ? packet.sizeBytes
      : this.#maxDatagramBytes * packet.sizeBytes / this.#windowBytes;
    this.#windowBytes = this.#clamp(this.#windowBytes + growthBytes);
  }

  /** Halves the window, once per round trip. */
  onCongestionEvent(now: Instant, largestLostSentAt: Instant): void {
    if (largestLostSentAt <= this.#recoveryStartedAt) return;
    // RFC 9002 §7.3.2
    this.#recoveryStartedAt = now;
    this.#windowBytes = this.#clamp(this.#windowBytes * LOSS_REDUCTION_FACTOR);
    this.#slowStartThresholdBytes = this.#windowBytes;
  }

  /** Falls back to the smallest window and slow start. */
  onPersistentCongestion(_now: Instant): void {
    // RFC 9002 §7.6.2
    this.#windowBytes = this.#clamp(0);
    this.#recoveryStartedAt = -Infinity;
  }

  /** Takes a new datagram size; the window is raised to two of them. */
  setMaxDatagramBytes(maxDatagramBytes: number): void {
    assert(maxDatagramBytes > 0, "a datagram is not empty");
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#windowBytes = this.#clamp(this.#windowBytes);
  }

  #clamp(bytes: number): number {
    return clampWindow(bytes, this.#maxDatagramBytes, this.#maxWindowBytes);
  }
}
