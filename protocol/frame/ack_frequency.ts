/**
 * AckFrequency (control 11): how often the sender wants its packets acknowledged
 * (draft-ietf-quic-ack-frequency §4).
 *
 * ```text
 * type                 u8      0x50
 * subtype              u8      11
 * sequence             varint  the highest one holds
 * threshold            varint  ack-eliciting packets, 1 or more
 * max ack delay        varint  microseconds
 * reordering threshold varint  packet numbers, 1 or more
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { ProtocolError } from "../error.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** A decoded wish. */
export interface AckFrequencyFrame {
  /** Discriminant. */
  readonly type: "ack-frequency";
  /** Index of the wish. */
  readonly sequence: number;
  /** Ack-eliciting packets after which an acknowledgement leaves at once. */
  readonly threshold: number;
  /** Longest time that an acknowledgement is held back, in microseconds. */
  readonly maxAckDelayMicros: number;
  /**
   * How far the largest packet number has to be above a missing one for an
   * acknowledgement at once.
   */
  readonly reorderingThreshold: number;
}

/**
 * Size of the frame.
 *
 * @param frame The frame.
 * @returns Bytes.
 */
export function ackFrequencyFrameLength(
  frame: Omit<AckFrequencyFrame, "type">,
): number {
  return 2 + varintLength(frame.sequence) + varintLength(frame.threshold) +
    varintLength(frame.maxAckDelayMicros) +
    varintLength(frame.reorderingThreshold);
}

/**
 * Writes the frame.
 *
 * @param writer Where to write.
 * @param frame The frame.
 * @throws {ProtocolError} `INVALID_VALUE` for a threshold of 0.
 */
export function encodeAckFrequencyFrame(
  writer: ByteWriter,
  frame: Omit<AckFrequencyFrame, "type">,
): void {
  if (frame.threshold < 1 || frame.reorderingThreshold < 1) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `AckFrequency frame: thresholds ${frame.threshold} and ${frame.reorderingThreshold} must be 1 or more`,
    );
  }
  writer.u8(FrameType.CONTROL);
  writer.u8(ControlType.ACK_FREQUENCY);
  writer.varint(frame.sequence);
  writer.varint(frame.threshold);
  writer.varint(frame.maxAckDelayMicros);
  writer.varint(frame.reorderingThreshold);
}

/**
 * Reads the frame after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated, or a threshold 0.
 */
export function decodeAckFrequencyFrame(reader: ByteReader): AckFrequencyFrame {
  const sequence = reader.varint();
  const threshold = reader.varint();
  const maxAckDelayMicros = reader.varint();
  const reorderingThreshold = reader.varint();
  checkComplete(reader, "AckFrequency");
  if (threshold < 1 || reorderingThreshold < 1) {
    throw invalidFrame(
      `AckFrequency frame: thresholds ${threshold} and ${reorderingThreshold} must be 1 or more`,
    );
  }
  return {
    type: "ack-frequency",
    sequence,
    threshold,
    maxAckDelayMicros,
    reorderingThreshold,
  };
}
