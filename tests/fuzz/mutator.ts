/**
 * Makes new inputs from old ones.
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

/** Numbers at which code changes its mind. */
const INTERESTING: readonly number[] = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  15,
  16,
  31,
  32,
  63,
  64,
  100,
  127,
  128,
  255,
  256,
  1023,
  1024,
  4095,
  4096,
  16_383,
  16_384,
  32_767,
  32_768,
  65_535,
  65_536,
  0x1f_ffff,
  0x3fff_ffff,
  0x4000_0000,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffff,
  2 ** 32,
  2 ** 50,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 62 - 1,
];

/** Most mutations of one input. */
const MAX_STACKED = 12;

/** Largest step of an addition. */
const MAX_STEP = 35;

/** One in so many inputs is blown up to a length near the limit. */
const INFLATE_RARITY = 256;

/** What a mutator is made from. */
export interface MutatorOptions {
  /** Where every decision comes from. */
  readonly random: SeededRandom;
  /** Largest input, in bytes. */
  readonly maxLength: number;
  /** Byte strings to insert. */
  readonly dictionary: readonly Uint8Array[];
}

/** Mutates inputs. The same seed makes the same inputs. */
export class Mutator {
  readonly #random: SeededRandom;
  readonly #maxLength: number;
  readonly #dictionary: readonly Uint8Array[];

  /** @param options Seed, limit and dictionary. */
  constructor(options: MutatorOptions) {
    this.#random = options.random;
    this.#maxLength = options.maxLength;
    this.#dictionary = options.dictionary;
  }

  /**
   * Makes an input from one or two others.
   *
   * @param base What to start from; not changed.
   * @param other Where parts may come from; not changed.
   * @returns A new input, at most `maxLength` bytes long.
   */
  mutate(base: Uint8Array, other: Uint8Array): Uint8Array {
    const random = this.#random;
    let bytes: Uint8Array = base.slice(0, this.#maxLength);
    const count = 1 + random.nextInteger(1 + random.nextInteger(MAX_STACKED));
    for (let index = 0; index < count; index++) {
      bytes = this.#mutateOnce(bytes, other);
    }
    if (random.nextInteger(INFLATE_RARITY) === 0) bytes = this.#inflate(bytes);
    return bytes.length > this.#maxLength
      ? bytes.slice(0, this.#maxLength)
      : bytes;
  }

  #mutateOnce(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const random = this.#random;
    if (bytes.length === 0) return this.#insert(bytes, random.nextBytes(8));
    const at = random.nextInteger(bytes.length);
    switch (random.nextInteger(15)) {
      case 0:
      case 1:
        bytes[at]! ^= 1 << random.nextInteger(8);
        return bytes;
      case 2:
        bytes[at] = random.nextInteger(256);
        return bytes;
      case 3:
      case 4:
        return this.#writeNumber(bytes, at, this.#pick(INTERESTING));
      case 5:
        return this.#add(bytes, at);
      case 6:
        return bytes.slice(0, at);
      case 7:
        return this.#delete(bytes);
      case 8:
        return this.#insert(bytes, this.#block(bytes));
      case 9:
        return this.#insert(bytes, random.nextBytes(1 + random.nextInteger(8)));
      case 10:
        return concat(
          bytes.subarray(0, at),
          other.subarray(random.nextInteger(other.length + 1)),
        );
      case 11:
        return this.#insert(bytes, this.#block(other));
      case 12:
        return this.#insertWord(bytes);
      case 13:
        return this.#lie(bytes, at);
      default:
        // A run of one value: padding, the end of varints, the all-ones number.
        return bytes.fill(
          this.#pick([0, 0, 0xff, 0x7f, 0x40, 0x80, 0xc0]),
          at,
          at + 1 + random.nextInteger(16),
        );
    }
  }

  /** Sets what may be a length to what is left, or just beside it. */
  #lie(bytes: Uint8Array, at: number): Uint8Array {
    const rest = bytes.length - at;
    const length = this.#pick([
      rest - 1,
      rest - 2,
      rest - 4,
      rest,
      bytes.length,
    ]);
    return this.#writeNumber(
      bytes,
      at,
      Math.max(0, length + this.#random.nextInteger(5) - 2),
    );
  }

  #writeNumber(bytes: Uint8Array, at: number, value: number): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const widths = [1, 2, 4, 8].filter((width) => at + width <= bytes.length);
    const isLittle = this.#random.nextInteger(3) > 0;
    switch (this.#pick(widths)) {
      case 1:
        bytes[at] = value;
        break;
      case 2:
        // Big-endian numbers are varints here: the two upper bits give the width.
        if (isLittle) view.setUint16(at, value, true);
        else view.setUint16(at, 0x4000 | value & 0x3fff);
        break;
      case 4:
        if (isLittle) view.setUint32(at, value, true);
        else view.setUint32(at, 0x8000_0000 | value & 0x3fff_ffff);
        break;
      default:
        if (isLittle) view.setBigUint64(at, BigInt(value), true);
        else view.setBigUint64(at, 0xc000_0000_0000_0000n | BigInt(value));
    }
    return bytes;
  }

  #add(bytes: Uint8Array, at: number): Uint8Array {
    const step = 1 + this.#random.nextInteger(MAX_STEP);
    const delta = this.#random.isHit(0.5) ? step : -step;
    if (at + 2 > bytes.length || this.#random.isHit(0.5)) {
      bytes[at]! += delta;
      return bytes;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isLittle = this.#random.isHit(0.5);
    view.setUint16(at, view.getUint16(at, isLittle) + delta, isLittle);
    return bytes;
  }

  #delete(bytes: Uint8Array): Uint8Array {
    const start = this.#random.nextInteger(bytes.length);
    const length = 1 + this.#random.nextInteger(bytes.length - start);
    return concat(bytes.subarray(0, start), bytes.subarray(start + length));
  }

  #insert(bytes: Uint8Array, part: Uint8Array): Uint8Array {
    const at = this.#random.nextInteger(bytes.length + 1);
    return concat(bytes.subarray(0, at), part, bytes.subarray(at));
  }

  #insertWord(bytes: Uint8Array): Uint8Array {
    const word = this.#pick(this.#dictionary);
    if (word === undefined) return bytes;
    if (this.#random.isHit(0.5)) return this.#insert(bytes, word);
    if (word.length > bytes.length) return bytes;
    bytes.set(word, this.#random.nextInteger(bytes.length - word.length + 1));
    return bytes;
  }

  #block(bytes: Uint8Array): Uint8Array {
    const start = this.#random.nextInteger(bytes.length + 1);
    const length = this.#random.nextInteger(
      Math.min(64, bytes.length - start) + 1,
    );
    return bytes.subarray(start, start + length);
  }

  /** Repeats a part until the input is as long as it may be: for what grows too fast. */
  #inflate(bytes: Uint8Array): Uint8Array {
    const start = this.#random.nextInteger(bytes.length + 1);
    const part = bytes.subarray(
      start,
      start + 1 + this.#random.nextInteger(40),
    );
    if (part.length === 0) return bytes;
    const room = this.#maxLength - bytes.length;
    const count = Math.max(0, Math.floor(room / part.length));
    const inflated = new Uint8Array(bytes.length + count * part.length);
    inflated.set(bytes.subarray(0, start));
    for (let index = 0; index < count; index++) {
      inflated.set(part, start + index * part.length);
    }
    inflated.set(bytes.subarray(start), start + count * part.length);
    return inflated;
  }

  #pick<T>(choices: readonly [T, ...T[]]): T;
  #pick<T>(choices: readonly T[]): T;
  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.nextInteger(choices.length)]!;
  }
}
