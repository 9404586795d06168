/**
 * What can be said about an endpoint when it is made: every option with its unit
 * and its default. It is one interface, and as long as there are options.
 *
 * @module
 */
import type { KeyPair, ProviderName } from "../../crypto/mod.ts";
import type { CongestionControl } from "./config.ts";
import type { Suite } from "./suite.ts";

/** What an endpoint is made from. Absent keys take their default. */
export interface EndpointOptions {
  /** The static key pair that proves who this endpoint is. */
  readonly keyPair: KeyPair;
  /**
   * Whether hellos of others are answered.
   *
   * @default true
   */
  readonly accept?: boolean;
  /**
   * Suites that are offered and taken, the preferred one first. Where two ends
   * have several in common, the order of the one that is connected to decides.
   *
   * @default DEFAULT_SUITES
   */
  readonly suites?: readonly Suite[];
  /** Which implementation of the primitives to use; the fastest when absent. */
  readonly cryptoProvider?: ProviderName;
  /**
   * Largest datagram to send, in bytes. Every connection starts at 1,200 and
   * asks by probes whether its path carries more; 1,200 here turns that off.
   *
   * @default LOOPBACK_DATAGRAM_BYTES on loopback, MAX_UDP_PAYLOAD_BYTES there if the
   * peer has a larger receive buffer, what an Ethernet carries elsewhere
   */
  readonly maxDatagramBytes?: number;
  /**
   * Memory of the socket for datagrams that were not read yet, in bytes as Linux
   * counts. Peers are told when it is more than the default, and have more in
   * flight. A transport asks its carrier.
   *
   * @default RECEIVE_BUFFER_BYTES
   */
  readonly receiveBufferBytes?: number;
  /**
   * How long the first hello waits for its answer; doubles each time.
   *
   * @default DEFAULT_HELLO_TIMEOUT_MS
   */
  readonly helloTimeoutMs?: number;
  /**
   * How long a handshake may take.
   *
   * @default DEFAULT_HANDSHAKE_TIMEOUT_MS
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * Silence after which a peer counts as gone; the shorter of both ends' holds.
   *
   * @default DEFAULT_IDLE_TIMEOUT_MS
   */
  readonly idleTimeoutMs?: number;
  /**
   * Silence after which the peer is asked for a sign of life; 0 turns it off.
   *
   * @default a third of idleTimeoutMs
   */
  readonly keepAliveIntervalMs?: number;
  /**
   * Round-trip time before the first sample.
   *
   * @default DEFAULT_INITIAL_RTT_MS
   */
  readonly initialRttMs?: number;
  /**
   * How much may be in flight, and what a loss means.
   *
   * @default DEFAULT_CONGESTION_CONTROL
   */
  readonly congestionControl?: CongestionControl;
  /**
   * Longest delay of an acknowledgement.
   *
   * @default DEFAULT_MAX_ACK_DELAY_MS
   */
  readonly maxAckDelayMs?: number;
  /**
   * Packets after which an acknowledgement leaves at once, until the peer asks for
   * another number.
   *
   * @default DEFAULT_ACK_ELICITING_THRESHOLD
   */
  readonly ackElicitingThreshold?: number;
  /**
   * Packets after which the key that seals them is replaced.
   *
   * @default DEFAULT_KEY_UPDATE_PACKETS
   */
  readonly keyUpdatePackets?: number;
  /**
   * Milliseconds after which the key is replaced, with the next packet sent.
   *
   * @default DEFAULT_KEY_UPDATE_INTERVAL_MS
   */
  readonly keyUpdateIntervalMs?: number;
  /**
   * Packets that one key may seal, where that is fewer than its cipher allows
   * (RFC 9001 §6.6). A connection whose key cannot be replaced in time ends.
   *
   * @default 2^32 with ChaCha20-Poly1305, 2^23 with AES-256-GCM
   */
  readonly maxPacketsPerKey?: number;
  /**
   * Packets of a connection that may fail to authenticate before it ends,
   * where that is fewer than its cipher allows (RFC 9001 §6.6).
   *
   * @default 2^36 with ChaCha20-Poly1305, 2^52 with AES-256-GCM
   */
  readonly maxForgedPackets?: number;
  /**
   * Credit that a peer gets for a connection.
   *
   * @default DEFAULT_MAX_DATA_BYTES
   */
  readonly maxDataBytes?: number;
  /**
   * Credit that a peer gets for a stream.
   *
   * @default DEFAULT_MAX_STREAM_DATA_BYTES
   */
  readonly maxStreamDataBytes?: number;
  /**
   * Bytes that one stream holds for sending before it pushes back.
   *
   * @default DEFAULT_SEND_BUFFER_BYTES
   */
  readonly sendBufferBytes?: number;
  /**
   * Streams in both directions that a peer may have open.
   *
   * @default DEFAULT_MAX_BIDI_STREAMS
   */
  readonly maxBidiStreams?: number;
  /**
   * One-way streams that a peer may have open.
   *
   * @default DEFAULT_MAX_UNI_STREAMS
   */
  readonly maxUniStreams?: number;
  /**
   * Connections at the same time, own ones included.
   *
   * @default DEFAULT_MAX_CONNECTIONS
   */
  readonly maxConnections?: number;
  /**
   * Connections at the same time that one static key has opened to this endpoint;
   * another one is refused.
   *
   * @default DEFAULT_MAX_CONNECTIONS_PER_KEY
   */
  readonly maxConnectionsPerKey?: number;
  /**
   * Handshakes that are answered at the same time.
   *
   * @default DEFAULT_MAX_HALF_OPEN
   */
  readonly maxHalfOpen?: number;
  /**
   * Half-open handshakes from which on a hello has to prove its address by a
   * cookie, which costs it a round trip; 0 asks every hello.
   *
   * @default a 32nd of maxHalfOpen, at least 1
   */
  readonly retryThreshold?: number;
  /**
   * Half-open handshakes of one IP address from which on its hellos have to
   * prove it by a cookie.
   *
   * @default DEFAULT_MAX_HALF_OPEN_PER_ADDRESS
   */
  readonly maxHalfOpenPerAddress?: number;
  /**
   * Hellos that wait to be handled; past it, one of the sender that has most of
   * them is dropped.
   *
   * @default DEFAULT_MAX_WAITING_HELLOS
   */
  readonly maxWaitingHellos?: number;
  /**
   * The share of all time, above 0, that may go into hellos from which no
   * connection comes; hellos wait when it is used up.
   *
   * @default DEFAULT_VAIN_HELLO_SHARE
   */
  readonly vainHelloShare?: number;
  /**
   * How soon, in milliseconds, an answer has to come for the process to look for
   * it instead of going to sleep: as long as datagrams follow each other that
   * closely, that saves both ends the time to wake up. It takes processor time; 0
   * never does it. Now and then up to four times as long is tried.
   *
   * @default DEFAULT_BUSY_POLL_MS
   */
  readonly busyPollMs?: number;
  /**
   * How long a session ticket is good; the key that seals it is replaced as
   * often.
   *
   * @default DEFAULT_TICKET_LIFETIME_MS
   */
  readonly ticketLifetimeMs?: number;
  /**
   * Session tickets that a peer gets with each connection, if it wants them; 0
   * gives none and refuses all.
   *
   * @default DEFAULT_TICKETS_PER_CONNECTION
   */
  readonly ticketsPerConnection?: number;
  /**
   * Used tickets that are remembered, so that each serves once. When there are
   * more within one lifetime, further ones are refused: their owners connect
   * without.
   *
   * @default DEFAULT_MAX_USED_TICKETS
   */
  readonly maxUsedTickets?: number;
  /**
   * Tickets of peers that are kept for connections to them, the newest of each
   * peer; 0 wants none.
   *
   * @default DEFAULT_MAX_STORED_TICKETS
   */
  readonly maxStoredTickets?: number;
  /**
   * Cookies accepted during one lifetime; more are refused.
   *
   * @default DEFAULT_MAX_ACCEPTED_COOKIES
   */
  readonly maxAcceptedCookies?: number;
  /**
   * Retries sent in a second; further hellos get none.
   *
   * @default DEFAULT_MAX_RETRIES_PER_SECOND
   */
  readonly maxRetriesPerSecond?: number;
  /**
   * Refusals, version negotiations and resets sent in a second, together.
   *
   * @default DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND
   */
  readonly maxStatelessAnswersPerSecond?: number;
  /**
   * Bytes that all streams of a connection hold for sending. A stream that holds
   * next to nothing may pass it by 4 KiB.
   *
   * @default DEFAULT_MAX_BUFFERED_BYTES
   */
  readonly maxBufferedBytes?: number;
  /**
   * Separate stretches of a stream that wait behind a gap; more end the connection.
   *
   * @default DEFAULT_MAX_STREAM_STRETCHES
   */
  readonly maxStreamStretches?: number;
  /**
   * Ranges of packet numbers that are remembered for acknowledgements; past it the
   * lowest is forgotten.
   *
   * @default DEFAULT_MAX_ACK_RANGES
   */
  readonly maxAckRanges?: number;
  /**
   * Frames in a round trip that are bounded by nothing else, as pings, path
   * challenges and connection ids are; more end the connection.
   *
   * @default DEFAULT_MAX_CONTROL_FRAMES_PER_ROUND_TRIP
   */
  readonly maxControlFramesPerRoundTrip?: number;
  /**
   * Path challenges that wait for their answer; past it, the oldest is forgotten.
   *
   * @default DEFAULT_MAX_PATH_RESPONSES
   */
  readonly maxPathResponses?: number;
  /**
   * Received datagram frames that wait for the owner of the connection; more are
   * dropped. No more than 256, of 307,200 bytes, wait while `onDatagram` is not set.
   *
   * @default DEFAULT_MAX_DATAGRAM_EVENTS
   */
  readonly maxDatagramEvents?: number;
  /**
   * Connection ids that each end gives the other, the one in use included: so
   * many paths can look unrelated within a round trip.
   *
   * @default DEFAULT_MAX_CONNECTION_IDS
   */
  readonly maxConnectionIds?: number;
  /**
   * Hellos of two packets, those of hybrid suites, of which the second has
   * still to come; past it the oldest is forgotten.
   *
   * @default DEFAULT_MAX_PARTIAL_HELLOS
   */
  readonly maxPartialHellos?: number;
  /**
   * Outgoing datagram frames that wait; the oldest is dropped for a new one.
   *
   * @default DEFAULT_DATAGRAM_QUEUE_LENGTH
   */
  readonly datagramQueueLength?: number;
}

/** A checked configuration: every key is present, but those whose default is only known later. */
export type EndpointConfig =
  & Required<
    Omit<
      EndpointOptions,
      | "cryptoProvider"
      | "maxDatagramBytes"
      | "maxForgedPackets"
      | "maxPacketsPerKey"
    >
  >
  & Pick<
    EndpointOptions,
    | "cryptoProvider"
    | "maxDatagramBytes"
    | "maxForgedPackets"
    | "maxPacketsPerKey"
  >;
