/**
 * The packet that refuses a hello for its suite, and names those that would be
 * taken.
 *
 * ```text
 * offset  size  field
 *     32     1  kind = 6
 *     33     1  reason = 2
 *     34     1  suite count k, 1 to 8
 *     35     k  suites that the responder takes, the one it likes best first
 *   35+k    16  mac
 * ```
 *
 * The MAC is that of the responder's other answers: only who saw the hello can
 * make it. It proves no identity; what follows from a forged one is said in
 * `suite.ts`.
 *
 * Spec: docs/spec/transport.md, "Choosing the suite".
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import {
  beginHandshakePacket,
  HANDSHAKE_MAC_LENGTH,
  HandshakeKind,
  MAX_SUITES,
  RefusalReason,
  writeHandshakeMac,
} from "./handshake_packet.ts";

/**
 * Encodes a refusal for the suite.
 *
 * @param initiatorConnectionId Where it goes.
 * @param suites Suite numbers that this side takes, the preferred one first.
 * @param macKey From `responseMacKey`.
 * @returns The whole packet.
 */
export function encodeSuiteRefusal(
  initiatorConnectionId: Uint8Array,
  suites: Uint8Array,
  macKey: Uint8Array,
): Uint8Array {
  const writer = beginHandshakePacket(
    PACKET_HEADER_LENGTH + 3 + suites.length + HANDSHAKE_MAC_LENGTH,
    initiatorConnectionId,
  );
  writer.u8(HandshakeKind.REFUSAL);
  writer.u8(RefusalReason.SUITE);
  writer.u8(suites.length);
  writer.bytes(suites);
  writeHandshakeMac(writer, macKey);
  return writer.buffer;
}

/**
 * Decodes a refusal for the suite. The MAC is not checked here.
 *
 * @param packet A whole packet.
 * @returns The suite numbers, a view of the packet, or `undefined` when it is
 * malformed or another packet.
 */
export function decodeSuiteRefusal(packet: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(packet, PACKET_HEADER_LENGTH);
  const kind = reader.u8();
  const reason = reader.u8();
  const count = reader.u8();
  if (
    kind !== HandshakeKind.REFUSAL || reason !== RefusalReason.SUITE ||
    count === 0 || count > MAX_SUITES
  ) return undefined;
  const suites = reader.bytes(count);
  return reader.remaining === HANDSHAKE_MAC_LENGTH ? suites : undefined;
}
