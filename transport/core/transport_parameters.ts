/**
 * What each end tells the other about its limits, inside the handshake.
 *
 * ```text
 * repeated: id varint, length varint, value
 * ```
 *
 * A number is a varint that fills the value. Unknown ids are skipped; an id
 * that comes twice, or a value out of bounds, makes the whole list invalid.
 *
 * Spec: docs/spec/transport.md, "Transport parameters".
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { CONNECTION_ID_LENGTH, isHelloId } from "../../protocol/mod.ts";
import { TICKETS_WANTED } from "./config.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import { MAX_TICKET_LENGTH } from "./handshake_packet.ts";
import type { AnnouncedLimits } from "./observer.ts";
import { RECEIVE_BUFFER_BYTES } from "./receive_buffer.ts";
import { RESET_TOKEN_LENGTH } from "./stateless_reset.ts";

/** The limits of one end. */
export interface TransportParameters extends AnnouncedLimits {
  /** The id that the responder chose; absent in the initiator's list. */
  readonly connectionId?: Uint8Array;
  /** Connection ids that this end takes, the one of the handshake included. */
  readonly maxConnectionIds: number;
  /** Session tickets that this end wants; the responder wants none. */
  readonly maxTickets: number;
  /**
   * Memory of this end's socket for datagrams that it has not read yet, in bytes
   * as Linux counts; absent where it is the default.
   */
  readonly receiveBufferBytes?: number;
  /**
   * What ends a reset of this end's connection id, 16 bytes; secret. Absent in
   * the first message of the pattern XX, which is not encrypted.
   */
  readonly resetToken?: Uint8Array;
  /**
   * A ticket that this end has sent in vain, at most 512 bytes: the responder
   * must not take it any more. Only in the first message of the pattern IK.
   */
  readonly givenUpTicket?: Uint8Array;
}

const CONNECTION_ID_PARAMETER = 1;
const RESET_TOKEN_PARAMETER = 9;
const GIVEN_UP_TICKET_PARAMETER = 12;
const RECEIVE_BUFFER_PARAMETER = 13;

/** Id, default, lowest and highest value of each number. */
const NUMBERS = {
  maxDataBytes: { id: 2, absent: 0, lowest: 0, highest: 2 ** 50 },
  maxStreamDataBytes: { id: 3, absent: 0, lowest: 0, highest: 2 ** 50 },
  maxBidiStreams: { id: 4, absent: 0, lowest: 0, highest: 2 ** 50 },
  maxUniStreams: { id: 5, absent: 0, lowest: 0, highest: 2 ** 50 },
  idleTimeoutMs: { id: 6, absent: 0, lowest: 10, highest: 2 ** 40 },
  maxAckDelayMs: { id: 7, absent: 25, lowest: 0, highest: 16_383 },
  maxDatagramBytes: { id: 8, absent: 1_200, lowest: 1_200, highest: 65_535 },
  maxConnectionIds: { id: 11, absent: 1, lowest: 1, highest: 2 ** 50 },
  maxTickets: { id: 10, absent: 0, lowest: 0, highest: 63 },
} as const;

type NumberName = keyof typeof NUMBERS;
const NAME_BY_ID: ReadonlyMap<number, NumberName> = new Map(
  (Object.keys(NUMBERS) as NumberName[]).map((
    name,
  ) => [NUMBERS[name].id, name]),
);

/**
 * The parameters that an endpoint announces.
 *
 * @param config Its configuration.
 * @param maxDatagramBytes Largest datagram that it takes.
 * @param connectionId The id that it chose, when it is the responder.
 * @returns The list.
 */
export function localTransportParameters(
  config: EndpointConfig,
  maxDatagramBytes: number,
  connectionId?: Uint8Array,
): TransportParameters {
  return {
    ...(connectionId === undefined ? {} : { connectionId }),
    maxDataBytes: config.maxDataBytes,
    maxStreamDataBytes: config.maxStreamDataBytes,
    maxBidiStreams: config.maxBidiStreams,
    maxUniStreams: config.maxUniStreams,
    idleTimeoutMs: config.idleTimeoutMs,
    maxAckDelayMs: config.maxAckDelayMs,
    maxConnectionIds: config.maxConnectionIds,
    maxDatagramBytes,
    ...(config.receiveBufferBytes > RECEIVE_BUFFER_BYTES
      ? { receiveBufferBytes: config.receiveBufferBytes }
      : {}),
    maxTickets: connectionId === undefined
      ? Math.min(config.maxStoredTickets, TICKETS_WANTED)
      : 0,
  };
}

