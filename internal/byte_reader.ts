/**
 * A bounds-checked cursor over bytes that somebody else wrote.
 *
 * @module
 */

/**
 * Reads integers and bytes one after the other, without copying. Reading past
 * the end does not throw: it marks the reader as failed, returns zeros and
 * empty views, and the caller checks {@linkcode ByteReader.isFailed} once at
 * the end. So hostile input costs no exception.
 */
export class ByteReader {
  /** The borrowed bytes. */
  readonly buffer: Uint8Array;
  /** Where the next byte is read. */
  offset: number;
  /** Whether something was read past the end, or a number was out of range. */
  isFailed = false;
  readonly #view: DataView;

  /**
   * Starts a cursor over `buffer`.
   *
   * @param buffer What to read; borrowed.
   * @param offset Where to start.
   */
  constructor(buffer: Uint8Array, offset = 0) {
    this.buffer = buffer;
    this.offset = offset;
    this.#view = new DataView(
      buffer.buffer,
      buffer.byteOffset,
      buffer.byteLength,
    );
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  /** Marks the reader as failed, for a value that the caller found out of range. */
  fail(): void {
    this.isFailed = true;
    this.offset = this.buffer.length;
  }

  /** Reads one byte. */
  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  /** Reads 16 bits, little-endian. */
  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  /** Reads 32 bits, little-endian. */
  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  /** Reads 64 bits, little-endian. */
  u64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#view.getBigUint64(at, true);
  }

  /** Reads 64 bits, little-endian, as a safe integer; fails above 2^53 - 1. */
  u53(): number {
    const at = this.#take(8);
    if (at < 0) return 0;
    const high = this.#view.getUint32(at + 4, true);
    if (high > 0x1fffff) {
      this.fail();
      return 0;
    }
    return high * 0x100000000 + this.#view.getUint32(at, true);
  }

  /** Reads a variable-length integer (RFC 9000 §16); fails above 2^53 - 1. */
  varint(): number {
    const at = this.#take(1);
    if (at < 0) return 0;
    const view = this.#view;
    const first = view.getUint8(at);
    switch (first >>> 6) {
      case 0:
        return first;
      case 1:
        return this.#take(1) < 0 ? 0 : view.getUint16(at) & 0x3fff;
      case 2:
        return this.#take(3) < 0 ? 0 : view.getUint32(at) & 0x3fffffff;
      default: {
        if (this.#take(7) < 0) return 0;
        const high = view.getUint32(at) & 0x3fffffff;
        if (high > 0x1fffff) {
          this.fail();
          return 0;
        }
        return high * 0x100000000 + view.getUint32(at + 4);
      }
    }
  }

  /** Reads `length` bytes as a view. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0
      ? this.buffer.subarray(0, 0)
      : this.buffer.subarray(at, at + length);
  }

  /** Reads all that is left as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  #take(length: number): number {
    const at = this.offset;
    if (this.isFailed || length < 0 || length > this.buffer.length - at) {
      this.fail();
      return -1;
    }
    this.offset = at + length;
    return at;
  }
}
