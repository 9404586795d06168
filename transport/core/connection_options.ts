/**
 * What a connection is made from.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";
import type { Address } from "./address.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { ConnectionRouter } from "./connection_routes.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import type { EarlyData } from "./early_data.ts";
import type { InitiatorHandshake } from "./initiator_handshake.ts";
import type { LimitName } from "./limits.ts";
import type { TrafficSecret } from "./observer.ts";
import type { ResponderHandshake } from "./responder_handshake.ts";
import type { ReceivedTicket } from "./ticket_store.ts";
import type { TransportParameters } from "./transport_parameters.ts";

/**
 * What a connection is made from.
 *
 * @typeParam Connection The connection itself.
 */
export interface ConnectionOptions<Connection> {
  /** Number of this connection in its endpoint. */
  readonly id: number;
  /** The endpoint's configuration. */
  readonly config: EndpointConfig;
  /** Our half of the handshake. */
  readonly handshake: InitiatorHandshake | ResponderHandshake;
  /** What we announced. */
  readonly parameters: TransportParameters;
  /** Where the peer is. */
  readonly remoteAddress: Address;
  /** The id that we chose for the handshake, 8 bytes. */
  readonly connectionId: Uint8Array;
  /** Who makes and routes connection ids. */
  readonly routes: ConnectionRouter<Connection>;
  /** Where path challenges come from. */
  readonly random: RandomSource;
  /** Scratch for plaintext, shared by the connections of an endpoint; 64 KiB. */
  readonly scratch: Uint8Array;
  /** Counts a limit that was reached. */
  readonly onLimit: (limit: LimitName) => void;
  /** Tells the endpoint that there may be something to send, or a new deadline. */
  readonly wake: (connection: Connection) => void;
  /** Told that the connection is over, and how far its end has come. */
  readonly onLinger: (connection: Connection) => void;
  /** A ticket of the peer, and the streams that do not wait for the handshake. */
  readonly early?: EarlyData | undefined;
  /** Takes a session ticket of the peer. */
  readonly onTicket: (ticket: ReceivedTicket) => void;
  /** Who watches, if anybody. */
  readonly trace?: ConnectionTrace | undefined;
  /** Takes the secrets of both directions, where somebody has asked for them. */
  readonly onSecret?: ((secret: TrafficSecret) => void) | undefined;
}