/**
 * Encodes parameters.
 *
 * @param parameters The list.
 * @returns New bytes.
 */
export function encodeTransportParameters(
  parameters: TransportParameters,
): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(128 + MAX_TICKET_LENGTH));
  if (parameters.connectionId !== undefined) {
    writer.varint(CONNECTION_ID_PARAMETER);
    writer.varint(CONNECTION_ID_LENGTH);
    writer.bytes(parameters.connectionId);
  }
  for (const name of Object.keys(NUMBERS) as NumberName[]) {
    writer.varint(NUMBERS[name].id);
    writer.varint(varintLength(parameters[name]));
    writer.varint(parameters[name]);
  }
  if (parameters.resetToken !== undefined) {
    writer.varint(RESET_TOKEN_PARAMETER);
    writer.varint(RESET_TOKEN_LENGTH);
    writer.bytes(parameters.resetToken);
  }
  if (parameters.givenUpTicket !== undefined) {
    writer.varint(GIVEN_UP_TICKET_PARAMETER);
    writer.varint(parameters.givenUpTicket.length);
    writer.bytes(parameters.givenUpTicket);
  }
  if (parameters.receiveBufferBytes !== undefined) {
    writer.varint(RECEIVE_BUFFER_PARAMETER);
    writer.varint(varintLength(parameters.receiveBufferBytes));
    writer.varint(parameters.receiveBufferBytes);
  }
  return writer.written.slice();
}

/**
 * Decodes parameters.
 *
 * @param bytes A handshake payload.
 * @returns The list, or `undefined` when it is invalid.
 */
export function decodeTransportParameters(
  bytes: Uint8Array,
): TransportParameters | undefined {
  const reader = new ByteReader(bytes);
  const seen = new Set<number>();
  const numbers = {} as Record<NumberName, number>;
  for (const name of Object.keys(NUMBERS) as NumberName[]) {
    numbers[name] = NUMBERS[name].absent;
  }
  let connectionId: Uint8Array | undefined;
  let resetToken: Uint8Array | undefined;
  let givenUpTicket: Uint8Array | undefined;
  let receiveBufferBytes: number | undefined;
  while (reader.remaining > 0) {
    const id = reader.varint();
    const value = reader.bytes(reader.varint());
    if (reader.isFailed || seen.has(id)) return undefined;
    seen.add(id);
    if (id === CONNECTION_ID_PARAMETER) {
      if (
        value.length !== CONNECTION_ID_LENGTH ||
        isHelloId(value)
      ) return undefined;
      connectionId = CONNECTION_BYTES.copy(value);
      continue;
    }
    if (id === RESET_TOKEN_PARAMETER) {
      if (value.length !== RESET_TOKEN_LENGTH) return undefined;
      resetToken = CONNECTION_BYTES.copy(value);
      continue;
    }
    if (id === GIVEN_UP_TICKET_PARAMETER) {
      if (value.length > MAX_TICKET_LENGTH) return undefined;
      givenUpTicket = value.slice();
      continue;
    }
    if (id === RECEIVE_BUFFER_PARAMETER) {
      receiveBufferBytes = decodeNumber(value);
      if (receiveBufferBytes === undefined) return undefined;
      continue;
    }
    const name = NAME_BY_ID.get(id);
    if (name === undefined) continue;
    const number = decodeNumber(value);
    const { lowest, highest } = NUMBERS[name];
    if (number === undefined || number < lowest || number > highest) {
      return undefined;
    }
    numbers[name] = number;
  }
  if (!seen.has(NUMBERS.idleTimeoutMs.id)) return undefined;
  return {
    ...numbers,
    ...(connectionId === undefined ? {} : { connectionId }),
    ...(resetToken === undefined ? {} : { resetToken }),
    ...(givenUpTicket === undefined ? {} : { givenUpTicket }),
    ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }),
  };
}

function decodeNumber(value: Uint8Array): number | undefined {
  const reader = new ByteReader(value);
  const number = reader.varint();
  return reader.isFailed || reader.remaining > 0 ? undefined : number;
}
