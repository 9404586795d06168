/**
 * The encoder of every kind of frame.
 *
 * @module
 */
import {
  ByteWriter,
  encodeAckFrame,
  encodeAckFrequencyFrame,
  encodeCloseFrame,
  encodeConnectionMaxDataFrame,
  encodeCryptoFrame,
  encodeDatagramFrame,
  encodeMaxStreamsFrame,
  encodeNewConnectionIdFrame,
  encodePaddingFrame,
  encodePathChallengeFrame,
  encodePathResponseFrame,
  encodePingFrame,
  encodeResetStreamFrame,
  encodeRetireConnectionIdFrame,
  encodeStopSendingFrame,
  encodeStreamFrame,
  encodeStreamMaxDataFrame,
  encodeTicketFrame,
  type Frame,
} from "../../protocol/mod.ts";

/**
 * Encodes a frame of any kind.
 *
 * @param frame The frame.
 * @returns Its bytes.
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(70_000));
  writeFrame(writer, frame);
  return writer.written.slice();
}

function writeFrame(writer: ByteWriter, frame: Frame): void {
  switch (frame.type) {
    case "ack":
      return encodeAckFrame(writer, frame);
    case "close":
      return encodeCloseFrame(writer, frame);
    case "connection-max-data":
      return encodeConnectionMaxDataFrame(writer, frame.maxData);
    case "crypto":
      return encodeCryptoFrame(writer, frame);
    case "datagram":
      return encodeDatagramFrame(writer, frame.data);
    case "max-streams":
      return encodeMaxStreamsFrame(writer, frame);
    case "new-connection-id":
      return encodeNewConnectionIdFrame(writer, frame);
    case "padding":
      return encodePaddingFrame(writer, frame.length);
    case "path-challenge":
      return encodePathChallengeFrame(writer, frame.data);
    case "path-response":
      return encodePathResponseFrame(writer, frame.data);
    case "ping":
      return encodePingFrame(writer);
    case "reset-stream":
      return encodeResetStreamFrame(writer, frame);
    case "ack-frequency":
      return encodeAckFrequencyFrame(writer, frame);
    case "retire-connection-id":
      return encodeRetireConnectionIdFrame(writer, frame.sequence);
    case "stop-sending":
      return encodeStopSendingFrame(writer, frame);
    case "stream":
      return encodeStreamFrame(writer, frame);
    case "stream-max-data":
      return encodeStreamMaxDataFrame(writer, frame);
    case "ticket":
      return encodeTicketFrame(writer, frame);
  }
}
