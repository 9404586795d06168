/**
 * Whose turn it is to make chunks, or to send events on, over all streams of the
 * process; `decoding_turns.ts` has another budget for what is received.
 *
 * @module
 */
import { Fifo } from "../internal/fifo.ts";
import { scheduleFairTurn } from "../transport/mod.ts";

/**
 * Chunks that all streams together may send before sockets and timers have their
 * turn: half a millisecond of work. To wait for the next turn takes 3 to 6 µs.
 */
const CHUNKS_PER_EVENT_LOOP_TURN = 256;

interface Waiting {
  readonly count: number;
  readonly resolve: () => void;
}

/**
 * Lets the event loop turn. A source that always has a chunk fills its send buffer
 * without a pause, which is 10 ms for one stream of short chunks and 10 s for a
 * thousand: no acknowledgement is read meanwhile, and connections are given up. The
 * same goes for events at a node, each of which takes about as long as a chunk.
 */
export class SendingTurns {
  readonly #schedule: (task: () => void) => void;
  readonly #budget: number;
  readonly #waiting = new Fifo<Waiting>();
  readonly #start = (): void => this.#handleTurn();
  #left: number;
  #isScheduled = false;

  /**
   * @param schedule Calls back in a turn of the event loop of its own.
   * @param budget Chunks in a turn of the event loop.
   */
  constructor(
    schedule: (task: () => void) => void,
    budget: number = CHUNKS_PER_EVENT_LOOP_TURN,
  ) {
    this.#schedule = schedule;
    this.#budget = budget;
    this.#left = budget;
  }

  /**
   * Asks before chunks are made.
   *
   * @param count How many at most.
   * @returns Nothing when they may be made at once, else resolves when they may:
   * in the order in which it was asked.
   */
  take(count: number): Promise<void> | undefined {
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left -= count;
      return undefined;
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#schedule(this.#start);
    }
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  #handleTurn(): void {
    this.#isScheduled = false;
    this.#left = this.#budget;
    while (this.#left > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#left -= next.count;
      next.resolve();
    }
    if (this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#schedule(this.#start);
  }
}

/** The one of this process: it has one event loop. */
export const SENDING_TURNS: SendingTurns = new SendingTurns(scheduleFairTurn);
