/**
 * What an endpoint tells its observer. It exists only while somebody watches:
 * the endpoint calls it with `?.` and hands over what it has at hand anyway.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { Address } from "./address.ts";
import { ConnectionTrace, type TraceClock } from "./connection_trace.ts";
import { formatConnectionId } from "./frame_summary.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import type { EndpointObserver, TrafficSecret } from "./observer.ts";
import type { ResponderHandshake } from "./responder_handshake.ts";
import type { DropReason } from "./stats.ts";

/** A connection that is about to be made. */
interface Beginning {
  readonly handshake: InitiatorHandshake | ResponderHandshake;
  /** The id that this end has chosen. */
  readonly connectionId: Uint8Array;
  readonly remoteAddress: Address;
}

/**
 * Tells one endpoint's observer what happens, and knows who watches which
 * connection.
 *
 * @typeParam Connection Connections, compared by identity.
 */
export class EndpointTrace<Connection extends object> {
  readonly #observer: EndpointObserver;
  readonly #clock: TraceClock = { now: 0 };
  /** Of the connections that somebody watches. */
  readonly #connections = new Map<Connection, ConnectionTrace>();

  /** @param observer Who is told. */
  constructor(observer: EndpointObserver) {
    this.#observer = observer;
  }

  /** Takes the secrets of connections, if the observer wants them. */
  get onSecret(): ((secret: TrafficSecret) => void) | undefined {
    return this.#observer.onSecret?.bind(this.#observer);
  }

  /**
   * The endpoint was called with a time.
   *
   * @param now The time.
   */
  setTime(now: Instant): void {
    this.#clock.now = now;
  }

  /**
   * A datagram arrived.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param datagram Its bytes; borrowed.
   */
  datagramReceived(now: Instant, from: Address, datagram: Uint8Array): void {
    this.#clock.now = now;
    this.#observer.onDatagramReceived?.(now, from, datagram);
  }

  /**
   * A datagram leaves.
   *
   * @param now The time.
   * @param to Where it goes.
   * @param buffer Its bytes are at the start; borrowed.
   * @param length How many.
   */
  datagramSent(
    now: Instant,
    to: Address,
    buffer: Uint8Array,
    length: number,
  ): void {
    this.#observer.onDatagramSent?.(now, to, buffer.subarray(0, length));
  }

  /**
   * Something that belongs to no connection was dropped.
   *
   * @param reason Why.
   * @param from Where it came from.
   * @param lengthBytes Size of its datagram.
   */
  strayDropped(reason: DropReason, from: Address, lengthBytes: number): void {
    this.#observer.onStrayPacket?.(this.#clock.now, {
      from,
      reason,
      lengthBytes,
    });
  }

  /**
   * A connection begins.
   *
   * @param now The time.
   * @param beginning What is known of it.
   * @returns What it tells its own observer, if it has one; to be given to
   * {@linkcode EndpointTrace.add} with the connection.
   */
  begin(now: Instant, beginning: Beginning): ConnectionTrace | undefined {
    if (this.#observer.onConnection === undefined) return undefined;
    this.#clock.now = now;
    const { handshake, connectionId, remoteAddress } = beginning;
    const isInitiator = handshake instanceof InitiatorHandshake;
    const observer = this.#observer.onConnection(now, {
      isInitiator,
      remoteAddress,
      initiatorConnectionId: formatConnectionId(
        isInitiator ? connectionId : handshake.initiatorConnectionId,
      ),
    });
    return observer === undefined
      ? undefined
      : new ConnectionTrace(observer, this.#clock);
  }

  /**
   * Remembers who watches a connection.
   *
   * @param connection The connection.
   * @param trace Its own trace.
   */
  add(connection: Connection, trace: ConnectionTrace): void {
    this.#connections.set(connection, trace);
  }

  /**
   * The trace of a connection, if somebody watches it.
   *
   * @param connection Which.
   */
  of(connection: Connection): ConnectionTrace | undefined {
    return this.#connections.get(connection);
  }

  /**
   * A connection is over.
   *
   * @param connection Which.
   */
  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }
}
