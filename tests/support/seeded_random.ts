/**
 * Randomness that a seed repeats: for tests and simulations, never for keys
 * that protect anything.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";

/**
 * The xoshiro128** generator, its state spread from a 32-bit seed by
 * splitmix32. Public and secret bytes come from two separate streams, as the
 * interface asks, so that drawing more of one leaves the other as it was.
 */
export class SeededRandom implements RandomSource {
  readonly #public: Xoshiro128;
  readonly #secret: Xoshiro128;
  readonly #decisions: Xoshiro128;
  /** The seed, to be printed when a test fails. */
  readonly seed: number;

  /** @param seed Any 32-bit integer. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#public = new Xoshiro128(this.seed ^ 0x5075626c);
    this.#secret = new Xoshiro128(this.seed ^ 0x53656372);
    this.#decisions = new Xoshiro128(this.seed);
  }

  /** Fills `into` from the public stream. */
  fillPublic(into: Uint8Array): void {
    fill(this.#public, into);
  }

  /** Fills `into` from the secret stream. */
  fillSecret(into: Uint8Array): void {
    fill(this.#secret, into);
  }

  /** A number from 0 up to, but not, 1. */
  next(): number {
    return this.#decisions.nextUint32() / 0x100000000;
  }

  /**
   * An integer from `0` to `limit - 1`.
   *
   * @param limit At least 1.
   */
  nextInteger(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /**
   * Whether something happens.
   *
   * @param probability From 0 to 1. Zero draws nothing, so that a fault which
   * is switched off leaves the rest of the run as it was.
   */
  isHit(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /**
   * Bytes from the decision stream, for payloads.
   *
   * @param length How many.
   */
  nextBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    fill(this.#decisions, bytes);
    return bytes;
  }

  /** A new generator whose stream does not touch this one's any more. */
  fork(): SeededRandom {
    return new SeededRandom(this.#decisions.nextUint32());
  }
}

class Xoshiro128 {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let state = seed >>> 0;
    for (let index = 0; index < 4; index++) {
      // splitmix32: neighbouring seeds must not give neighbouring states.
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      this.#state[index] = mixed ^ (mixed >>> 16);
    }
  }

  nextUint32(): number {
    const state = this.#state;
    const s1 = state[1]!;
    const scrambled = Math.imul(s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    state[2]! ^= state[0]!;
    state[3]! ^= s1;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= s1 << 9;
    const last = state[3]!;
    state[3] = (last << 11) | (last >>> 21);
    return result;
  }
}

function fill(generator: Xoshiro128, into: Uint8Array): void {
  let word = 0;
  for (let index = 0; index < into.length; index++) {
    if ((index & 3) === 0) word = generator.nextUint32();
    into[index] = word & 0xff;
    word >>>= 8;
  }
}
