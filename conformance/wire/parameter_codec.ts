/**
 * Transport parameters, written anew from docs/spec/transport.md.
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter, varintLength } from "../../internal/byte_writer.ts";

/** Ids of transport parameters. */
export const Parameter = {
  /** The responder's connection id, 8 bytes. */
  CONNECTION_ID: 1,
  /** Credit of the connection, in bytes. */
  MAX_DATA: 2,
  /** Credit of a stream, in bytes. */
  MAX_STREAM_DATA: 3,
  /** Streams in both directions. */
  MAX_BIDI_STREAMS: 4,
  /** Streams in one direction. */
  MAX_UNI_STREAMS: 5,
  /** Silence after which an end gives up, in milliseconds. */
  IDLE_TIMEOUT: 6,
  /** Longest delay of an acknowledgement, in milliseconds. */
  MAX_ACK_DELAY: 7,
  /** Largest datagram that an end takes, in bytes. */
  MAX_DATAGRAM: 8,
  /** What ends a reset, 16 bytes. */
  RESET_TOKEN: 9,
  /** Session tickets that an end wants. */
  MAX_TICKETS: 10,
  /** Connection ids that an end takes, the one of the handshake included. */
  MAX_CONNECTION_IDS: 11,
} as const;

/** What stands for a number that is absent. */
const ABSENT: Readonly<Record<number, number>> = {
  [Parameter.MAX_ACK_DELAY]: 25,
  [Parameter.MAX_DATAGRAM]: 1_200,
  [Parameter.MAX_CONNECTION_IDS]: 1,
};

/** Ids and values; numbers become varints. Ids may repeat. */
export type ParameterList = readonly (readonly [
  id: number,
  value: number | Uint8Array,
])[];

/**
 * Encodes a list as it is.
 *
 * @param list Ids and values.
 * @returns New bytes.
 */
export function encodeParameters(list: ParameterList): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(1_024));
  for (const [id, value] of list) {
    writer.varint(id);
    if (typeof value === "number") {
      writer.varint(varintLength(value));
      writer.varint(value);
    } else {
      writer.varint(value.length);
      writer.bytes(value);
    }
  }
  return writer.written.slice();
}

/** Parameters of a peer. */
export class ParameterValues {
  readonly #values: ReadonlyMap<number, Uint8Array>;

  private constructor(values: ReadonlyMap<number, Uint8Array>) {
    this.#values = values;
  }

  /**
   * Decodes a list.
   *
   * @param bytes Payload of a Noise message.
   * @returns The values, or what is wrong with the list.
   */
  static decode(bytes: Uint8Array): ParameterValues | string {
    const reader = new ByteReader(bytes);
    const values = new Map<number, Uint8Array>();
    while (reader.remaining > 0) {
      const id = reader.varint();
      const value = reader.bytes(reader.varint());
      if (reader.isFailed) return "the list is cut short";
      if (values.has(id)) return `parameter ${id} comes twice`;
      values.set(id, value.slice());
    }
    return new ParameterValues(values);
  }

  /**
   * The bytes of a parameter.
   *
   * @param id Which.
   * @returns Its value, or `undefined` when it is absent.
   */
  bytes(id: number): Uint8Array | undefined {
    return this.#values.get(id);
  }

  /**
   * A parameter that is a number.
   *
   * @param id Which.
   * @returns Its value, that of an absent one, or NaN when its bytes are no
   * number that fills them.
   */
  number(id: number): number {
    const bytes = this.#values.get(id);
    if (bytes === undefined) return ABSENT[id] ?? 0;
    const reader = new ByteReader(bytes);
    const value = reader.varint();
    return reader.isFailed || reader.remaining > 0 ? NaN : value;
  }
}
