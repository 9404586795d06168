/**
 * What the packets of a connection are made from, once the handshake is done.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";
import type { Address } from "./address.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { ConnectionIds } from "./connection_ids.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import type { EventQueue } from "./event_queue.ts";
import type { HandshakeResult } from "./handshake.ts";
import type { LimitName } from "./limits.ts";
import type { StreamManager } from "./stream/manager.ts";
import type { TicketReceiver } from "./ticket_receiver.ts";
import type { TransportParameters } from "./transport_parameters.ts";

/** What the packet space is made from. */
export interface PacketSpaceOptions {
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  /** The endpoint's configuration. */
  readonly config: EndpointConfig;
  /** What we announced. */
  readonly parameters: TransportParameters;
  /** What the handshake settled. */
  readonly result: HandshakeResult;
  /**
   * The last message of the handshake that this end sends: it goes before every
   * packet until it is known to have arrived.
   */
  readonly prefix: Uint8Array | undefined;
  /** Streams that were opened before the handshake was done, if there are any. */
  readonly streams: StreamManager | undefined;
  /** Round-trip time of the handshake, where it is certain. */
  readonly handshakeRttMs: number | undefined;
  /** The connection ids of both ends. */
  readonly ids: ConnectionIds;
  /** Has the peer's connection id that is in use, 8 bytes. */
  readonly path: { readonly connectionId: Uint8Array };
  /** Where the peer is. */
  readonly remoteAddress: Address;
  /** Says which packet numbers are left out. */
  readonly random: RandomSource;
  /** Scratch for plaintext, shared by the connections of an endpoint; 64 KiB. */
  readonly scratch: Uint8Array;
  /** Takes the answer to a path challenge: eight bytes, borrowed. */
  readonly onPathResponse: (data: Uint8Array) => void;
  /** Counts a limit that was reached. */
  readonly onLimit: (limit: LimitName) => void;
  /** Takes what has to be told beside the events of the streams. */
  readonly events: EventQueue;
  /** Takes the peer's session tickets; nobody does where we are the responder. */
  readonly ticketReceiver: TicketReceiver | undefined;
  /** Who watches, if anybody. */
  readonly trace?: ConnectionTrace | undefined;
}
