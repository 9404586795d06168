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

/**
 * Runs work once for each key, and never twice at the same time. Whoever comes
 * with the same key while it runs waits for it, whoever comes later gets the
 * stored answer. Failures are not stored: the next one tries again. At its bounds
 * the oldest answer goes.
 */
export class AnswerStore {
  readonly #clock: Clock;
  readonly #maxAnswers: number;
  readonly #maxBytes: number;
  readonly #lifetimeMs: number;
  readonly #answers = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<OutgoingContent | undefined>>();
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
    return this.#answers.size;
  }

  /**
   * Gives the stored answer, or does the work.
   *
   * @param key Caller, method and idempotency key together.
   * @param work Does it: settles when it is over, not when its caller gives up.
   * Gives nothing when nothing came of it because its caller gave up: whoever
   * waits does it anew then.
   * @returns The answer; nothing when this `work` was given up.
   * @throws What `work` throws.
   */
  async run(
    key: string,
    work: () => Promise<OutgoingContent | undefined>,
  ): Promise<OutgoingContent | undefined> {
    for (;;) {
      const stored = this.#find(key);
      if (stored !== undefined) return stored;
      const running = this.#running.get(key);
      if (running === undefined) return await this.#start(key, work);
      const answer = await running;
      if (answer !== undefined) return answer;
    }
  }

  async #start(
    key: string,
    work: () => Promise<OutgoingContent | undefined>,
  ): Promise<OutgoingContent | undefined> {
    const running = work();
    this.#running.set(key, running);
    try {
      const answer = await running;
      if (answer !== undefined) this.#store(key, answer);
      return answer;
    } finally {
      this.#running.delete(key);
    }
  }

  #find(key: string): OutgoingContent | undefined {
    const entry = this.#answers.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.now() < entry.expiresAt) return entry.answer;
    this.#delete(key, entry);
    return undefined;
  }

  #store(key: string, answer: OutgoingContent): void {
    if (answer.body.length > this.#maxBytes) return;
    this.#bytes += answer.body.length;
    this.#answers.set(key, {
      // A handler may use its array again. Not slice(): of a Buffer it is a view.
      answer: { ...answer, body: new Uint8Array(answer.body) },
      expiresAt: this.#clock.now() + this.#lifetimeMs,
    });
    for (const [oldest, entry] of this.#answers) {
      const isWithin = this.#bytes <= this.#maxBytes &&
        this.#answers.size <= this.#maxAnswers;
      if (isWithin) break;
      this.#delete(oldest, entry);
    }
  }

  #delete(key: string, entry: Entry): void {
    this.#answers.delete(key);
    this.#bytes -= entry.answer.body.length;
  }
}
