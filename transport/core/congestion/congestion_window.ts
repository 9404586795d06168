/**
 * The window that a congestion controller opens and closes: its bounds, the end
 * of slow start, and which losses were answered already. How fast it opens is
 * the controller's matter.
 *
 * @module
 */
import { assert } from "../../../internal/assert.ts";
import type { Instant } from "../../../internal/instant.ts";
import { DEFAULT_DATAGRAM_BYTES } from "../config.ts";
import {
  type CongestionControllerOptions,
  INITIAL_WINDOW_BYTES,
  MAX_WINDOW_BYTES,
} from "./controller.ts";

/** Smallest window, in datagrams (RFC 9002 §7.2, kMinimumWindow). */
const MIN_WINDOW_DATAGRAMS = 2;

/** What a reduction takes the place of. */
interface PriorWindow {
  readonly bytes: number;
  readonly slowStartThresholdBytes: number;
  readonly recoveryStartedAt: Instant;
}

/**
 * A window between two datagrams and the maximum (or at the maximum, should
 * that be less than two datagrams). It starts in slow start.
 */
export class CongestionWindow {
  /** Largest window, in bytes. */
  readonly maxBytes: number;
  /** Window at which slow start ends, in bytes; `Infinity` while unknown. */
  slowStartThresholdBytes: number = Infinity;
  #bytes: number;
  #maxDatagramBytes: number;
  /** Packets sent until then belong to a loss already answered. */
  #recoveryStartedAt: Instant = -Infinity;
  /** `undefined` when there is nothing to go back to. */
  #prior: PriorWindow | undefined;

  /** @param options Sizes. */
  constructor(options: CongestionControllerOptions) {
    this.maxBytes = options.maxWindowBytes ?? MAX_WINDOW_BYTES;
    this.#maxDatagramBytes = options.maxDatagramBytes ?? DEFAULT_DATAGRAM_BYTES;
    assert(this.maxBytes > 0, "a window is positive");
    assert(this.#maxDatagramBytes > 0, "a datagram is not empty");
    this.#bytes = this.#clamp(
      options.initialWindowBytes ?? INITIAL_WINDOW_BYTES,
    );
  }

  /** The window, in bytes: not always a whole number. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes another window, or the bound that it is past. */
  set bytes(bytes: number) {
    this.#bytes = this.#clamp(bytes);
  }

  /** Largest datagram of the path, in bytes. */
  get maxDatagramBytes(): number {
    return this.#maxDatagramBytes;
  }

  /** Takes another; the window is raised to two of them. */
  set maxDatagramBytes(maxDatagramBytes: number) {
    assert(maxDatagramBytes > 0, "a datagram is not empty");
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#bytes = this.#clamp(this.#bytes);
  }

  /** Whether the window is below the slow start threshold. */
  get isInSlowStart(): boolean {
    return this.#bytes < this.slowStartThresholdBytes;
  }

  /**
   * Whether a packet belongs to a loss that was answered: it neither grows the
   * window nor, lost, reduces it again (RFC 9002 §7.3.2).
   *
   * @param sentAt When the packet was sent.
   * @returns Whether it does.
   */
  isInRecovery(sentAt: Instant): boolean {
    return sentAt <= this.#recoveryStartedAt;
  }

  /**
   * Answers a loss: the reduced window is where slow start ends from now on.
   *
   * @param now The time.
   * @param factor What is left of the window.
   */
  reduce(now: Instant, factor: number): void {
    this.#prior = {
      bytes: this.#bytes,
      slowStartThresholdBytes: this.slowStartThresholdBytes,
      recoveryStartedAt: this.#recoveryStartedAt,
    };
    this.#recoveryStartedAt = now;
    this.bytes = this.#bytes * factor;
    this.slowStartThresholdBytes = this.#bytes;
  }

  /**
   * Takes the last reduction back: nothing was lost (RFC 4015 §3.2). The window
   * is what it was then, or what it has grown to since, if that is more.
   *
   * @returns Whether there was one, and no collapse after it.
   */
  restore(): boolean {
    const prior = this.#prior;
    if (prior === undefined) return false;
    this.#prior = undefined;
    this.bytes = Math.max(this.#bytes, prior.bytes);
    this.slowStartThresholdBytes = prior.slowStartThresholdBytes;
    this.#recoveryStartedAt = prior.recoveryStartedAt;
    return true;
  }

  /** Falls back to the smallest window, out of recovery (RFC 9002 §7.6.2). */
  collapse(): void {
    this.bytes = 0;
    this.#recoveryStartedAt = -Infinity;
    this.#prior = undefined;
  }

  #clamp(bytes: number): number {
    const floor = MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes;
    return Math.min(Math.max(bytes, floor), this.maxBytes);
  }
}
