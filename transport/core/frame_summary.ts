/**
 * What a log may say of a frame: its numbers, and of its bytes only how many
 * there are. Application data, tickets and tokens never reach an observer.
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import type { Range } from "../../internal/range_set.ts";
import { decodeFrame, type Frame } from "../../protocol/mod.ts";

/** A frame without its bytes. Numbers are those of the frame. */
export type FrameSummary =
  | {
    /** Bytes of a stream, its opening, its end, or several of these. */
    readonly type: "stream";
    /** The stream. */
    readonly streamId: number;
    /** Place of the first byte in the stream. */
    readonly offset: number;
    /** Bytes of data. */
    readonly lengthBytes: number;
    /** Whether it opens the stream. */
    readonly isOpen: boolean;
    /** Whether it ends the stream. */
    readonly isFin: boolean;
  }
  | {
    /** Bytes that may be lost. */
    readonly type: "datagram";
    /** How many. */
    readonly lengthBytes: number;
  }
  | {
    /** An acknowledgement. */
    readonly type: "ack";
    /** How long it was held back, in microseconds. */
    readonly delayMicros: number;
    /** Half-open ranges of packet numbers, in descending order. */
    readonly ranges: readonly Range[];
  }
  | {
    /** Handshake bytes after the handshake. */
    readonly type: "crypto";
    /** Place of the first byte. */
    readonly offset: number;
    /** How many. */
    readonly lengthBytes: number;
  }
  | {
    /** Zeros. */
    readonly type: "padding";
    /** How many. */
    readonly lengthBytes: number;
  }
  | {
    /** A ticket; what is in it is secret. */
    readonly type: "ticket";
    /** How long it is good for. */
    readonly lifetimeSeconds: number;
    /** Its size. */
    readonly lengthBytes: number;
  }
  | {
    /** Another connection id; its reset token is secret. */
    readonly type: "new-connection-id";
    /** Its number. */
    readonly sequence: number;
    /** Ids below this number are to be retired. */
    readonly retirePriorTo: number;
    /** Eight bytes, as 16 hexadecimal digits. */
    readonly connectionId: string;
  }
  | {
    /** How often the sender wants its packets acknowledged. */
    readonly type: "ack-frequency";
    /** Number of the wish. */
    readonly sequence: number;
    /** Packets after which an acknowledgement leaves at once. */
    readonly threshold: number;
    /** Longest time that one is held back. */
    readonly maxAckDelayMicros: number;
    /** How late a packet may be without an acknowledgement at once. */
    readonly reorderingThreshold: number;
  }
  | {
    /** An id that is not used any more. */
    readonly type: "retire-connection-id";
    /** Its number. */
    readonly sequence: number;
  }
  | {
    /** The sender gave its side of a stream up. */
    readonly type: "reset-stream";
    /** The stream. */
    readonly streamId: number;
    /** Its reason. */
    readonly code: number;
    /** Length of the stream when it was given up. */
    readonly finalSize: number;
  }
  | {
    /** The sender does not want the other side of a stream. */
    readonly type: "stop-sending";
    /** The stream. */
    readonly streamId: number;
    /** Its reason. */
    readonly code: number;
  }
  | {
    /** Credit of a stream. */
    readonly type: "stream-max-data";
    /** The stream. */
    readonly streamId: number;
    /** Bytes since the start. */
    readonly maximum: number;
  }
  | {
    /** Credit of the connection. */
    readonly type: "connection-max-data";
    /** Bytes since the start. */
    readonly maximum: number;
  }
  | {
    /** How many streams may be opened. */
    readonly type: "max-streams";
    /** Of which kind. */
    readonly isUnidirectional: boolean;
    /** Streams since the start. */
    readonly maximum: number;
  }
  | {
    /** The end of the connection. */
    readonly type: "close";
    /** Why. */
    readonly code: number;
    /** For a person. */
    readonly reason: string;
  }
  | {
    /** A frame of which nothing is told but its kind. */
    readonly type: "ping" | "path-challenge" | "path-response";
  };

/**
 * Leaves the bytes out of a frame.
 *
 * @param frame The frame; borrowed.
 * @returns What may be told of it; nothing in it is a view of the packet.
 */
export function summarizeFrame(frame: Frame): FrameSummary {
  switch (frame.type) {
    case "stream":
      return {
        type: "stream",
        streamId: frame.streamId,
        offset: frame.offset,
        lengthBytes: frame.data.length,
        isOpen: frame.isOpen,
        isFin: frame.isFin,
      };
    case "datagram":
      return { type: "datagram", lengthBytes: frame.data.length };
    case "ack":
      return {
        type: "ack",
        delayMicros: frame.delayMicros,
        ranges: frame.ranges,
      };
    case "crypto":
      return {
        type: "crypto",
        offset: frame.offset,
        lengthBytes: frame.data.length,
      };
    case "ticket":
      return {
        type: "ticket",
        lifetimeSeconds: frame.lifetimeSeconds,
        lengthBytes: frame.ticket.length,
      };
    case "new-connection-id":
      return {
        type: "new-connection-id",
        sequence: frame.sequence,
        retirePriorTo: frame.retirePriorTo,
        connectionId: formatConnectionId(frame.connectionId),
      };
    case "stream-max-data":
      return {
        type: "stream-max-data",
        streamId: frame.streamId,
        maximum: frame.maxData,
      };
    case "connection-max-data":
      return { type: "connection-max-data", maximum: frame.maxData };
    case "path-challenge":
    case "path-response":
      return { type: frame.type };
    case "padding":
      return { type: "padding", lengthBytes: frame.length };
    default:
      // The rest holds numbers and a reason for a person, no more.
      return { ...frame };
  }
}

/**
 * Leaves the bytes out of all frames of a packet.
 *
 * @param plaintext The frames of a packet, well-formed: our own, or one whose
 * frames were decoded before; borrowed.
 * @returns What may be told of them.
 * @throws {ProtocolError} `FRAME_INVALID`.
 */
export function summarizeFrames(plaintext: Uint8Array): FrameSummary[] {
  const reader = new ByteReader(plaintext);
  const summaries: FrameSummary[] = [];
  while (reader.remaining > 0) {
    summaries.push(summarizeFrame(decodeFrame(reader)));
  }
  return summaries;
}

/**
 * Writes a connection id for a log.
 *
 * @param id Eight bytes.
 * @returns 16 hexadecimal digits.
 */
export function formatConnectionId(id: Uint8Array): string {
  let text = "";
  for (const byte of id) text += byte.toString(16).padStart(2, "0");
  return text;
}
