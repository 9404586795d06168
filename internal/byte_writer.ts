/**
 * A bounds-checked cursor that writes into a caller's buffer.
 *
 * @module
 */
import { keepHiddenClass } from "./hidden_class.ts";

/** Largest integer that a variable-length integer is asked to carry here: 2^53 - 1. */
const MAX_VARINT = Number.MAX_SAFE_INTEGER;

/**
 * Size of `value` as a variable-length integer.
 *
 * @param value An integer from 0 to 2^53 - 1.
 * @returns 1, 2, 4 or 8.
 */
export function varintLength(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x40000000 ? 4 : 8;
}

/**
 * Writes integers and bytes one after the other. It borrows the buffer and
 * never grows it: a write past the end throws `RangeError`, which means that a
 * length was computed wrongly, never that a peer misbehaved.
 */
export class ByteWriter {
  /** The borrowed buffer. */
  readonly buffer: Uint8Array;
  /** Where the next byte goes. */
  offset: number;
  readonly #view: DataView;

  /**
   * Starts a cursor over `buffer`.
   *
   * @param buffer Where to write; borrowed.
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

  /** How many bytes still fit. */
  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  /** What has been written so far: a view of the buffer from its start. */
  get written(): Uint8Array {
    return this.buffer.subarray(0, this.offset);
  }

  /** Writes one byte. */
  u8(value: number): void {
    this.#view.setUint8(this.offset, value);
    this.offset += 1;
  }

  /** Writes 16 bits, little-endian. */
  u16(value: number): void {
    this.#view.setUint16(this.offset, value, true);
    this.offset += 2;
  }

  /** Writes 32 bits, little-endian. */
  u32(value: number): void {
    this.#view.setUint32(this.offset, value, true);
    this.offset += 4;
  }

  /** Writes 64 bits, little-endian. */
  u64(value: bigint): void {
    this.#view.setBigUint64(this.offset, value, true);
    this.offset += 8;
  }

  /** Writes a safe integer as 64 bits, little-endian, without a `bigint`. */
  u53(value: number): void {
    this.#view.setUint32(this.offset, value >>> 0, true);
    this.#view.setUint32(
      this.offset + 4,
      Math.floor(value / 0x100000000),
      true,
    );
    this.offset += 8;
  }

  /** Writes a variable-length integer (RFC 9000 §16) from 0 to 2^53 - 1. */
  varint(value: number): void {
    const view = this.#view;
    const offset = this.offset;
    if (value < 0x40) {
      view.setUint8(offset, value);
      this.offset = offset + 1;
    } else if (value < 0x4000) {
      view.setUint16(offset, value | 0x4000);
      this.offset = offset + 2;
    } else if (value < 0x40000000) {
      view.setUint32(offset, (value | 0x80000000) >>> 0);
      this.offset = offset + 4;
    } else {
      if (value > MAX_VARINT) {
        throw new RangeError(`Variable-length integer: ${value} is too large`);
      }
      view.setUint32(
        offset,
        (Math.floor(value / 0x100000000) | 0xc0000000) >>> 0,
      );
      view.setUint32(offset + 4, value >>> 0);
      this.offset = offset + 8;
    }
  }

  /** Copies `bytes`. */
  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.offset);
    this.offset += bytes.length;
  }

  /** Writes `length` zero bytes. */
  zeros(length: number): void {
    if (length > this.remaining) {
      throw new RangeError(`Padding: ${length} bytes do not fit`);
    }
    this.buffer.fill(0, this.offset, this.offset + length);
    this.offset += length;
  }
}

keepHiddenClass(new ByteWriter(new Uint8Array()));
