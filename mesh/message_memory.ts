/**
 * Where messages are encoded before their stream takes them.
 *
 * @module
 */
import { poison } from "../internal/poison.ts";
import {
  CHECKSUM_MEMORY,
  MAX_PAYLOAD_LENGTH,
  messageLength,
} from "../protocol/mod.ts";

/**
 * Holds one message at a time, and only while it is handed over: no other one is
 * hashed meanwhile.
 */
const shared = CHECKSUM_MEMORY;
/** The last message in it: many are as long as the one before. */
let sharedMessage: Uint8Array = shared.subarray(0, 0);

/** What is kept for the next large messages, in bytes: as much as the largest takes. */
const MAX_FREE_BYTES = messageLength(MAX_PAYLOAD_LENGTH);

/** How much larger than a message its memory may be, since it may wait in there. */
const MAX_OVERSIZE = 2;

/**
 * The memory of all channels. Most messages are encoded in one place, and copied by
 * their stream at once; the largest ones, for which a stream seldom has room, where
 * one before was. A channel keeps nothing: most are idle.
 */
export class MessageMemory {
  readonly #maxFreeBytes: number;
  /** Memory of large messages, that which was given back last at the end. */
  readonly #free: Uint8Array[] = [];
  #freeBytes = 0;

  /** @param maxFreeBytes What is kept for the next messages at most. */
  constructor(maxFreeBytes: number = MAX_FREE_BYTES) {
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** Bytes that are kept for the next messages. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /**
   * Takes memory for a message; it is given back before the next is taken, unless
   * it was detached.
   *
   * @param length Size of the message.
   * @returns That many bytes at least, which hold anything.
   */
  take(length: number): Uint8Array {
    if (length <= shared.length) return shared;
    return this.#takeFree(length) ?? new Uint8Array(length);
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
    if (memory === shared) return;
    const { buffer } = memory;
    const { byteLength } = buffer;
    if (byteLength <= shared.length || byteLength > this.#maxFreeBytes) return;
    // A message that was detached may be shorter than its memory.
    const isWhole = memory.length === byteLength;
    this.#free.push(isWhole ? memory : new Uint8Array(buffer));
    this.#freeBytes += byteLength;
    while (this.#freeBytes > this.#maxFreeBytes) {
      this.#freeBytes -= this.#free.shift()!.length;
    }
  }

  /** Few are kept, and the last one is nearly always as long as what is wanted. */
  #takeFree(length: number): Uint8Array | undefined {
    const index = this.#free.findLastIndex((free) =>
      free.length >= length && free.length <= MAX_OVERSIZE * length
    );
    if (index === -1) return undefined;
    const [memory] = this.#free.splice(index, 1);
    this.#freeBytes -= memory!.length;
    return memory;
  }
}

/** That of this process. */
export const MESSAGE_MEMORY: MessageMemory = new MessageMemory();
