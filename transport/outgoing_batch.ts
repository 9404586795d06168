/**
 * Datagrams that were written one behind the other, to be sent together.
 *
 * @module
 */
import { poison } from "../internal/poison.ts";
import type { OutgoingDatagram, PendingSend } from "./carrier/carrier.ts";
import type { Address } from "./core/address.ts";

/**
 * Datagrams that are sent together, at most. More would cost the same each, and
 * the peer, which could work on the first, waits for the last.
 */
export const MAX_BATCH_DATAGRAMS = 32;

/** Bytes after which a batch is sent, for the same reason: 32 datagrams of 1,200. */
export const MAX_BATCH_BYTES: number = MAX_BATCH_DATAGRAMS * 1_200;

const NOTHING_PENDING: readonly PendingSend[] = [];

/** The memory of all batches: each of them is sent in the turn that fills it. */
let memory = new Uint8Array(0);

/** What is sent with one call. */
export class OutgoingBatch {
  readonly #maxDatagramBytes: number;
  #datagrams: OutgoingDatagram[] = [];
  #usedBytes = 0;

  /** @param maxDatagramBytes Largest datagram, in bytes. */
  constructor(maxDatagramBytes: number) {
    this.#maxDatagramBytes = maxDatagramBytes;
  }

  /** Whether it must be sent before another datagram is written. */
  get isFull(): boolean {
    return this.#datagrams.length >= MAX_BATCH_DATAGRAMS ||
      this.#usedBytes >= MAX_BATCH_BYTES;
  }

  /** @returns Where the next datagram is to be written. */
  room(): Uint8Array {
    const neededBytes = MAX_BATCH_BYTES + this.#maxDatagramBytes;
    if (memory.length < neededBytes) memory = new Uint8Array(neededBytes);
    const start = this.#usedBytes;
    return memory.subarray(start, start + this.#maxDatagramBytes);
  }

  /**
   * Adds a datagram that was written to the room.
   *
   * @param room What {@linkcode OutgoingBatch.room} returned.
   * @param lengthBytes Its size.
   * @param to Where it goes.
   */
  add(room: Uint8Array, lengthBytes: number, to: Address): void {
    this.#datagrams.push({ datagram: room.subarray(0, lengthBytes), to });
    this.#usedBytes += lengthBytes;
  }

  /**
   * Hands all of them to `send`, whose buffers are free when it returns.
   *
   * @param send What sends them.
   * @returns Those that wait.
   */
  sendWith(
    send: (datagrams: readonly OutgoingDatagram[]) => readonly PendingSend[],
  ): readonly PendingSend[] {
    const datagrams = this.#datagrams;
    if (datagrams.length === 0) return NOTHING_PENDING;
    const usedBytes = this.#usedBytes;
    this.#datagrams = [];
    this.#usedBytes = 0;
    const pending = send(datagrams);
    poison(memory.subarray(0, usedBytes));
    return pending;
  }
}
