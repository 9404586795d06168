/**
 * Where messages are encoded before their stream takes them.
 *
 * @module
 */
import { poison } from "../internal/poison.ts";
import { CHECKSUM_MEMORY } from "../protocol/mod.ts";

/**
 * Holds one message at a time, and only while it is handed over: no other one is
 * hashed meanwhile.
 */
const shared = CHECKSUM_MEMORY;
/** The last message in it: many are as long as the one before. */
let sharedMessage: Uint8Array = shared.subarray(0, 0);

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
    if (length <= shared.length) return shared;
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
    if (memory !== shared) return memory.subarray(0, length);
    if (sharedMessage.length !== length) {
      sharedMessage = shared.subarray(0, length);
    }
    return sharedMessage;
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
    if (memory !== shared) return message;
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
    if (memory.length > shared.length) this.#spare = memory;
  }
}
