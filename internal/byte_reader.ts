/**
 * A bounds-checked cursor over bytes that somebody else wrote.
 *
 * @module
 */
import { keepHiddenClass } from "./hidden_class.ts";
import { readU53 } from "./u53.ts";

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
  /** Offset that nothing is read beyond. */
  protected limit: number;
  /** Whether something was read past the end, or a number was out of range. */
  isFailed = false;

  /**
   * Starts a cursor over `buffer`.
   *
   * @param buffer What to read; borrowed.
   * @param offset Where to start.
   */
  constructor(buffer: Uint8Array, offset = 0) {
    this.buffer = buffer;
    this.offset = offset;
    this.limit = buffer.length;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.limit - this.offset;
  }

  /** Marks the reader as failed, for a value that the caller found out of range. */
  fail(): void {
    this.isFailed = true;
    this.offset = this.limit;
  }

  /** Reads one byte. */
  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.buffer[at]!;
  }

  /** Reads 16 bits, little-endian. */
  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.buffer[at]! | this.buffer[at + 1]! << 8;
  }

  /** Reads 32 bits, little-endian. */
  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#u32At(at);
  }

  /** Reads 64 bits, little-endian. */
  u64(): bigint {
    const at = this.#take(8);
    return at < 0
      ? 0n
      : BigInt(this.#u32At(at + 4)) << 32n | BigInt(this.#u32At(at));
  }

  /** Reads 64 bits, little-endian, as a safe integer; fails above 2^53 - 1. */
  u53(): number {
    const at = this.#take(8);
    if (at < 0) return 0;
    const value = readU53(this.buffer, at);
    if (value >= 0) return value;
    this.fail();
    return 0;
  }

  /** Reads a variable-length integer (RFC 9000 §16); fails above 2^53 - 1. */
  varint(): number {
    const at = this.#take(1);
    if (at < 0) return 0;
    const first = this.buffer[at]!;
    switch (first >>> 6) {
      case 0:
        return first;
      case 1:
        return this.#take(1) < 0
          ? 0
          : (first & 0x3f) << 8 | this.buffer[at + 1]!;
      case 2:
        return this.#take(3) < 0 ? 0 : this.#u30At(at);
      default: {
        if (this.#take(7) < 0) return 0;
        const high = this.#u30At(at);
        if (high > 0x1fffff) {
          this.fail();
          return 0;
        }
        const last = at + 4;
        return high * 0x100000000 +
          ((this.buffer[last]! << 24 | this.buffer[last + 1]! << 16 |
            this.buffer[last + 2]! << 8 | this.buffer[last + 3]!) >>> 0);
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

  /** Passes over `length` bytes, to read them otherwise; -1 when they are not there. */
  skip(length: number): number {
    return this.#take(length);
  }

  /** Reads all that is left as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** Little-endian. Byte by byte: to make a view for it costs more. */
  #u32At(at: number): number {
    const { buffer } = this;
    return (buffer[at]! | buffer[at + 1]! << 8 | buffer[at + 2]! << 16 |
      buffer[at + 3]! << 24) >>> 0;
  }

  /** Big-endian, without the two bits that say how long the number is. */
  #u30At(at: number): number {
    const { buffer } = this;
    return (buffer[at]! & 0x3f) << 24 | buffer[at + 1]! << 16 |
      buffer[at + 2]! << 8 | buffer[at + 3]!;
  }

  #take(length: number): number {
    const at = this.offset;
    if (this.isFailed || length < 0 || length > this.limit - at) {
      this.fail();
      return -1;
    }
    this.offset = at + length;
    return at;
  }
}

keepHiddenClass(new ByteReader(new Uint8Array()));
