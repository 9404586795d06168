/**
 * How long handlers take at least, to tell which calls come too late for them.
 *
 * Calls that wait for a handler are served in their order. Where more come than can be
 * served, each has waited until nearly nothing of its time is left when its turn comes:
 * handlers would run for callers that give up before they are done, and nobody would be
 * served at all. So a call for which not even the fastest handler of late had enough
 * time is not begun.
 *
 * @module
 */
import type { Method } from "./handler.ts";

/** Handlers of which the fastest is remembered, twice over. */
const SAMPLE_COUNT = 64;

/** What a call takes beside its handler, on its way and in queues, as a multiple of that. */
const NEEDED_FACTOR = 1.125;

interface Durations {
  /** Of those that are counted now. */
  shortestMs: number;
  /** Of the {@linkcode SAMPLE_COUNT} before them; 0 when there were no so many. */
  previousMs: number;
  count: number;
}

/** The shortest durations of late, of each method. */
export class HandlerDurations {
  readonly #methods = new WeakMap<Method, Durations>();

  /**
   * Takes a handler that has ended by itself.
   *
   * @param method What it is for.
   * @param durationMs How long it took, in milliseconds.
   */
  note(method: Method, durationMs: number): void {
    let durations = this.#methods.get(method);
    if (durations === undefined) {
      durations = { shortestMs: Infinity, previousMs: 0, count: 0 };
      this.#methods.set(method, durations);
    }
    durations.shortestMs = Math.min(durations.shortestMs, durationMs);
    if (++durations.count < SAMPLE_COUNT) return;
    durations.previousMs = durations.shortestMs;
    durations.shortestMs = Infinity;
    durations.count = 0;
  }

  /**
   * What a call needs at least, as far as is known: a little more than its handler.
   *
   * @param method What it is for.
   * @returns Milliseconds; 0 when too few have ended.
   */
  neededMs(method: Method): number {
    const durations = this.#methods.get(method);
    if (durations === undefined) return 0;
    return NEEDED_FACTOR *
      Math.min(durations.shortestMs, durations.previousMs);
  }
}
