/**
 * An array of `struct mmsghdr`, what `sendmmsg` and `recvmmsg` work on, for
 * 64-bit machines with little-endian numbers.
 *
 * ```text
 * offset  size  field
 *      0     8  address of the socket address
 *      8     4  its length
 *     16     8  address of an array of (address, length), 8 bytes each
 *     24     8  how many of them
 *     32     8  address of the control message
 *     40     8  its length
 *     48     4  flags
 *     56     4  how many bytes were sent or received
 * ```
 *
 * @module
 */
import { addressOf } from "./libc.ts";
import { SOCKET_ADDRESS_ROOM } from "./socket_address.ts";

const MESSAGE_BYTES = 64;
const MESSAGE_WORDS = MESSAGE_BYTES / 4;
const NAME_WORD = 0;
const NAME_LENGTH_WORD = 2;
const PARTS_WORD = 4;
const PART_COUNT_WORD = 6;
const CONTROL_WORD = 8;
const CONTROL_LENGTH_WORD = 10;
const LENGTH_WORD = 14;

const PART_BYTES = 16;
const PART_WORDS = PART_BYTES / 4;

/** Messages, their socket addresses and the places of their bytes. */
export class MessageArray {
  /** What the library is given. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The socket addresses, {@linkcode SOCKET_ADDRESS_ROOM} bytes each. */
  readonly names: Uint8Array<ArrayBuffer>;
  /** How many messages there are, and parts. */
  readonly capacity: number;
  readonly #words: Uint32Array;
  readonly #parts: Uint8Array<ArrayBuffer>;
  readonly #partWords: Uint32Array;
  readonly #partsAddress: number;

  /** @param capacity How many messages, and how many parts, it has room for. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.bytes = new Uint8Array(capacity * MESSAGE_BYTES);
    this.#words = new Uint32Array(this.bytes.buffer);
    this.names = new Uint8Array(capacity * SOCKET_ADDRESS_ROOM);
    this.#parts = new Uint8Array(capacity * PART_BYTES);
    this.#partWords = new Uint32Array(this.#parts.buffer);
    this.#partsAddress = addressOf(this.#parts);
    const namesAddress = addressOf(this.names);
    for (let index = 0; index < capacity; index++) {
      const at = index * MESSAGE_WORDS;
      const name = namesAddress + index * SOCKET_ADDRESS_ROOM;
      setAddress(this.#words, at + NAME_WORD, name);
    }
  }

  /**
   * Says where the bytes of a part stand.
   *
   * @param index Which part.
   * @param address Where they start.
   * @param lengthBytes How many they are.
   */
  setPart(index: number, address: number, lengthBytes: number): void {
    const at = index * PART_WORDS;
    setAddress(this.#partWords, at, address);
    this.#partWords[at + 2] = lengthBytes;
  }

  /**
   * Gives a message its parts, one after the other.
   *
   * @param index Which message.
   * @param first Its first part.
   * @param count How many parts.
   */
  setParts(index: number, first: number, count: number): void {
    const at = index * MESSAGE_WORDS;
    const address = this.#partsAddress + first * PART_BYTES;
    setAddress(this.#words, at + PARTS_WORD, address);
    this.#words[at + PART_COUNT_WORD] = count;
  }

  /**
   * Gives a message a control message, or none.
   *
   * @param index Which message.
   * @param address Where it stands; 0 for none.
   * @param lengthBytes Its length.
   */
  setControl(index: number, address: number, lengthBytes: number): void {
    const at = index * MESSAGE_WORDS;
    setAddress(this.#words, at + CONTROL_WORD, address);
    this.#words[at + CONTROL_LENGTH_WORD] = lengthBytes;
  }

  /**
   * Says how long a socket address is, or how long it may be.
   *
   * @param index Which message.
   * @param lengthBytes Its length.
   */
  setNameLength(index: number, lengthBytes: number): void {
    this.#words[index * MESSAGE_WORDS + NAME_LENGTH_WORD] = lengthBytes;
  }

  /**
   * @param index Which message.
   * @returns How many bytes were received.
   */
  lengthOf(index: number): number {
    return this.#words[index * MESSAGE_WORDS + LENGTH_WORD]!;
  }
}

function setAddress(words: Uint32Array, at: number, address: number): void {
  words[at] = address % 2 ** 32;
  words[at + 1] = address / 2 ** 32;
}
