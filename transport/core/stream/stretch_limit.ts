/**
 * How many separate stretches of streams wait behind gaps: what it takes to remember
 * where they are is bounded, however small they are.
 *
 * @module
 */
import { TransportError } from "../error.ts";

/** One count for all the streams of a connection. */
export class StretchLimit {
  readonly #max: number;
  #count = 0;

  /** @param max Most stretches that wait. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Counts stretches.
   *
   * @param difference How many more wait than before; fewer where it is negative.
   * @throws {TransportError} `LIMIT` when too many wait.
   */
  add(difference: number): void {
    this.#count += difference;
    if (this.#count <= this.#max) return;
    throw new TransportError(
      "LIMIT",
      `Streams: more than ${this.#max} separate stretches wait`,
      { limit: "maxStreamStretches" },
    );
  }
}
