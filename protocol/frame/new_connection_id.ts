/**
 * NewConnectionId (control 4): another id by which the sender can be reached,
 * for use on another path (RFC 9000 §19.15).
 *
 * ```text
 * type           u8        0x50
 * subtype        u8        4
 * sequence       varint
 * retirePriorTo  varint    at most `sequence`
 * connectionId   8 bytes   not 0, which is that of hellos
 * resetToken     16 bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { CONNECTION_ID_LENGTH, isHelloId } from "../connection_id.ts";
import { ProtocolError } from "../error.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

const RESET_TOKEN_LENGTH = 16;

/** A decoded offer of a connection id. */
export interface NewConnectionIdFrame {
  /** Discriminant. */
  readonly type: "new-connection-id";
  /** Index of the id. */
  readonly sequence: number;
  /** Ids below this index are to be given up. */
  readonly retirePriorTo: number;
  /** 8 bytes: a view of the packet. */
  readonly connectionId: Uint8Array;
  /** 16 bytes that prove a stateless reset: a view of the packet. */
  readonly resetToken: Uint8Array;
}

/**
 * Size of the frame.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function newConnectionIdFrameLength(
  frame: Pick<NewConnectionIdFrame, "sequence" | "retirePriorTo">,
): number {
  return 2 + varintLength(frame.sequence) + varintLength(frame.retirePriorTo) +
    CONNECTION_ID_LENGTH + RESET_TOKEN_LENGTH;
}

/**
 * Writes the frame.
 *
 * @param writer Where to write.
 * @param frame The frame; its bytes are copied.
 * @throws {ProtocolError} `INVALID_VALUE` when an array has the wrong length,
 * the id is 0, or `retirePriorTo` is above `sequence`.
 */
export function encodeNewConnectionIdFrame(
  writer: ByteWriter,
  frame: Omit<NewConnectionIdFrame, "type">,
): void {
  if (
    frame.connectionId.length !== CONNECTION_ID_LENGTH ||
    frame.resetToken.length !== RESET_TOKEN_LENGTH ||
    isHelloId(frame.connectionId) ||
    frame.retirePriorTo > frame.sequence
  ) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `NewConnectionId frame: id of ${frame.connectionId.length} bytes (not 0), token of ${frame.resetToken.length} bytes, retiring below ${frame.retirePriorTo}`,
    );
  }
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.NEW_CONNECTION_ID);
  writer.varint(frame.sequence);
  writer.varint(frame.retirePriorTo);
  writer.bytes(frame.connectionId);
  writer.bytes(frame.resetToken);
}

/**
 * Reads the frame after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame; its arrays are views.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated, retires ids
 * above its own, or offers the id of hellos.
 */
export function decodeNewConnectionIdFrame(
  reader: ByteReader,
): NewConnectionIdFrame {
  const sequence = reader.varint();
  const retirePriorTo = reader.varint();
  const connectionId = reader.bytes(CONNECTION_ID_LENGTH);
  const resetToken = reader.bytes(RESET_TOKEN_LENGTH);
  checkComplete(reader, "NewConnectionId");
  // RFC 9000 §19.15: Retire Prior To is at most Sequence Number.
  if (retirePriorTo > sequence) {
    throw invalidFrame(
      `NewConnectionId frame: ${sequence} retires ids below ${retirePriorTo}`,
    );
  }
  if (isHelloId(connectionId)) {
    throw invalidFrame("NewConnectionId frame: id 0");
  }
  return {
    type: "new-connection-id",
    sequence,
    retirePriorTo,
    connectionId,
    resetToken,
  };
}
