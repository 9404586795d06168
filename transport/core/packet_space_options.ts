/**
 * What the packets of a connection are made from, once the handshake is done.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { TicketFrame } from "../../protocol/frame/mod.ts";
import type { Address } from "./address.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import type { ConnectionIds } from "./connection_ids.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import type { HandshakeResult } from "./handshake.ts";
import type { LimitName } from "./limits.ts";
import type { StreamManager } from "./stream/manager.ts";
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
  /** Says which of the peer's connection ids is in use, 8 bytes. */
  readonly peerConnectionId: () => Uint8Array;
  /** Where the peer is. */
  readonly remoteAddress: Address;
  /** Scratch for plaintext, shared by the connections of an endpoint; 64 KiB. */
  readonly scratch: Uint8Array;
  /** Takes the answer to a path challenge: eight bytes, borrowed. */
  readonly onPathResponse: (data: Uint8Array) => void;
  /** Counts a limit that was reached. */
  readonly onLimit: (limit: LimitName) => void;
  /** Takes what has to be told beside the events of the streams. */
  readonly emit: (event: ConnectionEvent) => void;
  /** Takes a session ticket: the bytes in it are borrowed. */
  readonly onTicket: (now: Instant, ticket: TicketFrame) => void;
  /** Who watches, if anybody. */
  readonly trace?: ConnectionTrace | undefined;
}
