/**
 * How long handlers take at least, to tell which calls come too late for them.
 *
 * Where more calls come than can be served, many have waited until nearly nothing of
 * their time is left when their turn comes: handlers would run for callers that give up
 * before they are done, and nobody would be served at all. So a call for which not even
 * the fastest handler of late had enough time is not begun.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import type { Method } from "./handler.ts";

/** Handlers of which the fastest is remembered, twice over. */
const SAMPLE_COUNT = 64;

/**
 * What is known is old when no handler has ended for twice as long as it says, and for
 * this long, in milliseconds: calls that are refused would never show that they have
 * become faster.
 */
const MIN_AGE_MS = 1_000;

/** What a call takes beside its handler, on its way and in queues, as a multiple of that. */
const NEEDED_FACTOR = 1.125;

interface Durations {
  /** Of those that are counted now. */
  shortestMs: number;
  /** Of the {@linkcode SAMPLE_COUNT} before them; 0 when there were no so many. */
  previousMs: number;
  count: number;
  /** When the last of them ended. */
  notedAt: Instant;
}

/** The shortest durations of late, of each method. */
export class HandlerDurations {
  readonly #methods = new WeakMap<Method, Durations>();

  /**
   * Takes a handler that has ended by itself.
   *
   * @param method What it is for.
   * @param startedAt When it began.
   * @param now The time.
   */
  note(method: Method, startedAt: Instant, now: Instant): void {
    const durationMs = now - startedAt;
    let durations = this.#methods.get(method);
    if (durations === undefined) {
      durations = {
        shortestMs: Infinity,
        previousMs: 0,
        count: 0,
        notedAt: now,
      };
      this.#methods.set(method, durations);
    }
    durations.notedAt = now;
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
   * @param now The time.
   * @returns Milliseconds; 0 when too few have ended, or none of late.
   */
  neededMs(method: Method, now: Instant): number {
    const durations = this.#methods.get(method);
    if (durations === undefined) return 0;
    const neededMs = NEEDED_FACTOR *
      Math.min(durations.shortestMs, durations.previousMs);
    const isOld = now - durations.notedAt > Math.max(MIN_AGE_MS, 2 * neededMs);
    return isOld ? 0 : neededMs;
  }
}
