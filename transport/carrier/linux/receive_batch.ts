/**
 * Receives what is there already, many datagrams with one call.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import { UDP_RECEIVE_BUFFER_BYTES } from "../carrier.ts";
import { addressOf, type Libc } from "./libc.ts";
import { MessageArray } from "./message_array.ts";
import { SenderNames, SOCKET_ADDRESS_ROOM } from "./socket_address.ts";

/**
 * Datagrams of one call: with the one that the runtime gave as many as the driver
 * answers at once (`MAX_RECEIVE_BATCH`).
 */
export const MAX_RECEIVED_DATAGRAMS = 31;

/** `MSG_DONTWAIT`. */
const DO_NOT_WAIT = 0x40;

/** Room for one datagram: above everything that UDP can carry, and a power of two. */
const ROOM_BYTES = UDP_RECEIVE_BUFFER_BYTES + 1;

/** Memory for one batch, which serves all sockets: it is read before the next. */
export class ReceiveBatch {
  readonly #libc: Libc;
  readonly #messages = new MessageArray(MAX_RECEIVED_DATAGRAMS);
  /** The system gives memory to what was received into it, and no more. */
  readonly #memory = new Uint8Array(MAX_RECEIVED_DATAGRAMS * ROOM_BYTES);
  readonly #senders: SenderNames;

  /** @param libc The C library. */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.#senders = new SenderNames(this.#messages.names);
    const address = addressOf(this.#memory);
    for (let index = 0; index < MAX_RECEIVED_DATAGRAMS; index++) {
      this.#messages.setPart(index, address + index * ROOM_BYTES, ROOM_BYTES);
      this.#messages.setParts(index, index, 1);
      this.#messages.setNameLength(index, SOCKET_ADDRESS_ROOM);
    }
  }

  /**
   * Receives.
   *
   * @param descriptor The socket.
   * @returns How many datagrams; 0 when there is none, or a failure that the
   * runtime finds as well when it receives.
   */
  receive(descriptor: number): number {
    const count = this.#libc.recvmmsg(
      descriptor,
      this.#messages.bytes,
      MAX_RECEIVED_DATAGRAMS,
      DO_NOT_WAIT,
      null,
    );
    // The system has written the true length there.
    for (let index = 0; index < count; index++) {
      this.#messages.setNameLength(index, SOCKET_ADDRESS_ROOM);
    }
    return Math.max(count, 0);
  }

  /**
   * @param index Which datagram.
   * @returns Its bytes, a view until the next batch.
   */
  datagram(index: number): Uint8Array {
    const start = index * ROOM_BYTES;
    const end = start + this.#messages.lengthOf(index);
    return this.#memory.subarray(start, end);
  }

  /**
   * @param index Which datagram.
   * @returns Who sent it.
   */
  sender(index: number): Address | undefined {
    return this.#senders.read(index * SOCKET_ADDRESS_ROOM);
  }
}
