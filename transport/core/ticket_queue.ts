/**
 * The tickets of one connection on their way to the peer: sent behind
 * everything else, and again when they get lost.
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import {
  encodeTicketFrame,
  type TicketFrame,
  ticketFrameLength,
} from "../../protocol/frame/mod.ts";
import type { SentFrame } from "./sent_frame.ts";

/** Tickets of a connection that were not acknowledged. */
export class TicketQueue {
  #nextId = 0;
  readonly #tickets = new Map<number, Omit<TicketFrame, "type">>();
  readonly #due = new Set<number>();

  /** Whether one waits to be sent. */
  get hasPending(): boolean {
    return this.#due.size > 0;
  }

  /**
   * Queues a ticket.
   *
   * @param ticket What to send; kept.
   */
  push(ticket: Omit<TicketFrame, "type">): void {
    this.#tickets.set(this.#nextId, ticket);
    this.#due.add(this.#nextId++);
  }

  /**
   * Writes those that fit.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets a record of each.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    for (const id of this.#due) {
      const ticket = this.#tickets.get(id)!;
      if (writer.offset + ticketFrameLength(ticket) > limit) return;
      encodeTicketFrame(writer, ticket);
      sent.push({ type: "ticket", id });
      this.#due.delete(id);
    }
  }

  /**
   * The peer has a ticket.
   *
   * @param id From its record.
   */
  onAcked(id: number): void {
    this.#tickets.delete(id);
    this.#due.delete(id);
  }

  /**
   * A ticket was probably lost.
   *
   * @param id From its record.
   */
  onLost(id: number): void {
    if (this.#tickets.has(id)) this.#due.add(id);
  }
}
