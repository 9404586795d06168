/**
 * Reads qlog files as any other tool would: by RFC 7464 and the draft, not by
 * the source that wrote them.
 *
 * @module
 */
import assert from "node:assert/strict";

/** A frame in an event. */
export interface ReadFrame {
  /** Its kind. */
  readonly frame_type: string;
  /** Its other fields. */
  readonly [field: string]: unknown;
}

/** The fields of an event; those that tests look into by their types. */
export interface ReadData {
  /** Of an event about a packet. */
  readonly header?: {
    readonly packet_type: string;
    readonly packet_number?: number;
  };
  /** Of an event about a packet. */
  readonly raw?: { readonly length: number };
  /** Of an event about a packet. */
  readonly frames?: readonly ReadFrame[];
  /** The other fields. */
  readonly [field: string]: unknown;
}

/** An event as it stands in a file. */
export interface ReadEvent {
  /** Milliseconds since the log began. */
  readonly time: number;
  /** Its name. */
  readonly name: string;
  /** Its fields. */
  readonly data: ReadData;
}

/** The first record of a file. */
export interface ReadHeader {
  /** Version of the main schema. */
  readonly qlog_version: string;
  /** How records are told apart. */
  readonly qlog_format: string;
  /** Who wrote the file. */
  readonly trace: {
    readonly vantage_point: { readonly type: string };
    readonly common_fields: {
      readonly group_id?: string;
      readonly time_format: string;
      readonly reference_time: number;
    };
  };
}

/** A file that was read. */
export interface ReadQlog {
  /** Its first record. */
  readonly header: ReadHeader;
  /** The others. */
  readonly events: readonly ReadEvent[];
}

/**
 * Reads a JSON text sequence (RFC 7464).
 *
 * @param bytes The whole of it.
 * @returns Its records.
 */
export function readJsonSeq(bytes: Uint8Array): unknown[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  assert.ok(text.startsWith("\x1e"), "A record begins with RS");
  return text.slice(1).split("\x1e").map((record) => {
    assert.ok(record.endsWith("\n"), "A record ends with LF");
    assert.ok(!record.slice(0, -1).includes("\n"), "One line each");
    return JSON.parse(record);
  });
}

/**
 * Reads a qlog file and checks what every one must have.
 *
 * @param bytes The whole of it.
 * @returns Header and events.
 */
export function readQlog(bytes: Uint8Array): ReadQlog {
  const [header, ...events] = readJsonSeq(bytes) as [
    ReadHeader,
    ...ReadEvent[],
  ];
  assert.equal(header.qlog_version, "0.4");
  assert.equal(header.qlog_format, "JSON-SEQ");
  const { vantage_point, common_fields } = header.trace;
  assert.match(vantage_point.type, /^(client|server|unknown)$/);
  assert.equal(common_fields.time_format, "relative");
  assert.equal(typeof common_fields.reference_time, "number");
  let last = 0;
  for (const event of events) {
    assert.deepEqual(Object.keys(event), ["time", "name", "data"]);
    assert.match(event.name, /^mxp:[a-z_]+$/);
    assert.ok(event.time >= last, `${event.name} goes back in time`);
    last = event.time;
  }
  return { header, events };
}

/**
 * The events of one name.
 *
 * @param log The log.
 * @param name Without `mxp:`.
 */
export function eventsOf(log: ReadQlog, name: string): ReadEvent[] {
  return log.events.filter((event) => event.name === `mxp:${name}`);
}

/**
 * Numbers of the protected packets in the events of one name.
 *
 * @param log The log.
 * @param name `packet_sent`, `packet_received` or `packet_lost`.
 */
export function packetNumbers(log: ReadQlog, name: string): number[] {
  return eventsOf(log, name)
    .filter(({ data }) => data.header!.packet_type === "protected")
    .map(({ data }) => data.header!.packet_number!);
}
