/**
 * Whose turn it is to ask the node.
 *
 * @module
 */
import type { AbortRace } from "./abort.ts";

/** Lets so many requests be under way at a time. The rest wait, in their order. */
export class RequestTurns {
  #freeCount: number;
  /** Each begins a request that waits; the one that came first is first. */
  readonly #waiting = new Set<() => void>();

  /** @param count How many. */
  constructor(count: number) {
    this.#freeCount = count;
  }

  /**
   * Takes a turn without waiting for it.
   *
   * @returns Whether there was one. Who has it gives it back.
   */
  tryTake(): boolean {
    if (this.#freeCount === 0) return false;
    this.#freeCount--;
    return true;
  }

  /**
   * Waits for a turn where there was none to take.
   *
   * @param race Gives the wait up.
   * @returns Resolves with the turn; rejects with what the race was aborted with.
   */
  async take(race: AbortRace): Promise<void> {
    let begin!: () => void;
    const turn = new Promise<void>((resolve) => begin = resolve);
    this.#waiting.add(begin);
    try {
      await race.race(turn);
    } catch (error) {
      // Its turn may have come in the moment in which it gave up.
      if (!this.#waiting.delete(begin)) this.giveBack();
      throw error;
    }
  }

  /** The request is over: the next one has its turn. */
  giveBack(): void {
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin);
      begin();
      return;
    }
    this.#freeCount++;
  }
}
