/**
 * Frames in a qlog.
 *
 * @module
 */
import type { FrameSummary } from "../../transport/mod.ts";

/**
 * Writes a frame as qlog has it: the names of draft-ietf-quic-qlog-quic-events
 * where the frame is the same.
 *
 * @param frame The frame.
 * @returns An object for JSON.
 */
export function qlogFrame(
  frame: FrameSummary,
): Readonly<Record<string, unknown>> {
  const frame_type = frame.type.replaceAll("-", "_");
  switch (frame.type) {
    case "stream":
      return {
        frame_type,
        stream_id: frame.streamId,
        offset: frame.offset,
        length: frame.lengthBytes,
        open: frame.isOpen || undefined,
        fin: frame.isFin || undefined,
      };
    case "ack":
      return {
        frame_type,
        ack_delay: frame.delayMicros / 1000,
        acked_ranges: frame.ranges.map(({ start, end }) => [start, end - 1]),
      };
    case "crypto":
      return { frame_type, offset: frame.offset, length: frame.lengthBytes };
    case "datagram":
    case "padding":
      return { frame_type, length: frame.lengthBytes };
    case "ticket":
      return {
        frame_type,
        lifetime_seconds: frame.lifetimeSeconds,
        length: frame.lengthBytes,
      };
    case "new-connection-id":
      return {
        frame_type,
        sequence_number: frame.sequence,
        retire_prior_to: frame.retirePriorTo,
        connection_id: frame.connectionId,
      };
    case "ack-frequency":
      return {
        frame_type,
        sequence_number: frame.sequence,
        ack_eliciting_threshold: frame.threshold,
        request_max_ack_delay: frame.maxAckDelayMicros / 1_000,
        reordering_threshold: frame.reorderingThreshold,
      };
    case "retire-connection-id":
      return { frame_type, sequence_number: frame.sequence };
    case "reset-stream":
      return {
        frame_type,
        stream_id: frame.streamId,
        error_code: frame.code,
        final_size: frame.finalSize,
      };
    case "stop-sending":
      return { frame_type, stream_id: frame.streamId, error_code: frame.code };
    case "stream-max-data":
      return {
        frame_type,
        stream_id: frame.streamId,
        maximum: frame.maximum,
      };
    case "connection-max-data":
      return { frame_type, maximum: frame.maximum };
    case "max-streams":
      return {
        frame_type,
        stream_type: frame.isUnidirectional
          ? "unidirectional"
          : "bidirectional",
        maximum: frame.maximum,
      };
    case "close":
      return { frame_type, error_code: frame.code, reason: frame.reason };
    case "ping":
    case "path-challenge":
    case "path-response":
      return { frame_type };
  }
}
