/**
 * Who may watch: packet logs, captures, metrics. The state machines tell
 * observers what happened and know nothing of them.
 *
 * An observer is called in the middle of a state machine's work. It must not
 * throw, must not call back into the transport, and should be quick. Without
 * an observer nothing is built for one: the price is a comparison.
 *
 * Keys are told to {@linkcode EndpointObserver.onSecret} and to nobody else;
 * application data is told to nobody.
 *
 * @module
 */
import type { AeadSuite } from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import type { Address } from "./address.ts";
import type { ConnectionState } from "./connection.ts";
import type { TransportErrorCode } from "./error.ts";
import type { FrameSummary } from "./frame_summary.ts";
import type { DropReason } from "./stats.ts";
import type { Suite } from "./suite.ts";

/** A message of the handshake, or an answer that stands in for one. */
export type HandshakeMessage =
  | "initiator-hello"
  | "responder-hello"
  | "initiator-finish"
  | "version-negotiation"
  | "retry"
  | "refusal"
  | "hello-rest"
  | "answer-rest";

/** What a stream has come to. */
export type ObservedStreamState =
  /** It exists: this end opened it, or the peer did. */
  | "open"
  /** The peer has everything that this end wrote, and the end. */
  | "delivered"
  /** This end gave its side up, or the peer did not want it. */
  | "reset-sent"
  /** The peer gave its side up. */
  | "reset-received"
  /** Nothing will happen on it any more. */
  | "closed";

/** Round-trip time, window and what is in flight, after a change. */
export interface RecoveryMetrics {
  /** Mean round-trip time, in milliseconds; 0 before the first sample. */
  readonly smoothedRttMs: number;
  /** Shortest round-trip time, in milliseconds; 0 before the first sample. */
  readonly minRttMs: number;
  /** Newest round-trip time, in milliseconds; 0 before the first sample. */
  readonly latestRttMs: number;
  /** Mean deviation of the round-trip time, in milliseconds. */
  readonly rttVarianceMs: number;
  /** Congestion window, in bytes. */
  readonly congestionWindowBytes: number;
  /** Where slow start ends, in bytes; `Infinity` before the first loss. */
  readonly slowStartThresholdBytes: number;
  /** Bytes sent and neither acknowledged nor declared lost. */
  readonly bytesInFlight: number;
  /** Probe timeouts since the last acknowledgement. */
  readonly ptoCount: number;
}

/** What the congestion controller is doing. */
export type CongestionState = "slow-start" | "congestion-avoidance";

/** The limits that an end announced; nothing of it is secret. */
export interface AnnouncedLimits {
  /** Credit of the connection, in bytes. */
  readonly maxDataBytes: number;
  /** Credit of each stream, in bytes. */
  readonly maxStreamDataBytes: number;
  /** Bidirectional streams that the other end may open. */
  readonly maxBidiStreams: number;
  /** One-way streams that the other end may open. */
  readonly maxUniStreams: number;
  /** Silence after which this end gives up. */
  readonly idleTimeoutMs: number;
  /** How long this end may hold back an acknowledgement. */
  readonly maxAckDelayMs: number;
  /** Largest datagram that this end takes, in bytes. */
  readonly maxDatagramBytes: number;
}

