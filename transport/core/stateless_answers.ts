/**
 * Answers to strangers, of which nothing is remembered: version negotiations,
 * refusals, retries, resets. They wait in a short queue, and a rate bounds what
 * a flood makes us compute and send.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import type { Instant } from "../../internal/instant.ts";
import { TokenBucket } from "../../internal/token_bucket.ts";
import type { Address } from "./address.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { LimitName } from "./limits.ts";

/** Answers that wait to be sent; more are dropped. */
export const MAX_WAITING_ANSWERS = 256;

/** An answer on its way out. */
export interface StatelessAnswer {
  /** Where it goes. */
  readonly to: Address;
  /** The whole datagram. */
  readonly packet: Uint8Array;
}

/** The answers of one endpoint. */
export class StatelessAnswers {
  readonly #waiting = new Fifo<StatelessAnswer>();
  /** Retries have a rate of their own: a flood must not use up the others'. */
  readonly #retries: TokenBucket;
  readonly #others: TokenBucket;
  readonly #onLimit: (limit: LimitName) => void;

  /**
   * @param config How many may be sent in a second.
   * @param onLimit Called for each answer that is not sent because of that.
   */
  constructor(
    config: Pick<
      EndpointConfig,
      "maxRetriesPerSecond" | "maxStatelessAnswersPerSecond"
    >,
    onLimit: (limit: LimitName) => void,
  ) {
    const { maxRetriesPerSecond, maxStatelessAnswersPerSecond } = config;
    this.#retries = new TokenBucket(maxRetriesPerSecond, maxRetriesPerSecond);
    this.#others = new TokenBucket(
      maxStatelessAnswersPerSecond,
      maxStatelessAnswersPerSecond,
    );
    this.#onLimit = onLimit;
  }

  /**
   * Queues an answer, unless too many wait or left within the last second.
   *
   * @param now The time.
   * @param to Where it goes.
   * @param create Makes it; called only when it is going to be sent.
   * @param kind Which rate it counts against.
   * @returns Whether it was queued.
   */
  push(
    now: Instant,
    to: Address,
    create: () => Uint8Array,
    kind: "retry" | "other" = "other",
  ): boolean {
    const limit = kind === "retry" ? this.#retries : this.#others;
    if (this.#waiting.length >= MAX_WAITING_ANSWERS || !limit.take(now)) {
      this.#onLimit(
        kind === "retry"
          ? "maxRetriesPerSecond"
          : "maxStatelessAnswersPerSecond",
      );
      return false;
    }
    this.#waiting.push({ to, packet: create() });
    return true;
  }

  /** The next answer to send, if any. */
  shift(): StatelessAnswer | undefined {
    return this.#waiting.shift();
  }
}
