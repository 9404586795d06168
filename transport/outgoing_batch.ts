/**
 * Datagrams that were written one behind the other, to be sent together.
 *
 * @module
 */
import { BlockPool } from "../internal/block_pool.ts";
import {
  type OutgoingDatagram,
  type PendingSend,
  UDP_MAX_DATAGRAM_BYTES,
} from "./carrier/carrier.ts";
import type { Transmit } from "./core/transmit.ts";

/**
 * Datagrams that are sent together, at most. More would cost the same each, and
 * the peer, which could work on the first, waits for the last.
 */
export const MAX_BATCH_DATAGRAMS = 32;

/** Bytes after which a batch is sent, for the same reason: 32 datagrams of 1,200. */
export const MAX_BATCH_BYTES: number = MAX_BATCH_DATAGRAMS * 1_200;

const NOTHING_PENDING: readonly PendingSend[] = [];

/** Memories that are kept for the next use, at most: some 200 KiB. */
const MAX_FREE_MEMORIES = 2;

/**
 * The memory of all batches. Each of them is sent in the turn that fills it, so that
 * one is enough, but for an observer that sends over another transport while the
 * datagram that it was shown waits.
 */
const memories = new BlockPool(
  MAX_BATCH_BYTES + UDP_MAX_DATAGRAM_BYTES,
  MAX_FREE_MEMORIES,
);

/** What is sent with one call. */
export class OutgoingBatch {
  readonly #maxDatagramBytes: number;
  #datagrams: OutgoingDatagram[] = [];
  #usedBytes = 0;
  /** From the first room until everything is sent. */
  #memory: Uint8Array | undefined;

  /** @param maxDatagramBytes Largest datagram, in bytes. */
  constructor(maxDatagramBytes: number) {
    this.#maxDatagramBytes = Math.min(maxDatagramBytes, UDP_MAX_DATAGRAM_BYTES);
  }

  /** Whether it must be sent before another datagram is written. */
  get isFull(): boolean {
    return this.#datagrams.length >= MAX_BATCH_DATAGRAMS ||
      this.#usedBytes >= MAX_BATCH_BYTES;
  }

  /** @returns Where the next datagram is to be written. */
  room(): Uint8Array {
    this.#memory ??= memories.take();
    const start = this.#usedBytes;
    return this.#memory.subarray(start, start + this.#maxDatagramBytes);
  }

  /**
   * Adds a datagram that was written to the room.
   *
   * @param room What {@linkcode OutgoingBatch.room} returned.
   * @param transmit Its size, and where it goes.
   */
  add(room: Uint8Array, { length, to, isSeparate }: Transmit): void {
    const datagram = room.subarray(0, length);
    this.#datagrams.push({ datagram, to, isSeparate });
    this.#usedBytes += length;
  }

  /**
   * Hands all of them to `send`, whose buffers are free when it returns. To be called
   * after the last {@linkcode OutgoingBatch.room}, used or not: it gives back what the
   * batch holds.
   *
   * @param send What sends them.
   * @returns Those that wait.
   */
  sendWith(
    send: (datagrams: readonly OutgoingDatagram[]) => readonly PendingSend[],
  ): readonly PendingSend[] {
    const memory = this.#memory;
    if (memory === undefined) return NOTHING_PENDING;
    const datagrams = this.#datagrams;
    // Before it is sent: a carrier may deliver at once, and what answers sends too.
    this.#memory = undefined;
    this.#usedBytes = 0;
    let pending = NOTHING_PENDING;
    if (datagrams.length > 0) {
      this.#datagrams = [];
      pending = send(datagrams);
    }
    memories.release(memory);
    return pending;
  }
}
