/**
 * The numbers of the packets that are sent.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";

/** Numbers before any is left out: what a first window holds. */
const FIRST_NUMBERS = 16;

/** Among how many numbers the first one to be left out is, and the last ones. */
const MIN_PERIOD = 64;
const MAX_PERIOD = 2 ** 20;

/**
 * Numbers that rise by one, and now and then by two: a peer that acknowledges
 * what it has not received, to be sent more than its path carries or than may go
 * to an address that is not its own, acknowledges the one that was left out
 * sooner or later (RFC 9000 §21.4). Ever more rarely, for every one costs the
 * peer an acknowledgement, and a range in those that follow.
 */
export class PacketNumbers {
  readonly #random: RandomSource;
  #next = 0;
  #count = 0;
  /** The number that is looked for, or left out. */
  #stopAt = FIRST_NUMBERS;
  #isChosen = false;
  #period = MIN_PERIOD;

  /** @param random Says which numbers are left out. */
  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** How many were taken. */
  get count(): number {
    return this.#count;
  }

  /** The number taken last; -1 before the first. */
  get last(): number {
    return this.#next - 1;
  }

  /** @returns The next number. */
  take(): number {
    if (this.#next === this.#stopAt) this.#stop();
    this.#count++;
    return this.#next++;
  }

  #stop(): void {
    if (this.#isChosen) {
      this.#next++;
      this.#period = Math.min(this.#period * 2, MAX_PERIOD);
    }
    const bytes = new Uint8Array(4);
    this.#random.fillPublic(bytes);
    const value = new DataView(bytes.buffer).getUint32(0);
    this.#isChosen = true;
    // A packet between two of them at least, for `last` to be one that was sent.
    this.#stopAt = this.#next + 1 + value % this.#period;
  }
}
