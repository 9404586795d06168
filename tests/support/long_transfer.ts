/**
 * Many bytes whose place in the whole can be told, so that none is held in
 * memory and each is checked.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";

/** A prime: no size of a packet or window divides it. */
const PERIOD_BYTES = 65_521;

const PATTERN = makePattern();

function makePattern(): Uint8Array {
  const bytes = new Uint8Array(2 * PERIOD_BYTES);
  let state = 1;
  for (let i = 0; i < PERIOD_BYTES; i++) {
    state = (state * 48_271) % 0x7fffffff;
    bytes[i] = bytes[i + PERIOD_BYTES] = state >>> 16;
  }
  return bytes;
}

/** Where the bytes come from. */
export class LongSource {
  readonly #totalBytes: number;
  #offset = 0;

  /** @param totalBytes How many there are. */
  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** The next bytes, at most 65,521; none at the end. */
  get next(): Uint8Array {
    const at = this.#offset % PERIOD_BYTES;
    const length = Math.min(PERIOD_BYTES, this.#totalBytes - this.#offset);
    return PATTERN.subarray(at, at + length);
  }

  /** Whether all were taken. */
  get isDone(): boolean {
    return this.#offset === this.#totalBytes;
  }

  /**
   * Notes that some were taken.
   *
   * @param byteCount How many.
   */
  advance(byteCount: number): void {
    this.#offset += byteCount;
  }
}

/** Where they go. */
export class LongSink {
  #receivedBytes = 0;

  /** How many came. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /**
   * Takes the next ones.
   *
   * @param bytes What came.
   * @throws {AssertionError} When they are not those.
   */
  take(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += PERIOD_BYTES) {
      const part = bytes.subarray(from, from + PERIOD_BYTES);
      const at = this.#receivedBytes % PERIOD_BYTES;
      assert.ok(
        Buffer.compare(part, PATTERN.subarray(at, at + part.length)) === 0,
        `wrong bytes near ${this.#receivedBytes}`,
      );
      this.#receivedBytes += part.length;
    }
  }
}
