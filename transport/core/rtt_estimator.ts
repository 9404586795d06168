/**
 * Round-trip time of one path (RFC 9002 §5).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import { DEFAULT_INITIAL_RTT_MS, DEFAULT_MAX_ACK_DELAY_MS } from "./config.ts";

/** Timer granularity in ms (RFC 9002 §6.1.2, kGranularity). */
export const TIMER_GRANULARITY_MS = 1;

/** Options of an {@linkcode RttEstimator}. */
export interface RttEstimatorOptions {
  /**
   * RTT assumed before the first sample, in ms.
   *
   * @default {DEFAULT_INITIAL_RTT_MS}
   */
  readonly initialRttMs?: number;
  /**
   * Longest time the peer holds an acknowledgement back, in ms.
   *
   * @default {DEFAULT_MAX_ACK_DELAY_MS}
   */
  readonly maxAckDelayMs?: number;
  /**
   * Smallest variance term of a timeout, in ms.
   *
   * @default {TIMER_GRANULARITY_MS}
   */
  readonly granularityMs?: number;
}

/** Smoothed RTT, its variation and its minimum, from samples. */
export class RttEstimator {
  /** Longest time the peer holds an acknowledgement back, in ms. */
  readonly maxAckDelayMs: number;
  /** Smallest variance term of a timeout, in ms. */
  readonly granularityMs: number;
  readonly #initialRttMs: number;
  #smoothedRttMs = 0;
  #rttVarianceMs = 0;
  #minRttMs = 0;
  #latestRttMs = 0;
  #hasSample = false;

  /**
   * Starts without a sample.
   *
   * @param options Initial values.
   */
  constructor(options: RttEstimatorOptions = {}) {
    const initialRttMs = options.initialRttMs ?? DEFAULT_INITIAL_RTT_MS;
    this.maxAckDelayMs = options.maxAckDelayMs ?? DEFAULT_MAX_ACK_DELAY_MS;
    this.granularityMs = options.granularityMs ?? TIMER_GRANULARITY_MS;
    assert(initialRttMs > 0, "the initial RTT is positive");
    assert(this.maxAckDelayMs >= 0, "an ack delay is not negative");
    assert(this.granularityMs > 0, "a timer granularity is positive");
    this.#initialRttMs = initialRttMs;
    this.reset();
  }

  /** Forgets every sample: the path is another one (RFC 9000 §9.4). */
  reset(): void {
    // RFC 9002 §5.3: before any sample
    this.#smoothedRttMs = this.#initialRttMs;
    this.#rttVarianceMs = this.#initialRttMs / 2;
    this.#minRttMs = this.#initialRttMs;
    this.#latestRttMs = this.#initialRttMs;
    this.#hasSample = false;
  }

  /** Exponentially weighted mean of the samples, in ms. */
  get smoothedRttMs(): number {
    return this.#smoothedRttMs;
  }

  /** Mean deviation of the samples, in ms. */
  get rttVarianceMs(): number {
    return this.#rttVarianceMs;
  }

  /** Smallest sample, in ms; the initial RTT before the first one. */
  get minRttMs(): number {
    return this.#minRttMs;
  }

  /** Newest sample, in ms; the initial RTT before the first one. */
  get latestRttMs(): number {
    return this.#latestRttMs;
  }

  /** Whether the path was measured at all. */
  get hasSample(): boolean {
    return this.#hasSample;
  }

  /** Probe timeout without backoff, in ms (RFC 9002 §6.2.1). */
  get ptoMs(): number {
    return this.#smoothedRttMs +
      Math.max(4 * this.#rttVarianceMs, this.granularityMs) +
      this.maxAckDelayMs;
  }

  /**
   * Takes one measurement.
   *
   * @param latestRttMs From sending the largest newly acknowledged packet to
   * its acknowledgement.
   * @param ackDelayMs What the peer says it waited. Untrusted: it is clamped to
   * the agreed maximum and never brings a sample below the minimum RTT.
   */
  handleSample(latestRttMs: number, ackDelayMs: number): void {
    assert(latestRttMs >= 0, "a round trip takes no negative time");
    this.#latestRttMs = latestRttMs;
    if (!this.#hasSample) {
      // RFC 9002 §5.2, §5.3: the first sample ignores the peer's delay
      this.#hasSample = true;
      this.#minRttMs = latestRttMs;
      this.#smoothedRttMs = latestRttMs;
      this.#rttVarianceMs = latestRttMs / 2;
      return;
    }
    // RFC 9002 §5.2: the minimum also ignores the peer's delay
    this.#minRttMs = Math.min(this.#minRttMs, latestRttMs);
    // RFC 9002 §5.3: clamp, and keep the sample at or above the minimum
    const delayMs = Math.max(0, Math.min(ackDelayMs, this.maxAckDelayMs));
    const adjustedMs = latestRttMs >= this.#minRttMs + delayMs
      ? latestRttMs - delayMs
      : latestRttMs;
    this.#rttVarianceMs = 0.75 * this.#rttVarianceMs +
      0.25 * Math.abs(this.#smoothedRttMs - adjustedMs);
    this.#smoothedRttMs = 0.875 * this.#smoothedRttMs + 0.125 * adjustedMs;
  }

  /**
   * Forgets the minimum in favour of the newest sample, after persistent
   * congestion: the path may have changed (RFC 9002 §5.2).
   */
  resetMinRtt(): void {
    this.#minRttMs = this.#latestRttMs;
  }
}
