/**
 * Datagram frames that wait to be sent.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import type { ByteWriter } from "../../internal/byte_writer.ts";
import {
  datagramFrameLength,
  encodeDatagramFrame,
} from "../../protocol/frame/mod.ts";
import type { LimitName } from "./limits.ts";

/**
 * A bounded queue in which the newest wins: a datagram that waited too long is
 * of less use than the one that pushes it out.
 */
export class DatagramQueue {
  readonly #maxCount: number;
  readonly #onLimit: ((limit: LimitName) => void) | undefined;
  readonly #outgoing = new Fifo<Uint8Array>();
  #droppedCount = 0;

  /**
   * Starts empty.
   *
   * @param maxCount How many datagrams wait at most.
   * @param onLimit Called for each one that had to make room.
   */
  constructor(maxCount: number, onLimit?: (limit: LimitName) => void) {
    this.#maxCount = maxCount;
    this.#onLimit = onLimit;
  }

  /** How many datagrams wait. */
  get outgoingCount(): number {
    return this.#outgoing.length;
  }

  /** How many datagrams were dropped without being sent. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /**
   * Queues a datagram. When the queue is full the oldest is dropped.
   *
   * @param data Its bytes, owned by the queue from now on.
   * @returns Whether nothing was dropped.
   */
  push(data: Uint8Array): boolean {
    if (this.#maxCount === 0) {
      this.#droppedCount++;
      this.#onLimit?.("datagramQueueLength");
      return false;
    }
    const isFull = this.#outgoing.length >= this.#maxCount;
    if (isFull) {
      this.#drop();
      this.#onLimit?.("datagramQueueLength");
    }
    this.#outgoing.push(data);
    return !isFull;
  }

  /**
   * Writes as many datagrams as fit, the oldest first. One that would not fit
   * into a packet of its own is dropped: the path became narrower.
   *
   * @param writer Where to write.
   * @param limitBytes Offset that must not be passed.
   * @param maxFrameBytes What an empty packet has room for; unlimited when
   * absent.
   */
  writeFrames(
    writer: ByteWriter,
    limitBytes: number,
    maxFrameBytes: number = Infinity,
  ): void {
    for (
      let data = this.#outgoing.peek();
      data !== undefined;
      data = this.#outgoing.peek()
    ) {
      const length = datagramFrameLength(data.length);
      if (length > maxFrameBytes) this.#drop();
      else if (writer.offset + length > limitBytes) return;
      else {
        encodeDatagramFrame(writer, data);
        this.#outgoing.shift();
      }
    }
  }

  #drop(): void {
    this.#outgoing.shift();
    this.#droppedCount++;
  }
}
