/**
 * Whose turn it is to ask.
 *
 * @module
 */
import type { StreamPriority } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";

/** What bulk gets of the turns, as a part of what interactive gets, while both wait. */
const BULK_SHARE: number = 10 / 50;

/** What begins each request that waits, and what it needs; the first came first. */
type Waiting = Map<() => void, number>;

/**
 * Lets so many requests, or bytes of them, be under way at a time. The rest wait,
 * in their order, by their priority: control goes first, and interactive and bulk
 * share what is left, as they do on a connection.
 */
export class RequestTurns {
  #freeCount: number;
  readonly #waiting: Readonly<Record<StreamPriority, Waiting>> = {
    control: new Map(),
    interactive: new Map(),
    bulk: new Map(),
  };
  /** What bulk may take before interactive goes on; negative is a debt. */
  #bulkDeficit = 0;

  /** @param count How many. */
  constructor(count: number) {
    this.#freeCount = count;
  }

  /** Whether any request waits. */
  get isWaitedFor(): boolean {
    const { control, interactive, bulk } = this.#waiting;
    return control.size + interactive.size + bulk.size > 0;
  }

  /**
   * Takes a turn without waiting for it.
   *
   * @param count What it takes, at most all there is.
   * @returns Whether there was one. Who has it gives it back.
   */
  tryTake(count = 1): boolean {
    if (this.#freeCount < count || this.isWaitedFor) return false;
    this.#freeCount -= count;
    return true;
  }

  /**
   * Waits for a turn where there was none to take.
   *
   * @param race Gives the wait up.
   * @param count What it takes.
   * @param priority Whom it goes before.
   * @returns Resolves with the turn; rejects with what the race was aborted with.
   */
  async take(
    race: AbortRace,
    count = 1,
    priority: StreamPriority = "interactive",
  ): Promise<void> {
    const waiting = this.#waiting[priority];
    let begin!: () => void;
    const turn = new Promise<void>((resolve) => begin = resolve);
    waiting.set(begin, count);
    // It may need less than the others, and go before them.
    this.#beginNext();
    try {
      await race.race(turn);
    } catch (error) {
      // Its turn may have come in the moment in which it gave up.
      if (!waiting.delete(begin)) this.giveBack(count);
      // It may have needed more than those behind it.
      else this.#beginNext();
      throw error;
    }
  }

  /**
   * Takes a turn that was given back too early: there may be too many then, and the
   * rest waits for longer.
   *
   * @param count What it takes.
   */
  takeAgain(count: number): void {
    this.#freeCount -= count;
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
    for (;;) {
      const waiting = this.#nextWaiting();
      const [next] = waiting;
      if (next === undefined) return;
      const [begin, count] = next;
      if (count > this.#freeCount) return;
      this.#countShare(waiting, count);
      waiting.delete(begin);
      this.#freeCount -= count;
      begin();
    }
  }

  #nextWaiting(): Waiting {
    const { control, interactive, bulk } = this.#waiting;
    if (control.size > 0) return control;
    if (interactive.size === 0) return bulk;
    return bulk.size > 0 && this.#bulkDeficit > 0 ? bulk : interactive;
  }

  #countShare(waiting: Waiting, count: number): void {
    const { interactive, bulk } = this.#waiting;
    if (interactive.size === 0 || bulk.size === 0) this.#bulkDeficit = 0;
    else if (waiting === bulk) this.#bulkDeficit -= count;
    else if (waiting === interactive) this.#bulkDeficit += BULK_SHARE * count;
  }
}
