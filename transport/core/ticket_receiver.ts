/**
 * The tickets that come on one connection.
 *
 * @module
 */
import { isEqualConstantTime, wipe } from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import type { TicketFrame } from "../../protocol/frame/mod.ts";
import { MAX_TICKET_LENGTH } from "./handshake_packet.ts";
import type { ReceivedTicket } from "./ticket_store.ts";

/** Takes as many tickets as were asked for, each once. */
export class TicketReceiver {
  readonly #maxTickets: number;
  readonly #result: ReceivedTicket["result"];
  readonly #onTicket: (ticket: ReceivedTicket) => void;
  readonly #received: Uint8Array[] = [];

  /**
   * @param maxTickets How many were asked for.
   * @param result What the handshake settled; its resumption secret is wiped
   * when no further ticket needs it.
   * @param onTicket Takes the tickets.
   */
  constructor(
    maxTickets: number,
    result: ReceivedTicket["result"],
    onTicket: (ticket: ReceivedTicket) => void,
  ) {
    this.#maxTickets = maxTickets;
    this.#result = result;
    this.#onTicket = onTicket;
  }

  /**
   * Takes a frame. One that comes again, because its acknowledgement was lost,
   * brings no other ticket; one that is too long for a hello counts for none.
   *
   * @param now The time.
   * @param frame The frame; its bytes are borrowed.
   */
  handleFrame(now: Instant, frame: TicketFrame): void {
    const received = this.#received;
    if (
      received.length >= this.#maxTickets ||
      frame.ticket.length > MAX_TICKET_LENGTH ||
      received.some((each) => isEqualConstantTime(each, frame.ticket))
    ) return;
    const ticket = frame.ticket.slice();
    received.push(ticket);
    this.#onTicket({
      ticket,
      expiresAt: now + 1_000 * frame.lifetimeSeconds,
      result: this.#result,
    });
    if (received.length === this.#maxTickets) {
      wipe(this.#result.resumptionSecret);
    }
  }
}
