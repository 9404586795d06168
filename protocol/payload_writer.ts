/**
 * Writes payloads: grows as needed and refuses what a field cannot carry.
 *
 * @module
 */
import { allocateBytes } from "../internal/byte_pool.ts";
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { ProtocolError } from "./error.ts";
import { encodeText, writeShortText } from "./text.ts";

const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/**
 * A growing buffer for one payload, or a place for it in somebody's own. Every
 * value comes from our caller, so a value out of range is `INVALID_VALUE` and
 * names its field.
 */
export class PayloadWriter {
  readonly #subject: string;
  #bytes: Uint8Array;
  /** Where the payload begins in a buffer that is not ours to replace. */
  readonly #start: number | undefined;
  /** Index after the last byte that was written. */
  #length: number;

  /**
   * @param subject What is written, for error messages.
   * @param target The size that the result probably has: when it is right,
   * nothing is copied. Or the buffer to write into, which has to be large enough.
   * @param start Index of the first byte in that buffer.
   */
  constructor(subject: string, target: number | Uint8Array, start = 0) {
    this.#subject = subject;
    if (typeof target === "number") {
      this.#bytes = allocateBytes(target);
      this.#length = 0;
    } else {
      this.#bytes = target;
      this.#start = this.#length = start;
    }
  }

  /** How many bytes were written so far. */
  get length(): number {
    return this.#length - (this.#start ?? 0);
  }

  /** Writes one byte. */
  u8(value: number, field: string): void {
    const at = this.#integer(value, 0xff, 1, field);
    this.#bytes[at] = value;
  }

  /** Writes 16 bits, little-endian. */
  u16(value: number, field: string): void {
    const at = this.#integer(value, 0xffff, 2, field);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
  }

  /** Writes 32 bits, little-endian. */
  u32(value: number, field: string): void {
    this.#u32At(this.#integer(value, 0xffff_ffff, 4, field), value);
  }

  /** Writes a safe integer as 64 bits, little-endian. */
  u53(value: number, field: string): void {
    const at = this.#integer(value, Number.MAX_SAFE_INTEGER, 8, field);
    this.#u32At(at, value >>> 0);
    this.#u32At(at + 4, Math.floor(value / 0x1_0000_0000));
  }

  /** Writes 64 bits, little-endian. */
  u64(value: bigint, field: string): void {
    if (value < 0n || value > MAX_U64) {
      throw this.invalid(`${field} ${value} is not a u64`);
    }
    const at = this.#grow(8);
    this.#u32At(at, Number(value & 0xffff_ffffn));
    this.#u32At(at + 4, Number(value >> 32n));
  }

  /** Copies `bytes`. */
  bytes(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Copies `bytes`, which must be exactly `length` long. */
  fixed(bytes: Uint8Array, length: number, field: string): void {
    if (bytes.length !== length) {
      throw this.invalid(
        `${field} needs ${length} bytes, got ${bytes.length}`,
      );
    }
    this.bytes(bytes);
  }

  /** Writes text as a u16 length and UTF-8. */
  text(text: string, field: string): void {
    const at = this.beginPart();
    this.textToEnd(text, field);
    this.endPart(at, field);
  }

  /** Writes text as UTF-8 without a length: it goes to the end of the payload. */
  textToEnd(text: string, field: string): void {
    const at = this.#grow(text.length);
    if (writeShortText(text, this.#bytes, at)) return;
    this.#length = at;
    this.bytes(this.#utf8(text, field));
  }

  /**
   * Begins a part that has its length before it, a u16.
   *
   * @returns What {@linkcode PayloadWriter.endPart} asks for.
   */
  beginPart(): number {
    return this.#grow(2);
  }

  /**
   * Ends a part: writes its length.
   *
   * @param at From {@linkcode PayloadWriter.beginPart}.
   * @param field What the part is, for error messages.
   */
  endPart(at: number, field: string): void {
    const length = this.#length - at - 2;
    if (length > 0xffff) {
      throw this.invalid(`${field} of ${length} bytes is above 65535`);
    }
    this.#bytes[at] = length;
    this.#bytes[at + 1] = length >>> 8;
  }

  /**
   * The error for a value that has no encoding.
   *
   * @param detail What is wrong.
   * @returns The error, to be thrown.
   */
  invalid(detail: string): ProtocolError {
    return new ProtocolError("INVALID_VALUE", `${this.#subject}: ${detail}`);
  }

  /**
   * Ends the writing into a buffer of our own.
   *
   * @returns What was written, owned by the caller; its `buffer` may hold more.
   */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length
      ? this.#bytes
      : this.#bytes.slice(0, this.#length);
  }

  #utf8(text: string, field: string): Uint8Array {
    const bytes = encodeText(text);
    if (bytes === undefined) {
      throw this.invalid(`${field} holds half a surrogate pair`);
    }
    return bytes;
  }

  #integer(value: number, max: number, size: number, field: string): number {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw this.invalid(
        `${field} ${value} is not an integer from 0 to ${max}`,
      );
    }
    return this.#grow(size);
  }

  #u32At(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** Makes room for `size` bytes and returns where they go. */
  #grow(size: number): number {
    const at = this.#length;
    const end = at + size;
    if (end > this.#bytes.length) {
      if (this.#start !== undefined) throw this.#tooSmall(end);
      const grown = allocateBytes(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }

  #tooSmall(end: number): ProtocolError {
    return new ProtocolError(
      "BUFFER_TOO_SMALL",
      `${this.#subject}: needs ${end} bytes, the buffer has ${this.#bytes.length}`,
    );
  }
}

keepHiddenClass(new PayloadWriter("", new Uint8Array()));
