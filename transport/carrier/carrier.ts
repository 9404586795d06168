/**
 * What moves datagrams: the only thing between the transport and a network.
 *
 * A carrier knows nothing of connections or packets. It may lose, duplicate
 * and reorder datagrams, and it never delivers part of one.
 *
 * @module
 */
import type { Address } from "../core/address.ts";
import type { TransportError } from "../core/error.ts";

/** Largest payload of a UDP datagram over IPv4: 65,535 less 20 (IP) and 8 (UDP). */
export const UDP_MAX_DATAGRAM_BYTES = 65_507;

/**
 * Size of the buffer that receives UDP datagrams. `Deno.listenDatagram` cuts a
 * larger datagram in silence, so this is above everything that UDP can carry.
 */
export const UDP_RECEIVE_BUFFER_BYTES = 65_535;

/**
 * Receives a datagram.
 *
 * @param datagram Borrowed: it is overwritten after the callback returns.
 * @param from Who sent it, a numeric address.
 * @returns What to wait for before the next one is read, so that other sockets
 * have their turn; a carrier that does not decide when it reads goes on.
 */
export type DatagramHandler = (
  datagram: Uint8Array,
  from: Address,
) => Promise<void> | void;

/** Learns that a carrier can receive no more, or what a handler threw; must not throw. */
export type CarrierErrorHandler = (error: TransportError) => void;

/**
 * Learns why the system did not take a datagram, which counts as lost on the way;
 * must not throw.
 */
export type SendRefusedHandler = (to: Address, error: unknown) => void;

/** What a carrier has counted. */
export interface CarrierStats {
  /** Datagrams that the system refused and that count as lost on the way. */
  sendErrorCount: number;
  /** Failed attempts to receive. */
  receiveErrorCount: number;
}

/** A datagram on its way out. */
export interface OutgoingDatagram {
  /** Its bytes. */
  readonly datagram: Uint8Array;
  /** A numeric address. */
  readonly to: Address;
  /**
   * Whether it may not leave in one message with others, for the system to cut.
   *
   * @default {false}
   */
  readonly isSeparate?: boolean;
}

/** A datagram that could not leave at once. */
export interface PendingSend {
  /** Where it goes. */
  readonly to: Address;
  /** What {@linkcode Carrier.send} returned for it. */
  readonly sending: Promise<void> | void;
}

/** One socket, or what takes the place of one. */
export interface Carrier {
  /** Where it is bound; the port is never 0. */
  readonly localAddress: Address;
  /** The largest datagram that {@linkcode Carrier.send} takes, in bytes. */
  readonly maxDatagramBytes: number;
  /** What it has counted so far. */
  readonly stats: Readonly<CarrierStats>;
  /**
   * Memory for datagrams that were not read yet, in bytes, as Linux counts:
   * absent where it is not known. Peers are told, and have more in flight.
   */
  readonly receiveBufferBytes?: number;

  /**
   * Begins to receive. Called once.
   *
   * @param onDatagram Called for each datagram; an exception of it is given
   * to `onError` and reception goes on.
   * @param onError Called when something failed that is not a single datagram.
   * @param onSendRefused Called with what becomes of a datagram that was sent and
   * that the system did not take: for whoever waits for its answer in vain. A
   * carrier that does not know need not call it.
   */
  start(
    onDatagram: DatagramHandler,
    onError: CarrierErrorHandler,
    onSendRefused?: SendRefusedHandler,
  ): void;

  /**
   * Sends one datagram.
   *
   * What the network loses, the system refuses for now, or a closed carrier is
   * given is a lost datagram: it is counted, and nothing is thrown.
   *
   * @param datagram At most {@linkcode Carrier.maxDatagramBytes}. It may be
   * reused when the promise settles, which is when the carrier is closed at the
   * latest; at once when nothing is returned.
   * @param to A numeric address.
   * @returns A promise that rejects with a `TransportError` only when trying
   * again cannot help: `DATAGRAM_TOO_LARGE` when the path cannot carry the
   * size, `CARRIER_FAILED` when this process may not send there. An exception is
   * taken as a rejection.
   */
  send(datagram: Uint8Array, to: Address): Promise<void> | void;

  /**
   * Sends several datagrams for less than each of them alone costs; absent
   * where there is no such way. Promises what {@linkcode Carrier.send} does.
   *
   * @param datagrams In this order, all of them free when it returns.
   * @returns Those that wait; as a rule none.
   */
  sendBatch?(datagrams: readonly OutgoingDatagram[]): readonly PendingSend[];

  /**
   * Delivers the datagrams that are there now, without waiting; absent where only
   * the runtime can receive. Nothing happens before {@linkcode Carrier.start} and
   * after {@linkcode Carrier.close}.
   */
  receiveNow?(): void;

  /**
   * Stops receiving and gives the address back. A second call does nothing. Called
   * when every send has settled, or seconds later if one does not. What it returns is
   * waited for as long.
   */
  close(): Promise<void> | void;
}
