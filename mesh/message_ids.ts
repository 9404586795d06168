/**
 * Ids of messages, which are also ids of spans, and ids of traces.
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";

/** Trace ids that are drawn at once. */
const POOLED_IDS = 64;

/**
 * Hands out ids. Message ids count up from a random start, so that two agents
 * are unlikely to use the same one and one agent never does; 0 means "none"
 * on the wire and is left out.
 */
export class MessageIds {
  readonly #random: RandomSource;
  /** Random bytes of the next trace ids: to ask for them one by one is slow. */
  readonly #pool: BigUint64Array = new BigUint64Array(POOLED_IDS);
  #pooledCount = 0;
  #next: bigint;

  /** @param random Its public bytes are used: ids travel in messages. */
  constructor(random: RandomSource) {
    this.#random = random;
    this.#next = this.createTraceId();
  }

  /** A message id that this object did not give before: a u64 above 0. */
  nextMessageId(): bigint {
    const id = this.#next;
    this.#next = BigInt.asUintN(64, id + 1n) || 1n;
    return id;
  }

  /** A random trace id: a u64 above 0. */
  createTraceId(): bigint {
    if (this.#pooledCount === 0) {
      this.#random.fillPublic(new Uint8Array(this.#pool.buffer));
      this.#pooledCount = POOLED_IDS;
    }
    return this.#pool[--this.#pooledCount]! || 1n;
  }
}

/**
 * Writes an id the way traces show it.
 *
 * @param id A u64.
 * @returns 16 hexadecimal digits.
 */
export function formatId(id: bigint): string {
  return id.toString(16).padStart(16, "0");
}
