/**
 * What a connection has to tell its owner, in order.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import type { LimitName } from "./limits.ts";

/** Events of one connection, beside those of its streams. */
export class EventQueue {
  readonly #events = new Fifo<ConnectionEvent>();
  readonly #maxDatagrams: number;
  readonly #onLimit: (limit: LimitName) => void;
  #datagramCount = 0;

  /**
   * @param maxDatagrams Datagrams among the events; more are dropped.
   * @param onLimit Called then.
   */
  constructor(maxDatagrams: number, onLimit: (limit: LimitName) => void) {
    this.#maxDatagrams = maxDatagrams;
    this.#onLimit = onLimit;
  }

  /**
   * Adds an event. A datagram may be lost: one that nobody takes in time is.
   *
   * @param event What happened.
   */
  push(event: ConnectionEvent): void {
    if (event.type === "datagram-received") {
      if (this.#datagramCount >= this.#maxDatagrams) {
        return this.#onLimit("maxDatagramEvents");
      }
      this.#datagramCount++;
    }
    this.#events.push(event);
  }

  /** The next event, if any. */
  shift(): ConnectionEvent | undefined {
    const event = this.#events.shift();
    if (event?.type === "datagram-received") this.#datagramCount--;
    return event;
  }
}
