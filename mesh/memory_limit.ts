/**
 * A bound on memory that several hold.
 *
 * @module
 */
import { RETRY_AFTER_MS } from "./config.ts";
import { CallError } from "./error.ts";

/**
 * A bound on the bytes that several channels hold together, or a share of one.
 *
 * A share may hold as much as is free, so half when it is alone, and less as others
 * fill: as in a `QueueBudget`, and for its reason. Whoever comes after many that fill theirs
 * is left little, but never less than what is reserved for it.
 */
export class MemoryLimit {
  readonly #maxBytes: number;
  readonly #shared: MemoryLimit | undefined;
  #usedBytes = 0;

  /**
   * Makes a bound of which nothing is used.
   *
   * @param maxBytes The bound; of a share, what it may hold however full the others
   * are, beyond the shared bound too.
   * @param shared What it is a share of: see {@linkcode MemoryLimit.share}.
   */
  constructor(maxBytes: number, shared?: MemoryLimit) {
    this.#maxBytes = maxBytes;
    this.#shared = shared;
  }

  /** Bytes in use, those of the shares included. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Makes a share, of which nothing is used. A share has none of its own.
   *
   * @param reservedBytes What it may hold however full the others are.
   */
  share(reservedBytes: number): MemoryLimit {
    return new MemoryLimit(reservedBytes, this);
  }

  /**
   * Takes bytes.
   *
   * @param bytes How many.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when they do not fit.
   */
  take(bytes: number): void {
    const allowedBytes = this.#allowedBytes;
    if (this.#usedBytes + bytes > allowedBytes) {
      throw new CallError(
        "RESOURCE_EXHAUSTED",
        `Memory: ${allowedBytes} bytes may be held for this peer just now`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#hold(bytes);
  }

  /** @param bytes How many are free again. */
  release(bytes: number): void {
    this.#hold(-bytes);
  }

  get #allowedBytes(): number {
    const shared = this.#shared;
    if (shared === undefined) return this.#maxBytes;
    const freeBytes = shared.#maxBytes - shared.#usedBytes;
    return Math.max(this.#maxBytes, freeBytes);
  }

  #hold(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#shared !== undefined) this.#shared.#usedBytes += bytes;
  }
}
