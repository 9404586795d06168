/**
 * NewReno congestion control (RFC 9002 §7 and appendix B), counting in bytes.
 * Slower than CUBIC to use a long fast path again after a loss, and simpler: what
 * to compare with when a path behaves in a way that nobody expected.
 *
 * @module
 */
import type { Instant } from "../../../internal/instant.ts";
import { CongestionWindow } from "./congestion_window.ts";
import type {
  CongestionController,
  CongestionControllerOptions,
  PacketInFlight,
  PathRtt,
} from "./controller.ts";

/** What is left of the window after a loss (RFC 9002 §B.1, kLossReductionFactor). */
const LOSS_REDUCTION_FACTOR = 0.5;

/**
 * NewReno: doubles in slow start, adds a datagram per round trip after it, and
 * halves at a loss. The window stays between two datagrams and the maximum (or
 * at the maximum, should that be less than two datagrams).
 */
export class NewReno implements CongestionController {
  readonly #window: CongestionWindow;

  /**
   * Starts in slow start.
   *
   * @param options Sizes.
   */
  constructor(options: CongestionControllerOptions = {}) {
    this.#window = new CongestionWindow(options);
  }

  /** How many bytes may be in flight: a whole number. */
  get windowBytes(): number {
    return Math.floor(this.#window.bytes);
  }

  /** Window at which slow start ends, in bytes; `Infinity` before any loss. */
  get slowStartThresholdBytes(): number {
    return this.#window.slowStartThresholdBytes;
  }

  /** Whether the window is below the slow start threshold. */
  get isInSlowStart(): boolean {
    return this.#window.isInSlowStart;
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
    if (this.#window.isInRecovery(packet.sentAt)) return;
    // RFC 9002 §7.8
    if (isAppLimited) return;
    // RFC 9002 §7.3.1 slow start, §7.3.3 congestion avoidance
    const window = this.#window;
    window.bytes += window.isInSlowStart
      ? packet.sizeBytes
      : window.maxDatagramBytes * packet.sizeBytes / window.bytes;
  }

  /** Halves the window, once per round trip. */
  onCongestionEvent(now: Instant, largestLostSentAt: Instant): boolean {
    if (this.#window.isInRecovery(largestLostSentAt)) return false;
    this.#window.reduce(now, LOSS_REDUCTION_FACTOR);
    return true;
  }

  /** Takes the last reduction back. */
  undoCongestionEvent(): void {
    this.#window.restore();
  }

  /** Falls back to the smallest window and slow start. */
  onPersistentCongestion(_now: Instant): void {
    this.#window.collapse();
  }

  /** Takes a new datagram size; the window is raised to two of them. */
  setMaxDatagramBytes(maxDatagramBytes: number): void {
    this.#window.maxDatagramBytes = maxDatagramBytes;
  }
}
