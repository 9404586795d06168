/**
 * Records of a qlog file: JSON-SEQ after draft-ietf-quic-qlog-main-schema-08
 * (`qlog_version` 0.4), with event names of our own under `mxp:`.
 *
 * @module
 */
import { encodeJsonSeqRecord } from "./json_seq.ts";

/** Version of the main schema. */
export const QLOG_VERSION = "0.4";

/** Which side a log was written on. */
export type VantagePoint = "client" | "server" | "unknown";

/** What a log begins with. */
export interface QlogHeader {
  /** For a person. */
  readonly title: string;
  /** The side that wrote it: the initiator is the client. */
  readonly vantagePoint: VantagePoint;
  /** What the logs of both ends of a connection have in common. */
  readonly groupId?: string;
  /** When the log began, in milliseconds since 1970; times count from there. */
  readonly referenceTimeMs: number;
}

/** An event, as the log has it. */
export interface QlogEvent {
  /** `mxp:` and the name. */
  readonly name: string;
  /** Its fields; `undefined` ones are left out. */
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Encodes the first record of a log.
 *
 * @param header Who wrote it and when it begins.
 * @returns The record.
 */
export function encodeQlogHeader(header: QlogHeader): Uint8Array {
  return encodeJsonSeqRecord({
    qlog_version: QLOG_VERSION,
    qlog_format: "JSON-SEQ",
    title: "MXP packet log",
    trace: {
      title: header.title,
      vantage_point: { name: "@mxp/core", type: header.vantagePoint },
      common_fields: {
        group_id: header.groupId,
        protocol_type: ["MXP"],
        time_format: "relative",
        reference_time: roundMs(header.referenceTimeMs),
      },
    },
  });
}

/**
 * Encodes an event.
 *
 * @param timeMs Milliseconds since the log began.
 * @param event What happened.
 * @returns The record.
 */
export function encodeQlogEvent(timeMs: number, event: QlogEvent): Uint8Array {
  return encodeJsonSeqRecord({
    time: roundMs(timeMs),
    name: event.name,
    data: event.data,
  });
}

/**
 * Leaves out what no clock here can tell.
 *
 * @param ms Milliseconds.
 * @returns The same, in whole microseconds.
 */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
