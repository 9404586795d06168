/**
 * Answers kept for idempotency keys.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { Instant } from "../internal/instant.ts";
import {
  MAX_STORED_ANSWER_BYTES,
  MAX_STORED_ANSWERS,
  STORED_ANSWER_LIFETIME_MS,
} from "./config.ts";
import type { OutgoingContent } from "./content.ts";

/** Bounds of an {@linkcode AnswerStore}. */
export interface AnswerStoreOptions {
  /** The clock. */
  readonly clock: Clock;
  /** @default {MAX_STORED_ANSWERS} */
  readonly maxAnswers?: number | undefined;
  /** @default {MAX_STORED_ANSWER_BYTES} */
  readonly maxBytes?: number | undefined;
  /** @default {STORED_ANSWER_LIFETIME_MS} */
  readonly lifetimeMs?: number | undefined;
}

interface Entry {
  readonly answer: OutgoingContent;
  readonly expiresAt: Instant;
}

/** The answers of one caller, oldest first. */
class CallerAnswers {
  readonly entries = new Map<string, Entry>();
  bytes = 0;
}

/**
 * Runs work once for each key, and never twice at the same time. Whoever comes
 * with the same key while it runs waits for it, whoever comes later gets the
 * stored answer. Failures are not stored: the next one tries again. At its bounds
 * the oldest answer of the caller that holds most goes: nobody loses an answer to
 * a stranger who asks a lot.
 */
export class AnswerStore {
  readonly #clock: Clock;
  readonly #maxAnswers: number;
  readonly #maxBytes: number;
  readonly #lifetimeMs: number;
  readonly #callers = new Map<string, CallerAnswers>();
  readonly #running = new Map<string, Promise<OutgoingContent | undefined>>();
  #size = 0;
  #bytes = 0;

  /** @param options Bounds. */
  constructor(options: AnswerStoreOptions) {
    this.#clock = options.clock;
    this.#maxAnswers = options.maxAnswers ?? MAX_STORED_ANSWERS;
    this.#maxBytes = options.maxBytes ?? MAX_STORED_ANSWER_BYTES;
    this.#lifetimeMs = options.lifetimeMs ?? STORED_ANSWER_LIFETIME_MS;
  }

  /** How many answers are stored. */
  get size(): number {
    return this.#size;
  }

  /**
   * Gives the stored answer, or does the work.
   *
   * @param caller Who calls.
   * @param key What is one and the same work, of that caller.
   * @param work Does it: settles when it is over, not when its caller gives up.
   * Gives nothing when nothing came of it because its caller gave up: whoever
   * waits does it anew then.
   * @returns The answer; nothing when this `work` was given up.
   * @throws What `work` throws.
   */
  async run(
    caller: string,
    key: string,
    work: () => Promise<OutgoingContent | undefined>,
  ): Promise<OutgoingContent | undefined> {
    for (;;) {
      const stored = this.#find(caller, key);
      if (stored !== undefined) return stored;
      const running = this.#running.get(wholeKey(caller, key));
      if (running === undefined) return await this.#start(caller, key, work);
      const answer = await running;
      if (answer !== undefined) return answer;
    }
  }

  async #start(
    caller: string,
    key: string,
    work: () => Promise<OutgoingContent | undefined>,
  ): Promise<OutgoingContent | undefined> {
    const whole = wholeKey(caller, key);
    const running = work();
    this.#running.set(whole, running);
    try {
      const answer = await running;
      if (answer !== undefined) this.#store(caller, key, answer);
      return answer;
    } finally {
      this.#running.delete(whole);
    }
  }

  #find(caller: string, key: string): OutgoingContent | undefined {
    const entry = this.#callers.get(caller)?.entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.now() < entry.expiresAt) return entry.answer;
    this.#delete(caller, key);
    return undefined;
  }

  #store(caller: string, key: string, answer: OutgoingContent): void {
    if (answer.body.length > this.#maxBytes) return;
    let answers = this.#callers.get(caller);
    if (answers === undefined) {
      answers = new CallerAnswers();
      this.#callers.set(caller, answers);
    }
    this.#size++;
    this.#bytes += answer.body.length;
    answers.bytes += answer.body.length;
    answers.entries.set(key, {
      // A handler may use its array again. Not slice(): of a Buffer it is a view.
      answer: { ...answer, body: new Uint8Array(answer.body) },
      expiresAt: this.#clock.now() + this.#lifetimeMs,
    });
    while (this.#bytes > this.#maxBytes) {
      this.#deleteOldest(this.#largest(({ bytes }) => bytes));
    }
    while (this.#size > this.#maxAnswers) {
      this.#deleteOldest(this.#largest(({ entries }) => entries.size));
    }
  }

  #largest(sizeOf: (answers: CallerAnswers) => number): string {
    let largest = "";
    let largestSize = -1;
    for (const [caller, answers] of this.#callers) {
      const size = sizeOf(answers);
      if (size <= largestSize) continue;
      largest = caller;
      largestSize = size;
    }
    return largest;
  }

  #deleteOldest(caller: string): void {
    const [oldest] = this.#callers.get(caller)!.entries.keys();
    this.#delete(caller, oldest!);
  }

  #delete(caller: string, key: string): void {
    const answers = this.#callers.get(caller)!;
    const { length } = answers.entries.get(key)!.answer.body;
    answers.entries.delete(key);
    answers.bytes -= length;
    this.#bytes -= length;
    this.#size--;
    if (answers.entries.size === 0) this.#callers.delete(caller);
  }
}

function wholeKey(caller: string, key: string): string {
  return JSON.stringify([caller, key]);
}
