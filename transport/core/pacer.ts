/**
 * Spreads a window over its round trip (RFC 9002 §7.7).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import { DEFAULT_DATAGRAM_BYTES } from "./config.ts";
import type { CongestionController, PathRtt } from "./congestion/controller.ts";
import {
  kernelBytes,
  MAX_UNPACED_KERNEL_BYTES,
  MIN_PACED_RTT_MS,
} from "./receive_buffer.ts";

/** How much faster than one window per RTT (RFC 9002 §7.7). */
const PACING_GAIN = 1.25;
/** The same in slow start, where the window doubles within an RTT. */
const SLOW_START_GAIN = 2;
/** Smallest burst, in datagrams: the initial window of RFC 9002 §7.2. */
export const MIN_BURST_DATAGRAMS = 10;
/**
 * Time that a burst may cover, in ms: how late the next one may be without loss
 * of throughput. `setTimeout` of Deno fires 1.1 ms after the time asked for, and
 * asks in whole milliseconds, so that a wait of any length takes up to 2.1 ms
 * more; the rest is for what else the process does.
 */
const BURST_INTERVAL_MS = 4;
/** Rounding that does not make a datagram wait, in bytes. */
const TOLERANCE_BYTES = 1;

/** Options of a {@linkcode Pacer}. */
export interface PacerOptions {
  /**
   * Largest datagram of the path, in bytes.
   *
   * @default {DEFAULT_DATAGRAM_BYTES}
   */
  readonly maxDatagramBytes?: number;
  /**
   * Smallest burst, in datagrams.
   *
   * @default {MIN_BURST_DATAGRAMS}
   */
  readonly minBurstDatagrams?: number;
  /**
   * RTT below which nothing is paced, in ms.
   *
   * @default {MIN_PACED_RTT_MS}
   */
  readonly minPacedRttMs?: number;
}

/**
 * A token bucket whose rate follows the congestion window and the RTT. On a
 * path with an RTT below 1 ms it lets everything pass; there the receive buffer
 * bounds what is in flight (`receive_buffer.ts`).
 */
export class Pacer {
  readonly #congestion: Pick<
    CongestionController,
    "windowBytes" | "isInSlowStart"
  >;
  readonly #rtt: Pick<PathRtt, "smoothedRttMs" | "minRttMs">;
  readonly #minBurstDatagrams: number;
  readonly #minPacedRttMs: number;
  #maxDatagramBytes: number;
  #tokenBytes = Infinity;
  #refilledAt: Instant = 0;

  /**
   * Starts with a full bucket.
   *
   * @param congestion Where the window is read at each call.
   * @param rtt Where the RTT is read at each call.
   * @param options Burst size.
   */
  constructor(
    congestion: Pick<CongestionController, "windowBytes" | "isInSlowStart">,
    rtt: Pick<PathRtt, "smoothedRttMs" | "minRttMs">,
    options: PacerOptions = {},
  ) {
    this.#congestion = congestion;
    this.#rtt = rtt;
    this.#minBurstDatagrams = options.minBurstDatagrams ?? MIN_BURST_DATAGRAMS;
    this.#minPacedRttMs = options.minPacedRttMs ?? MIN_PACED_RTT_MS;
    this.#maxDatagramBytes = options.maxDatagramBytes ?? DEFAULT_DATAGRAM_BYTES;
    assert(this.#minBurstDatagrams >= 1, "a burst holds a datagram");
    assert(this.#maxDatagramBytes > 0, "a datagram is not empty");
  }

  /**
   * Whether the path is long enough to be paced. The smallest RTT decides: a
   * short path whose receiver falls behind stays a short path.
   */
  get isPaced(): boolean {
    return this.#rtt.minRttMs >= this.#minPacedRttMs;
  }

  /** Sending rate, in bytes per ms; `Infinity` when nothing is paced. */
  get bytesPerMs(): number {
    if (!this.isPaced) return Infinity;
    const gain = this.#congestion.isInSlowStart ? SLOW_START_GAIN : PACING_GAIN;
    return gain * this.#congestion.windowBytes / this.#rtt.smoothedRttMs;
  }

  /**
   * Largest burst, in bytes: what an idle bucket holds. A paced one is no larger
   * than what the peer's receive buffer takes at once.
   */
  get burstBytes(): number {
    const minBytes = this.#minBurstDatagrams * this.#maxDatagramBytes;
    const rate = this.bytesPerMs;
    if (rate === Infinity) {
      return Math.max(minBytes, this.#congestion.windowBytes);
    }
    const fittingCount = Math.floor(
      MAX_UNPACED_KERNEL_BYTES / kernelBytes(this.#maxDatagramBytes),
    );
    return Math.min(
      Math.max(minBytes, rate * BURST_INTERVAL_MS),
      fittingCount * this.#maxDatagramBytes,
    );
  }

  /**
   * When a datagram may be sent.
   *
   * @param now The time.
   * @param sizeBytes Size of the datagram.
   * @returns `now` or a later instant.
   */
  nextSendAt(now: Instant, sizeBytes: number): Instant {
    const rate = this.bytesPerMs;
    if (rate === Infinity) return now;
    this.#refill(now);
    // a datagram larger than the bucket goes when the bucket is full
    const missing = Math.min(sizeBytes, this.burstBytes) - this.#tokenBytes;
    return missing <= TOLERANCE_BYTES ? now : now + missing / rate;
  }

  /**
   * A datagram was sent, with or without permission: probes do not ask.
   *
   * @param now The time.
   * @param sizeBytes Size of the datagram.
   */
  onPacketSent(now: Instant, sizeBytes: number): void {
    this.#refill(now);
    // a debt of one burst at most, so that nobody waits for long
    this.#tokenBytes = Math.max(
      this.#tokenBytes - sizeBytes,
      -this.burstBytes,
    );
  }

  /**
   * The path carries datagrams of another size now.
   *
   * @param maxDatagramBytes Largest datagram, in bytes.
   */
  setMaxDatagramBytes(maxDatagramBytes: number): void {
    assert(maxDatagramBytes > 0, "a datagram is not empty");
    this.#maxDatagramBytes = maxDatagramBytes;
  }

  #refill(now: Instant): void {
    const elapsedMs = now - this.#refilledAt;
    this.#refilledAt = now;
    const earned = elapsedMs > 0 ? elapsedMs * this.bytesPerMs : 0;
    this.#tokenBytes = Math.min(this.#tokenBytes + earned, this.burstBytes);
  }
}
