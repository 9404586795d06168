/**
 * A bound on memory that several hold.
 *
 * @module
 */
import { RETRY_AFTER_MS } from "./config.ts";
import { CallError } from "./error.ts";

/** A bound on the bytes that several channels hold together. */
export class MemoryLimit {
  readonly #maxBytes: number;
  readonly #shared: MemoryLimit | undefined;
  #usedBytes = 0;

  /**
   * @param maxBytes The bound.
   * @param shared A wider bound that holds as well.
   */
  constructor(maxBytes: number, shared?: MemoryLimit) {
    this.#maxBytes = maxBytes;
    this.#shared = shared;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Takes bytes.
   *
   * @param bytes How many.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when they do not fit.
   */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.#maxBytes) {
      throw new CallError(
        "RESOURCE_EXHAUSTED",
        `Memory: ${this.#maxBytes} bytes of unfinished messages are held already`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#shared?.take(bytes);
    this.#usedBytes += bytes;
  }

  /** @param bytes How many are free again. */
  release(bytes: number): void {
    this.#shared?.release(bytes);
    this.#usedBytes -= bytes;
  }
}
