/**
 * What was declared lost lately, to notice when it arrives after all.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import type { Range } from "../../internal/range_set.ts";

/**
 * How many losses are remembered. Of 100 MB/s in packets of 1,200 bytes, a tenth
 * of which comes 20 ms late, 167 are missing at a time.
 */
export const MAX_RECENT_LOSSES = 256;

/** A packet that was declared lost. */
export interface RecentLoss {
  /** Its number. */
  readonly packetNumber: number;
  /** When it was sent. */
  readonly sentAt: Instant;
}

const NO_LOSSES: readonly RecentLoss[] = Object.freeze([]);

/** The losses of the last few round trips, in packet number order. */
export class RecentLosses {
  readonly #losses: RecentLoss[] = [];

  /** How many are remembered. */
  get size(): number {
    return this.#losses.length;
  }

  /**
   * Remembers a loss. Past {@linkcode MAX_RECENT_LOSSES} the oldest is forgotten:
   * it stays a loss, whatever is heard of it.
   *
   * @param loss Its number must be above all the numbers remembered.
   */
  add(loss: RecentLoss): void {
    const losses = this.#losses;
    assert(
      losses.length === 0 ||
        loss.packetNumber > losses[losses.length - 1]!.packetNumber,
      "packets are lost in packet number order",
    );
    if (losses.length === MAX_RECENT_LOSSES) losses.shift();
    losses.push(loss);
  }

  /**
   * Forgets what was sent too long ago.
   *
   * @param instant Packets sent before it are forgotten.
   */
  forgetBefore(instant: Instant): void {
    const losses = this.#losses;
    let count = 0;
    while (count < losses.length && losses[count]!.sentAt < instant) count++;
    if (count > 0) losses.splice(0, count);
  }

  /**
   * Takes out what an acknowledgement covers.
   *
   * @param ranges Half-open ranges of packet numbers, in descending order.
   * @returns The losses that were none, in ascending order.
   */
  take(ranges: readonly Range[]): readonly RecentLoss[] {
    const losses = this.#losses;
    // most acknowledgements cover none
    let taken: RecentLoss[] | undefined;
    let kept = 0;
    let index = ranges.length - 1;
    for (let at = 0; at < losses.length; at++) {
      const loss = losses[at]!;
      const { packetNumber } = loss;
      while (index >= 0 && ranges[index]!.end <= packetNumber) index--;
      if (index >= 0 && ranges[index]!.start <= packetNumber) {
        (taken ??= []).push(loss);
      } else {
        if (taken !== undefined) losses[kept] = loss;
        kept++;
      }
    }
    if (taken === undefined) return NO_LOSSES;
    losses.length = kept;
    return taken;
  }
}
