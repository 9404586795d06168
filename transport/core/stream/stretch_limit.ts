/**
 * How many separate stretches of streams wait behind gaps: what it takes to remember
 * where they are is bounded, however small they are.
 *
 * Of one stream, for each that comes has to find its place among them; of all streams,
 * for the memory.
 *
 * @module
 */
import { TransportError } from "../error.ts";

/** Streams of which as many may wait as of one. A thousand that lose a packet have few each. */
export const FULL_STREAMS = 64;

/** One count for all the streams of a connection. */
export class StretchLimit {
  readonly #max: number;
  #count = 0;

  /** @param max Most stretches of a stream that wait. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Counts stretches of a stream.
   *
   * @param before How many waited.
   * @param count How many wait now.
   * @throws {TransportError} `LIMIT` when those are too many, or those of all streams.
   */
  change(before: number, count: number): void {
    this.#count += count - before;
    if (count <= this.#max && this.#count <= FULL_STREAMS * this.#max) return;
    throw new TransportError(
      "LIMIT",
      `Streams: more than ${this.#max} separate stretches of one wait, or of all ${FULL_STREAMS} times as many`,
      { limit: "maxStreamStretches" },
    );
  }
}
