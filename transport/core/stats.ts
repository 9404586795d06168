/**
 * Counters of an endpoint and of a connection.
 *
 * @module
 */

import type { LimitCounts } from "./limits.ts";

/** Why a datagram or packet was dropped without a word. */
export type DropReason =
  | "address-mismatch"
  | "bad-cookie"
  | "bad-mac"
  | "connection-limit"
  | "duplicate-handshake"
  | "half-open-limit"
  | "handshake-failed"
  | "hello-overflow"
  | "malformed"
  | "not-accepting"
  | "partial-hello-limit"
  | "replayed"
  | "rest-without-hello"
  | "retry-required"
  | "ticket-refused"
  | "unacceptable-suite"
  | "undecryptable"
  | "unknown-connection"
  | "unknown-version"
  | "wrong-key";

/** Counts of dropped packets by reason. */
export type DropCounts = Partial<Record<DropReason, number>>;

/** Why a session ticket was refused. */
export type TicketRefusalReason =
  | "disabled"
  | "expired"
  | "full"
  | "given-up"
  | "other-suite"
  | "unreadable"
  | "used";

/** Counts of refused tickets by reason. */
export type TicketRefusalCounts = Partial<Record<TicketRefusalReason, number>>;

/** Counters of the session tickets of an endpoint, both ways. */
export interface TicketStats {
  /** Tickets given to peers. */
  readonly issued: number;
  /** Tickets of ours with which a peer came back. */
  readonly accepted: number;
  /** Tickets that peers came back with in vain. */
  readonly refused: Readonly<TicketRefusalCounts>;
  /** Tickets of peers that are kept now. */
  readonly stored: number;
  /** Hellos of ours with early data that the peer took. */
  readonly earlyAccepted: number;
  /** Hellos of ours with early data that had to be sent again. */
  readonly earlyRejected: number;
}

/** Counters of an endpoint, over all its connections. */
export interface EndpointStats {
  /** Datagrams that arrived. */
  readonly datagramsReceived: number;
  /** Their bytes. */
  readonly bytesReceived: number;
  /** Datagrams that left. */
  readonly datagramsSent: number;
  /** Their bytes. */
  readonly bytesSent: number;
  /** Open connections, handshakes included. */
  readonly connectionCount: number;
  /** Connection ids that are routed, several for each connection. */
  readonly connectionIdCount: number;
  /** Handshakes that wait for their third message. */
  readonly halfOpenCount: number;
  /** Hellos that were asked to prove their address first. */
  readonly retriesSent: number;
  /** Resets sent for packets of connections that are not known. */
  readonly resetsSent: number;
  /** Session tickets, and the early data that came with them. */
  readonly tickets: TicketStats;
  /** How often known peers reached each limit. */
  readonly limitsReached: Readonly<LimitCounts>;
  /** Dropped packets by reason. */
  readonly drops: Readonly<DropCounts>;
}

/** Counters and estimates of a connection. */
export interface ConnectionStats {
  /** Smoothed round-trip time, in milliseconds; 0 before the first sample. */
  readonly smoothedRttMs: number;
  /** Shortest round-trip time seen, in milliseconds. */
  readonly minRttMs: number;
  /** Congestion window, in bytes. */
  readonly congestionWindowBytes: number;
  /** Bytes sent and neither acknowledged nor declared lost. */
  readonly bytesInFlight: number;
  /** Bytes that left, headers and tags included. */
  readonly bytesSent: number;
  /** Bytes that arrived and authenticated. */
  readonly bytesReceived: number;
  /** Packets that left. */
  readonly packetsSent: number;
  /** Packets that arrived and authenticated. */
  readonly packetsReceived: number;
  /** Packets declared lost. */
  readonly packetsLost: number;
  /** Those of them that were late, and not lost. */
  readonly packetsLostSpuriously: number;
  /** Probe timeouts that fired. */
  readonly probeTimeouts: number;
  /** How often the peer's keys were replaced. */
  readonly keyUpdates: number;
  /** Connection ids that this side has made, that of the handshake included. */
  readonly connectionIdsIssued: number;
  /** How often the peer's address changed. */
  readonly moves: number;
  /** How often a path got another id of the peer. */
  readonly connectionIdChanges: number;
}

/** The statistics of a connection that has not sent a protected packet. */
export const NO_CONNECTION_STATS: ConnectionStats = {
  smoothedRttMs: 0,
  minRttMs: 0,
  congestionWindowBytes: 0,
  bytesInFlight: 0,
  bytesSent: 0,
  bytesReceived: 0,
  packetsSent: 0,
  packetsReceived: 0,
  packetsLost: 0,
  packetsLostSpuriously: 0,
  probeTimeouts: 0,
  keyUpdates: 0,
  connectionIdsIssued: 1,
  moves: 0,
  connectionIdChanges: 0,
};
