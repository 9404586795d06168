/**
 * Streams that give a chunk now and then, so many a second over all of them.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";

/** Chunks per second over all streams. */
export const CHUNKS_PER_SECOND = 500;

/** Lets the streams that wait go on, one after the other. */
export class Trickle {
  readonly #waiting = new Fifo<(isGoingOn: boolean) => void>();
  #isOver = false;

  /** How many wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for a turn.
   *
   * @returns Whether there will be more.
   */
  turn(): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The one that has waited longest goes on. */
  next(): void {
    this.#waiting.shift()?.(true);
  }

  /** All of them end. */
  end(): void {
    this.#isOver = true;
    for (
      let resolve = this.#waiting.shift();
      resolve !== undefined;
      resolve = this.#waiting.shift()
    ) resolve(false);
  }
}
