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

/** A ticket, and whether it waits to be sent. */
class QueuedTicket {
  readonly id: number;
  readonly ticket: Omit<TicketFrame, "type">;
  isDue = true;

  constructor(id: number, ticket: Omit<TicketFrame, "type">) {
    this.id = id;
    this.ticket = ticket;
  }
}

/** Tickets of a connection that were not acknowledged: a few. */
export class TicketQueue {
  #nextId = 0;
  #tickets: QueuedTicket[] = [];

  /** Whether one waits to be sent. */
  get hasPending(): boolean {
    for (const { isDue } of this.#tickets) if (isDue) return true;
    return false;
  }

  /**
   * Queues a ticket.
   *
   * @param ticket What to send; kept.
   */
  push(ticket: Omit<TicketFrame, "type">): void {
    this.#tickets.push(new QueuedTicket(this.#nextId++, ticket));
  }

  /**
   * Writes those that fit.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets a record of each.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    for (const queued of this.#tickets) {
      if (!queued.isDue) continue;
      if (writer.offset + ticketFrameLength(queued.ticket) > limit) return;
      encodeTicketFrame(writer, queued.ticket);
      sent.push({ type: "ticket", id: queued.id });
      queued.isDue = false;
    }
  }

  /**
   * The peer has a ticket.
   *
   * @param id From its record.
   */
  onAcked(id: number): void {
    this.#tickets = this.#tickets.filter((queued) => queued.id !== id);
  }

  /**
   * A ticket was probably lost.
   *
   * @param id From its record.
   */
  onLost(id: number): void {
    const lost = this.#tickets.find((queued) => queued.id === id);
    if (lost !== undefined) lost.isDue = true;
  }
}
