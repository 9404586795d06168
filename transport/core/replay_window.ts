/**
 * Accepts each packet number once (RFC 6479).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import { REPLAY_WINDOW_PACKETS } from "./config.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";

/** Largest window: the ring has to fit into the low 32 bits of a number. */
const MAX_WINDOW_PACKETS = 2 ** 24;

/** What a window starts with: most connections get few packets, or very many. */
const FIRST_BITS = 256;

/**
 * A sliding bitmap over packet numbers: a ring of 32-bit words, of which moving
 * forward clears whole ones (RFC 6479 §2), at most all of them however far it
 * moves. It is small until a number does not fit: below that nothing goes round.
 */
export class ReplayWindow {
  readonly #size: number;
  /** How many bits the ring has once it goes round. */
  readonly #fullBits: number;
  #words: Uint32Array;
  #bitMask: number;
  #largest = -1;

  /**
   * Starts with nothing seen.
   *
   * @param size How many numbers, the largest one included, can be told apart;
   * from 1 to 2^24.
   */
  constructor(size: number = REPLAY_WINDOW_PACKETS) {
    assert(
      Number.isInteger(size) && size >= 1 && size <= MAX_WINDOW_PACKETS,
      "a replay window has from 1 to 2^24 numbers",
    );
    // one word more than the window: the newest word is only partly in use
    let bits = 64;
    while (bits < size + 32) bits *= 2;
    this.#size = size;
    this.#fullBits = bits;
    bits = Math.min(bits, FIRST_BITS);
    this.#words = CONNECTION_BYTES.allocateWords(bits / 32);
    this.#bitMask = bits - 1;
  }

  /** Largest number marked, -1 before the first. */
  get largest(): number {
    return this.#largest;
  }

  /**
   * Whether a packet number is fresh. Asked before the packet is opened; it
   * changes nothing.
   *
   * @param packetNumber A safe integer from 0.
   * @returns `false` when it was marked before, or is too old to tell.
   */
  check(packetNumber: number): boolean {
    if (packetNumber > this.#largest) return true;
    if (packetNumber <= this.#largest - this.#size) return false;
    const bit = (packetNumber >>> 0) & this.#bitMask;
    return (this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0;
  }

  /**
   * Marks a packet number as seen, once the packet has been authenticated.
   * Marking twice, or below the window, changes nothing.
   *
   * @param packetNumber A safe integer from 0.
   */
  mark(packetNumber: number): void {
    if (packetNumber > this.#largest) this.#advance(packetNumber);
    else if (packetNumber <= this.#largest - this.#size) return;
    const bit = (packetNumber >>> 0) & this.#bitMask;
    this.#words[bit >>> 5]! |= 1 << (bit & 31);
  }

  /** Makes room up to a number; bits stay where they are, for none went round. */
  #grow(packetNumber: number): void {
    let bits = this.#bitMask + 1;
    while (bits <= packetNumber && bits < this.#fullBits) bits *= 2;
    const words = new Uint32Array(bits / 32);
    words.set(this.#words);
    this.#words = words;
    this.#bitMask = bits - 1;
  }

  #advance(packetNumber: number): void {
    if (
      packetNumber > this.#bitMask && this.#bitMask < this.#fullBits - 1
    ) this.#grow(packetNumber);
    const words = this.#words;
    const from = Math.floor(this.#largest / 32);
    const wordCount = Math.floor(packetNumber / 32) - from;
    if (wordCount >= words.length) {
      words.fill(0);
    } else {
      const indexMask = words.length - 1;
      for (let step = 1; step <= wordCount; step++) {
        words[((from + step) >>> 0) & indexMask] = 0;
      }
    }
    this.#largest = packetNumber;
  }
}
