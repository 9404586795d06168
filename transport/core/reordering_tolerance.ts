/**
 * How much reordering is still not a loss. It starts with what RFC 9002 asks
 * for, and widens where the path shows that it reorders more (RFC 9002 §6.1.1,
 * in the manner of RFC 8985 §6.2).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import { REPLAY_WINDOW_PACKETS } from "./config.ts";

/** Reordering, in packets, that is still not a loss (RFC 9002 §6.1.1, kPacketThreshold). */
export const PACKET_THRESHOLD = 3;
/** Reordering, in RTTs, that is still not a loss: 9/8 (RFC 9002 §6.1.2, kTimeThreshold). */
export const TIME_THRESHOLD = 1.125;
/** Largest packet threshold: a receiver drops what comes later than that, for it may be a replay. */
export const MAX_PACKET_THRESHOLD: number = REPLAY_WINDOW_PACKETS;
/**
 * Largest time threshold, in RTTs (RFC 8985 §6.2 step 4: a reordering window of
 * one smoothed RTT). It is how late, at worst, the loss of the last packets of a
 * call is noticed, and how late a window reacts to a loss.
 */
export const MAX_TIME_THRESHOLD = 2;
/** Congestion events without reordering after which it is forgotten (RFC 8985 §6.2 step 4). */
export const MAX_ORDERLY_EVENTS = 16;

/** What the packet threshold leaves for a rate that doubles, as in slow start. */
const PACKET_MARGIN = 2;
/** What a round trip may take beyond the longest one seen, in RTTs: as RFC 9002 has it. */
const TIME_MARGIN = TIME_THRESHOLD - 1;

/** Options of a {@linkcode ReorderingTolerance}. */
export interface ReorderingToleranceOptions {
  /**
   * Reordering that is still not a loss, in packets.
   *
   * @default {PACKET_THRESHOLD}
   */
  readonly packetThreshold?: number;
  /**
   * Reordering that is still not a loss, in RTTs.
   *
   * @default {TIME_THRESHOLD}
   */
  readonly timeThreshold?: number;
}

/** The thresholds of loss detection on one path. */
export class ReorderingTolerance {
  readonly #minPacketThreshold: number;
  readonly #minTimeThreshold: number;
  #packetThreshold: number;
  #timeThreshold: number;
  /** Congestion events since reordering was seen. */
  #orderlyEvents = 0;

  /**
   * Starts as RFC 9002 asks for.
   *
   * @param options Thresholds of a path that does not reorder.
   */
  constructor(options: ReorderingToleranceOptions = {}) {
    this.#minPacketThreshold = options.packetThreshold ?? PACKET_THRESHOLD;
    this.#minTimeThreshold = options.timeThreshold ?? TIME_THRESHOLD;
    assert(this.#minPacketThreshold >= 1, "a packet threshold is at least 1");
    assert(this.#minTimeThreshold >= 1, "a time threshold is at least 1 RTT");
    this.#packetThreshold = this.#minPacketThreshold;
    this.#timeThreshold = this.#minTimeThreshold;
  }

  /** Packets above a missing one that make it lost. */
  get packetThreshold(): number {
    return this.#packetThreshold;
  }

  /** RTTs since it was sent that make a missing packet lost. */
  get timeThreshold(): number {
    return this.#timeThreshold;
  }

  /**
   * A packet arrived that had been declared lost.
   *
   * @param packets How far it was below the largest number acknowledged before.
   * @param roundTrips What its own round trip took, in RTTs.
   */
  onSpuriousLoss(packets: number, roundTrips: number): void {
    this.#orderlyEvents = 0;
    this.#packetThreshold = Math.max(
      this.#packetThreshold,
      Math.min(PACKET_MARGIN * packets + 1, MAX_PACKET_THRESHOLD),
    );
    this.#timeThreshold = Math.max(
      this.#timeThreshold,
      Math.min(roundTrips + TIME_MARGIN, MAX_TIME_THRESHOLD),
    );
  }

  /**
   * A packet arrived out of order that was not declared lost.
   *
   * @param packets How far it was below the largest number acknowledged before.
   */
  onLatePacket(packets: number): void {
    // otherwise the first thresholds would have done as well
    if (packets >= this.#minPacketThreshold) this.#orderlyEvents = 0;
  }

  /** The congestion window was reduced: once in a round trip at most. */
  onCongestionEvent(): void {
    if (++this.#orderlyEvents >= MAX_ORDERLY_EVENTS) this.reset();
  }

  /** Forgets what was seen: the path is another one. */
  reset(): void {
    this.#orderlyEvents = 0;
    this.#packetThreshold = this.#minPacketThreshold;
    this.#timeThreshold = this.#minTimeThreshold;
  }
}
