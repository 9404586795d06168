/**
 * Where messages are encoded before their stream takes them.
 *
 * @module
 */
import { poison } from "../internal/poison.ts";

/** Size of what most messages fit into, in bytes. */
const SMALL_BYTES = 16_384;

/** Size of what all but the largest fit into, in bytes. */
const LARGE_BYTES = 131_072;

/** One message at a time is in them, and only while it is handed over. */
const small = new Uint8Array(SMALL_BYTES);
/** The last message in it: many are as long as the one before. */
let smallMessage: Uint8Array = small.subarray(0, 0);
let large: Uint8Array | undefined;

/**
 * The memory of one channel. Most messages are encoded where those of all others
 * are, and copied by the stream at once; the largest ones, for which a stream
 * seldom has room, where the channel's one before was.
 */
export class MessageMemory {
  #spare: Uint8Array | undefined;

  /**
   * Takes memory for a message; it is given back before the next is taken, unless
   * it was detached.
   *
   * @param length Size of the message.
   * @returns That many bytes at least, which hold anything.
   */
  take(length: number): Uint8Array {
    if (length <= SMALL_BYTES) return small;
    if (length <= LARGE_BYTES) return large ??= new Uint8Array(LARGE_BYTES);
    const spare = this.#spare;
    this.#spare = undefined;
    return spare !== undefined && spare.length >= length
      ? spare
      : new Uint8Array(length);
  }

  /**
   * A message in its memory.
   *
   * @param memory From {@linkcode MessageMemory.take}.
   * @param length Size of the message.
   * @returns A view.
   */
  view(memory: Uint8Array, length: number): Uint8Array {
    if (memory !== small) return memory.subarray(0, length);
    if (smallMessage.length !== length) {
      smallMessage = small.subarray(0, length);
    }
    return smallMessage;
  }

  /**
   * Has a message stay while others are taken.
   *
   * @param memory From {@linkcode MessageMemory.take}.
   * @param length Size of the message that is in it.
   * @returns The message, to be given back as well.
   */
  detach(memory: Uint8Array, length: number): Uint8Array {
    const message = memory.subarray(0, length);
    if (memory !== small && memory !== large) return message;
    const copy = message.slice();
    poison(message);
    return copy;
  }

  /**
   * Takes memory back, in which nobody looks any more.
   *
   * @param memory What was taken or detached.
   */
  giveBack(memory: Uint8Array): void {
    poison(memory);
    if (memory.length > LARGE_BYTES) this.#spare = memory;
  }
}
