/**
 * All frames, and the one place that tells them apart.
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type AckFrame, decodeAckFrame } from "./ack.ts";
import {
  type AckFrequencyFrame,
  decodeAckFrequencyFrame,
} from "./ack_frequency.ts";
import { type CloseFrame, decodeCloseFrame } from "./close.ts";
import {
  type ConnectionMaxDataFrame,
  decodeConnectionMaxDataFrame,
} from "./connection_max_data.ts";
import { type CryptoFrame, decodeCryptoFrame } from "./crypto.ts";
import { type DatagramFrame, decodeDatagramFrame } from "./datagram.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { ControlType, FrameType, StreamFrameBits } from "./frame_type.ts";
import { decodeMaxStreamsFrame, type MaxStreamsFrame } from "./max_streams.ts";
import {
  decodeNewConnectionIdFrame,
  type NewConnectionIdFrame,
} from "./new_connection_id.ts";
import { decodePaddingFrame, type PaddingFrame } from "./padding.ts";
import {
  decodePathChallengeFrame,
  decodePathResponseFrame,
  type PathChallengeFrame,
  type PathResponseFrame,
} from "./path_validation.ts";
import type { PingFrame } from "./ping.ts";
import {
  decodeResetStreamFrame,
  type ResetStreamFrame,
} from "./reset_stream.ts";
import {
  decodeRetireConnectionIdFrame,
  type RetireConnectionIdFrame,
} from "./retire_connection_id.ts";
import {
  decodeStopSendingFrame,
  type StopSendingFrame,
} from "./stop_sending.ts";
import { decodeStreamFrame, type StreamFrame } from "./stream.ts";
import {
  decodeStreamMaxDataFrame,
  type StreamMaxDataFrame,
} from "./stream_max_data.ts";
import { decodeTicketFrame, type TicketFrame } from "./ticket.ts";

/** A decoded frame. Arrays in it are views of the packet. */
export type Frame =
  | AckFrame
  | AckFrequencyFrame
  | CloseFrame
  | ConnectionMaxDataFrame
  | CryptoFrame
  | DatagramFrame
  | MaxStreamsFrame
  | NewConnectionIdFrame
  | PaddingFrame
  | PathChallengeFrame
  | PathResponseFrame
  | PingFrame
  | ResetStreamFrame
  | RetireConnectionIdFrame
  | StopSendingFrame
  | StreamFrame
  | StreamMaxDataFrame
  | TicketFrame;

const PING: PingFrame = { type: "ping" };
const STREAM_TYPE_END: number = FrameType.STREAM + StreamFrameBits.OPEN +
  StreamFrameBits.DATA + StreamFrameBits.FIN;

/**
 * Reads the next frame of an authenticated packet, without copying.
 *
 * @param reader At the type byte of a frame; afterwards behind the frame.
 * @returns The frame. Arrays in it are views of the reader's buffer: copy what
 * has to outlive the packet.
 * @throws {ProtocolError} `FRAME_INVALID` when the type is unknown or the
 * frame is malformed; the rest of the packet cannot be read then.
 *
 * @example Usage
 * ```ts
 * import { ByteReader, decodeFrame } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const frame = decodeFrame(new ByteReader(Uint8Array.of(0x61, 0x2a)));
 * assert.deepEqual(frame, { type: "connection-max-data", maxData: 42 });
 * ```
 */
export function decodeFrame(reader: ByteReader): Frame {
  const type = reader.u8();
  if (type > FrameType.STREAM && type <= STREAM_TYPE_END) {
    return decodeStreamFrame(reader, type);
  }
  checkComplete(reader, "Empty");
  switch (type) {
    case FrameType.PADDING:
      return decodePaddingFrame(reader);
    case FrameType.DATAGRAM:
      return decodeDatagramFrame(reader);
    case FrameType.ACK:
      return decodeAckFrame(reader);
    case FrameType.CRYPTO:
      return decodeCryptoFrame(reader);
    case FrameType.CONTROL:
      return decodeControlFrame(reader);
    case FrameType.STREAM_MAX_DATA:
      return decodeStreamMaxDataFrame(reader);
    case FrameType.CONNECTION_MAX_DATA:
      return decodeConnectionMaxDataFrame(reader);
    default:
      throw invalidFrame(`Frame: unknown type 0x${type.toString(16)}`);
  }
}

function decodeControlFrame(reader: ByteReader): Frame {
  const subtype = reader.u8();
  checkComplete(reader, "Control");
  switch (subtype) {
    case ControlType.PING:
      return PING;
    case ControlType.PATH_CHALLENGE:
      return decodePathChallengeFrame(reader);
    case ControlType.PATH_RESPONSE:
      return decodePathResponseFrame(reader);
    case ControlType.NEW_CONNECTION_ID:
      return decodeNewConnectionIdFrame(reader);
    case ControlType.TICKET:
      return decodeTicketFrame(reader);
    case ControlType.RESET_STREAM:
      return decodeResetStreamFrame(reader);
    case ControlType.STOP_SENDING:
      return decodeStopSendingFrame(reader);
    case ControlType.CLOSE:
      return decodeCloseFrame(reader);
    case ControlType.MAX_STREAMS:
      return decodeMaxStreamsFrame(reader);
    case ControlType.RETIRE_CONNECTION_ID:
      return decodeRetireConnectionIdFrame(reader);
    case ControlType.ACK_FREQUENCY:
      return decodeAckFrequencyFrame(reader);
    default:
      throw invalidFrame(`Control frame: unknown subtype ${subtype}`);
  }
}

/**
 * Whether the receiver of a frame has to acknowledge its packet (RFC 9002 §2).
 *
 * @param type The `type` of a decoded frame.
 * @returns `false` for acks, padding and close.
 */
export function isAckEliciting(type: Frame["type"]): boolean {
  return type !== "ack" && type !== "padding" && type !== "close";
}
