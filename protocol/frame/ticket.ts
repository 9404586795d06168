/**
 * Ticket (control 5): what resumes a session later.
 *
 * ```text
 * type             u8      0x50
 * subtype          u8      5
 * lifetimeSeconds  varint
 * length           varint
 * ticket           bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded ticket frame. */
export interface TicketFrame {
  /** Discriminant. */
  readonly type: "ticket";
  /** For how many seconds the ticket can be used. */
  readonly lifetimeSeconds: number;
  /** Opaque bytes: a view of the packet. */
  readonly ticket: Uint8Array;
}

/**
 * Size of a ticket frame.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function ticketFrameLength(frame: Omit<TicketFrame, "type">): number {
  return 2 + varintLength(frame.lifetimeSeconds) +
    varintLength(frame.ticket.length) + frame.ticket.length;
}

/**
 * Writes a ticket frame.
 *
 * @param writer Where to write.
 * @param frame The frame; its bytes are copied.
 */
export function encodeTicketFrame(
  writer: ByteWriter,
  frame: Omit<TicketFrame, "type">,
): void {
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.TICKET);
  writer.varint(frame.lifetimeSeconds);
  writer.varint(frame.ticket.length);
  writer.bytes(frame.ticket);
}

/**
 * Reads a ticket frame after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame; the ticket is a view.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeTicketFrame(reader: ByteReader): TicketFrame {
  const lifetimeSeconds = reader.varint();
  const ticket = reader.bytes(reader.varint());
  checkComplete(reader, "Ticket");
  return { type: "ticket", lifetimeSeconds, ticket };
}
