/**
 * Whose turn it is to ask.
 *
 * @module
 */
import type { AbortRace } from "./abort.ts";

/**
 * Lets so many requests, or bytes of them, be under way at a time. The rest wait,
 * in their order.
 */
export class RequestTurns {
  #freeCount: number;
  /** What begins each request that waits, and what it needs; the first came first. */
  readonly #waiting = new Map<() => void, number>();

  /** @param count How many. */
  constructor(count: number) {
    this.#freeCount = count;
  }

  /**
   * Takes a turn without waiting for it.
   *
   * @param count What it takes, at most all there is.
   * @returns Whether there was one. Who has it gives it back.
   */
  tryTake(count = 1): boolean {
    if (this.#freeCount < count || this.#waiting.size > 0) return false;
    this.#freeCount -= count;
    return true;
  }

  /**
   * Waits for a turn where there was none to take.
   *
   * @param race Gives the wait up.
   * @param count What it takes.
   * @returns Resolves with the turn; rejects with what the race was aborted with.
   */
  async take(race: AbortRace, count = 1): Promise<void> {
    let begin!: () => void;
    const turn = new Promise<void>((resolve) => begin = resolve);
    this.#waiting.set(begin, count);
    try {
      await race.race(turn);
    } catch (error) {
      // Its turn may have come in the moment in which it gave up.
      if (!this.#waiting.delete(begin)) this.giveBack(count);
      // It may have needed more than those behind it.
      else this.#beginNext();
      throw error;
    }
  }

  /**
   * The request is over: whoever waits has its turn.
   *
   * @param count What it took.
   */
  giveBack(count = 1): void {
    this.#freeCount += count;
    this.#beginNext();
  }

  #beginNext(): void {
    for (const [begin, count] of this.#waiting) {
      if (count > this.#freeCount) return;
      this.#waiting.delete(begin);
      this.#freeCount -= count;
      begin();
    }
  }
}