/** Something happened inside a connection. Plain values, that may be kept. */
export type TraceEvent =
  | {
    /** The connection has come further. */
    readonly type: "connection-state";
    /** How far. */
    readonly state: ConnectionState;
  }
  | {
    /** The connection is over for the application. */
    readonly type: "connection-closed";
    /** What the application is told. */
    readonly code: TransportErrorCode;
    /** The same, for a person. */
    readonly message: string;
    /** The number that travelled, if one did. */
    readonly closeCode: number | undefined;
  }
  | {
    /** A message of the handshake left or arrived. */
    readonly type: "handshake-sent" | "handshake-received";
    /** Which. */
    readonly message: HandshakeMessage;
    /** Size of its packet, in bytes. */
    readonly lengthBytes: number;
  }
  | {
    /** Early data: frames inside of a hello, which is told next or was told. */
    readonly type: "early-data-sent" | "early-data-received";
    /** What they are. */
    readonly frames: readonly FrameSummary[];
  }
  | {
    /** Both ends have the keys. */
    readonly type: "handshake-complete";
    /** What the two ends settled on. */
    readonly suite: Suite;
    /** Whether the responder has taken a ticket. */
    readonly isResumed: boolean;
    /** Id in the packets that arrive, 16 hexadecimal digits. */
    readonly localConnectionId: string;
    /** Id in the packets that leave, 16 hexadecimal digits. */
    readonly peerConnectionId: string;
    /** What this end announced. */
    readonly localLimits: AnnouncedLimits;
    /** What the peer announced. */
    readonly peerLimits: AnnouncedLimits;
  }
  | {
    /** A protected packet left. */
    readonly type: "packet-sent";
    /** Its number. */
    readonly packetNumber: number;
    /** Its size, header and tag included. */
    readonly lengthBytes: number;
    /** Whether it only asks how large a datagram may be. */
    readonly isMtuProbe: boolean;
    /** Whether it wants an answer at once: after a probe timeout, or to prove a path. */
    readonly isProbe: boolean;
    /** What it carries. */
    readonly frames: readonly FrameSummary[];
  }
  | {
    /** A protected packet arrived and is genuine. */
    readonly type: "packet-received";
    /** Its number. */
    readonly packetNumber: number;
    /** Its size, header and tag included. */
    readonly lengthBytes: number;
    /** What it carries. */
    readonly frames: readonly FrameSummary[];
  }
  | {
    /** A packet for this connection was dropped. */
    readonly type: "packet-dropped";
    /** Why. */
    readonly reason: DropReason;
    /** Its size, in bytes. */
    readonly lengthBytes: number;
  }
  | {
    /** A packet of ours is taken for lost. */
    readonly type: "packet-lost";
    /** Its number. */
    readonly packetNumber: number;
    /** Its size, in bytes. */
    readonly lengthBytes: number;
    /** Whether it only asked how large a datagram may be. */
    readonly isMtuProbe: boolean;
  }
  | {
    /** A packet of ours that was taken for lost has arrived. */
    readonly type: "spurious-loss";
    /** Its number. */
    readonly packetNumber: number;
    /** How far it was below the largest number acknowledged before it. */
    readonly reorderingPackets: number;
    /** From sending it to its acknowledgement, in milliseconds. */
    readonly roundTripMs: number;
  }
  | {
    /** An acknowledgement or a loss changed what is known of the path. */
    readonly type: "recovery-metrics";
    /** The figures. */
    readonly metrics: RecoveryMetrics;
  }
  | {
    /** The congestion controller does something else now. */
    readonly type: "congestion-state";
    /** What. */
    readonly state: CongestionState;
  }
  | {
    /** Nothing was heard for a probe timeout. */
    readonly type: "probe-timeout";
    /** How often in a row. */
    readonly ptoCount: number;
  }
  | {
    /** A direction's keys were replaced. */
    readonly type: "key-updated";
    /** Of what is sent, or of what is received. */
    readonly direction: "send" | "receive";
    /** How often they were replaced so far. */
    readonly generation: number;
  }
  | {
    /** The path was put to a proof, or left. */
    readonly type: "path-state";
    /**
     * `moved`: the peer's newest packet came from here. `validated`: it answered
     * a challenge. `abandoned`: it did not, and the address proven before is in
     * use again.
     */
    readonly state: "moved" | "validated" | "abandoned";
    /** The address in use now. */
    readonly address: Address;
  }
  | {
    /** Larger or smaller datagrams are sent from now on. */
    readonly type: "mtu-updated";
    /** Largest datagram before, in bytes. */
    readonly oldBytes: number;
    /** Largest datagram now, in bytes. */
    readonly newBytes: number;
  }
  | {
    /** A stream has come further. */
    readonly type: "stream-state";
    /** The stream. */
    readonly streamId: number;
    /** Whether this end opened it. */
    readonly isLocal: boolean;
    /** How far. */
    readonly state: ObservedStreamState;
  };

/** Watches one connection. */
export interface ConnectionObserver {
  /**
   * Called for each event, in order.
   *
   * @param now The time.
   * @param event What happened; may be kept.
   */
  onEvent(now: Instant, event: TraceEvent): void;
}

/** A connection at its beginning. */
export interface ObservedConnection {
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  /** Where the peer is. */
  readonly remoteAddress: Address;
  /**
   * The id that the initiator chose, 16 hexadecimal digits: it is in the hello,
   * so that the logs of both ends can be put together.
   */
  readonly initiatorConnectionId: string;
}

/** A datagram or packet that belongs to no connection and was dropped. */
export interface StrayPacket {
  /** Where it came from. */
  readonly from: Address;
  /** Why it was dropped. */
  readonly reason: DropReason;
  /** Size of its datagram, in bytes. */
  readonly lengthBytes: number;
}

/** Which packets a secret protects. */
export type SecretLabel = "initiator-traffic" | "responder-traffic";

/** The secret of one direction of a connection, before any key update. */
export interface TrafficSecret {
  /** Whose packets it protects. */
  readonly label: SecretLabel;
  /** Cipher that protects them. */
  readonly cipher: AeadSuite;
  /** Id in their headers, 16 hexadecimal digits. */
  readonly connectionId: string;
  /** 32 bytes; borrowed for the call, wiped later. */
  readonly secret: Uint8Array;
}

/** Watches an endpoint. Each method is optional: what is absent costs nothing. */
export interface EndpointObserver {
  /**
   * A connection begins.
   *
   * @param now The time.
   * @param connection Which.
   * @returns Who watches it, if anybody.
   */
  onConnection?(
    now: Instant,
    connection: ObservedConnection,
  ): ConnectionObserver | undefined;
  /**
   * The endpoint is bound somewhere else from now on.
   *
   * @param local Where.
   */
  onRebound?(local: Address): void;
  /**
   * A datagram leaves.
   *
   * @param now The time.
   * @param to Where it goes.
   * @param datagram Its bytes, encrypted; borrowed for the call.
   */
  onDatagramSent?(now: Instant, to: Address, datagram: Uint8Array): void;
  /**
   * A datagram arrived; nothing is known of it yet.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param datagram Its bytes; borrowed for the call.
   */
  onDatagramReceived?(now: Instant, from: Address, datagram: Uint8Array): void;
  /**
   * Something that belongs to no connection was dropped.
   *
   * @param now The time.
   * @param packet What, and why.
   */
  onStrayPacket?(now: Instant, packet: StrayPacket): void;
  /** The endpoint and its socket are closed: nothing follows. */
  onClosed?(): void;
  /**
   * A connection has keys. Whoever takes them can read all that it carries.
   *
   * @param secret The secret of one direction.
   */
  onSecret?(secret: TrafficSecret): void;
}
