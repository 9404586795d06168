/**
 * Busy polling: to look for an answer for a moment before going to sleep.
 *
 * Whoever sends to a process that sleeps has to wake it, which takes 30 to 130 µs
 * of a virtual machine, and it is that late: more than a call takes. So the event
 * loop is kept turning for a moment after something was sent, as long as most of
 * the last answers came in such a moment. Not where there is nothing to gain,
 * because the next datagram is there already or comes late.
 *
 * @module
 */
import type { Instant, MonotonicClock } from "../internal/instant.ts";

/** Silence after which an answer was there already: the first look finds it. */
const INSTANT_MS = 0.025;

/** Looks after which an answer that was not there already was worth looking for. */
const MIN_LOOKS = 2;

/**
 * Longest silence after which polling might have found the answer in time, had
 * both ends done it: asleep, they take that much longer.
 */
const SLEEPING_MS = 1;

/** Answers that count, and from how many on polling pays. */
const MAX_SCORE = 8;
const MIN_SCORE = 4;

/** What {@linkcode BusyPoll} is made from. */
export interface BusyPollOptions {
  /** How long a moment is, in milliseconds; 0 never polls. */
  readonly momentMs: number;
  /** The clock. */
  readonly clock: MonotonicClock;
  /**
   * Calls `task` once the socket has been looked at, in a turn of the event loop.
   * The same one again, before, changes nothing.
   */
  readonly scheduleLook: (task: () => void, now: Instant) => void;
}

/** Keeps the event loop turning for one socket, while that pays. */
export class BusyPoll {
  readonly #options: BusyPollOptions;
  readonly #afterLook = (): void => this.#handleLook();
  /** How many of the last answers were worth it. */
  #score = 0;
  /** When something was sent that was not answered yet. */
  #sentAt: Instant | undefined;
  /** How often it has looked since then. */
  #lookCount = 0;
  #until: Instant = -Infinity;

  /** @param options Moment, clock, and how to look. */
  constructor(options: BusyPollOptions) {
    this.#options = options;
  }

  /** Whether it polls after the next datagram that is sent. */
  get isWorthwhile(): boolean {
    return this.#score >= MIN_SCORE;
  }

  /**
   * A datagram came.
   *
   * @param now When.
   */
  handleReceived(now: Instant): void {
    if (this.#sentAt === undefined) return;
    const silenceMs = now - this.#sentAt;
    this.#sentAt = undefined;
    const score = this.#score + this.#worth(silenceMs);
    this.#score = Math.min(Math.max(score, 0), MAX_SCORE);
  }

  /** @returns What an answer like that says for polling, or against it. */
  #worth(silenceMs: number): -1 | 0 | 1 {
    const { momentMs } = this.#options;
    if (silenceMs > Math.max(momentMs, SLEEPING_MS)) return -1;
    if (!this.isWorthwhile) return silenceMs > INSTANT_MS ? 1 : -1;
    // The other end may have slept: if we stopped for that, it would never learn.
    if (silenceMs > momentMs) return 0;
    return this.#lookCount >= MIN_LOOKS ? 1 : -1;
  }

  /**
   * Datagrams were sent: polls from now on, if that pays.
   *
   * @param now When.
   */
  handleSent(now: Instant): void {
    this.#sentAt = now;
    this.#lookCount = 0;
    if (!this.isWorthwhile) return;
    this.#until = now + this.#options.momentMs;
    this.#options.scheduleLook(this.#afterLook, now);
  }

  #handleLook(): void {
    const now = this.#options.clock();
    this.#lookCount++;
    if (now < this.#until) this.#options.scheduleLook(this.#afterLook, now);
  }
}
