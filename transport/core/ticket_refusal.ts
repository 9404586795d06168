/**
 * The packet that refuses the ticket of a hello: the initiator then starts
 * again without it.
 *
 * ```text
 * offset  size  field
 *     32     1  kind = 6
 *     33     1  reason: 3 refused, 4 used before
 *     34    16  mac
 * ```
 *
 * The MAC is that of the responder's other answers: only who saw the hello can
 * make it. It proves no identity; what follows from a forged one is said in the
 * specification.
 *
 * Spec: docs/spec/transport.md, "Tickets".
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import {
  beginHandshakePacket,
  HANDSHAKE_MAC_LENGTH,
  HandshakeKind,
  RefusalReason,
  writeHandshakeMac,
} from "./handshake_packet.ts";

/** What a refusal says of the data that came with the ticket. */
export interface TicketRefusal {
  /** Whether the ticket was used before: its data was processed then. */
  readonly isUsed: boolean;
}

/**
 * Encodes a refusal of a ticket.
 *
 * @param initiatorConnectionId Where it goes.
 * @param refusal What it says.
 * @param macKey From `responseMacKey`.
 * @returns The whole packet.
 */
export function encodeTicketRefusal(
  initiatorConnectionId: Uint8Array,
  refusal: TicketRefusal,
  macKey: Uint8Array,
): Uint8Array {
  const writer = beginHandshakePacket(
    PACKET_HEADER_LENGTH + 2 + HANDSHAKE_MAC_LENGTH,
    initiatorConnectionId,
  );
  writer.u8(HandshakeKind.REFUSAL);
  writer.u8(refusal.isUsed ? RefusalReason.TICKET_USED : RefusalReason.TICKET);
  writeHandshakeMac(writer, macKey);
  return writer.buffer;
}

/**
 * Decodes a refusal of a ticket. The MAC is not checked here.
 *
 * @param packet A whole packet.
 * @returns What it says, or `undefined` when it is malformed or another packet.
 */
export function decodeTicketRefusal(
  packet: Uint8Array,
): TicketRefusal | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const reason = reader.u8();
  if (
    kind !== HandshakeKind.REFUSAL || reader.remaining !== HANDSHAKE_MAC_LENGTH
  ) return undefined;
  if (reason === RefusalReason.TICKET) return { isUsed: false };
  return reason === RefusalReason.TICKET_USED ? { isUsed: true } : undefined;
}
