/**
 * Busy polling: to look for an answer for a moment before going to sleep.
 *
 * Whoever sends to a process that sleeps has to wake it, which takes 30 to 130 µs
 * of a virtual machine, and it is that late: more than a call takes. So the event
 * loop is kept turning for a moment after something was sent, as long as most of
 * the last answers came in such a moment. Not where there is nothing to gain,
 * because the next datagram is there already or comes late.
 *
 * Two ends that sleep keep each other waiting for longer than a moment that pays.
 * So longer ones are tried for a while; if that makes answers no sooner, the next
 * try is after 16 answers, then 32, up to 1,024.
 *
 * The answer to a hello takes its time: the other end agrees on keys. It is looked
 * for as long as the one before took, twice over, when that was soon.
 *
 * @module
 */
import type { Instant, MonotonicClock } from "../internal/instant.ts";

/** Silence after which an answer was there already: the first look finds it. */
const INSTANT_MS = 0.025;

/** Looks after which an answer that was not there already was worth looking for. */
const MIN_LOOKS = 2;

/** The usual moment, as a share of the longest that pays. */
const USUAL_SHARE = 0.4;

/**
 * How many times the longest moment that pays is tried after an answer that came
 * late, and which answers count as late because the other end slept: two that
 * sleep wait for each other longer than two that do not.
 */
const TRIED_MOMENTS = 4;

/** The score from which on polling pays; then the highest one is given at once. */
const MIN_SCORE = 4;
const MAX_SCORE = 8;

/** Answers found by longer looks in one try. */
const MAX_PATIENCE = 64;

/** Answers to wait for after a try that failed: twice as many after each. */
const MIN_PENALTY = 16;
const MAX_PENALTY = 1_024;

/** What {@linkcode BusyPoll} is made from. */
export interface BusyPollOptions {
  /** The longest moment that pays, in milliseconds, above 0. */
  readonly maxMs: number;
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
  /** What the last answers say for polling. */
  #score = 0;
  #momentMs: number;
  #penalty = MIN_PENALTY;
  #patience = MAX_PATIENCE;
  /** When something was sent that was not answered yet. */
  #sentAt: Instant | undefined;
  /** How often it has looked since then. */
  #lookCount = 0;
  #until: Instant = -Infinity;
  /** Whether a hello was among what was sent then. */
  #isHelloSent = false;
  /** How long to look for the answer to a hello; 0: not at all. */
  #helloMomentMs = 0;

  /** @param options Moment, clock, and how to look. */
  constructor(options: BusyPollOptions) {
    this.#options = options;
    this.#momentMs = this.#usualMs;
  }

  /** Whether it polls after the next datagram that is sent. */
  get isWorthwhile(): boolean {
    return this.#score >= MIN_SCORE;
  }

  get #usualMs(): number {
    return this.#options.maxMs * USUAL_SHARE;
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
    const { maxMs } = this.#options;
    if (this.#isHelloSent) this.#learnHello(silenceMs);
    else if (silenceMs > maxMs * TRIED_MOMENTS) this.#lose();
    else if (!this.isWorthwhile) {
      if (silenceMs > INSTANT_MS) this.#win();
      else this.#lose();
    } else if (silenceMs > this.#momentMs) {
      // The other end may have slept: being awake for longer wakes it sooner.
      this.#momentMs = Math.min(this.#momentMs * 2, maxMs * TRIED_MOMENTS);
      this.#lose();
    } else if (silenceMs > maxMs) {
      // Found by a longer look: the other end has yet to try the same.
      if (--this.#patience < 0) this.#lose();
    } else if (this.#lookCount < MIN_LOOKS) this.#lose();
    else {
      this.#penalty = MIN_PENALTY;
      this.#patience = MAX_PATIENCE;
      this.#momentMs = Math.max(this.#usualMs, Math.min(maxMs, 2 * silenceMs));
      this.#win();
    }
  }

  /** Of calls it says nothing: it is neither for nor against looking for those. */
  #learnHello(silenceMs: number): void {
    const longestMs = this.#options.maxMs * TRIED_MOMENTS;
    this.#helloMomentMs = silenceMs > longestMs
      ? 0
      : Math.min(2 * silenceMs, longestMs);
  }

  #win(): void {
    this.#score = Math.min(this.#score + 1, MAX_SCORE);
    if (this.#score === MIN_SCORE) this.#score = MAX_SCORE;
  }

  #lose(): void {
    const wasWorthwhile = this.isWorthwhile;
    if (this.#score > 0) this.#score--;
    if (!wasWorthwhile || this.isWorthwhile) return;
    this.#score = -this.#penalty;
    this.#penalty = Math.min(this.#penalty * 2, MAX_PENALTY);
    this.#patience = MAX_PATIENCE;
    this.#momentMs = this.#usualMs;
  }

  /**
   * Datagrams were sent: polls from now on, if that pays.
   *
   * @param now When.
   * @param hasHello Whether one of them begins a connection.
   */
  handleSent(now: Instant, hasHello = false): void {
    this.#sentAt = now;
    this.#lookCount = 0;
    this.#isHelloSent = hasHello;
    let momentMs = hasHello ? this.#helloMomentMs : 0;
    if (this.isWorthwhile) momentMs = Math.max(momentMs, this.#momentMs);
    if (momentMs === 0) return;
    this.#until = now + momentMs;
    this.#options.scheduleLook(this.#afterLook, now);
  }

  #handleLook(): void {
    const now = this.#options.clock();
    this.#lookCount++;
    // What was looked for may be here: then its answer comes before another look.
    if (this.#sentAt === undefined || now >= this.#until) return;
    this.#options.scheduleLook(this.#afterLook, now);
  }
}
