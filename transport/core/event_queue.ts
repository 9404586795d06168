/**
 * What a connection has to tell its owner, in order.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import { MAX_DATAGRAM_EVENTS } from "./config.ts";
import type { ConnectionEvent } from "./connection_event.ts";

/** Events of one connection, beside those of its streams. */
export class EventQueue {
  readonly #events = new Fifo<ConnectionEvent>();
  #datagramCount = 0;

  /**
   * Adds an event. A datagram may be lost: one that nobody takes in time is.
   *
   * @param event What happened.
   */
  push(event: ConnectionEvent): void {
    if (event.type === "datagram-received") {
      if (this.#datagramCount >= MAX_DATAGRAM_EVENTS) return;
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
