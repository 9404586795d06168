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
   * @default {true}
   */
  readonly accept?: boolean;
  /**
   * Suites that are offered and taken, the preferred one first. Where two ends
   * have several in common, the order of the one that is connected to decides.
   *
   * @default {["chacha20-poly1305", "aes-256-gcm"]}
   */
  readonly suites?: readonly Suite[];
  /** Which implementation of the primitives to use; the fastest when absent. */
  readonly cryptoProvider?: ProviderName;
  /**
   * Largest datagram to send, in bytes. Every connection starts at 1,200 and
   * asks by probes whether its path carries more; 1,200 here turns that off.
   *
   * @default {28,900 bytes on loopback, 65,507 there if the peer has a larger
   * receive buffer; elsewhere what an Ethernet carries: 1,472 over IPv4, 1,452
   * over IPv6}
   */
  readonly maxDatagramBytes?: number;
  /**
   * Memory of the socket for datagrams that were not read yet, in bytes as Linux
   * counts. Peers are told when it is more than the default, and have more in
   * flight. A transport asks its carrier.
   *
   * @default {208 KiB}
   */
  readonly receiveBufferBytes?: number;
  /**
   * How long the first hello waits for its answer; doubles each time.
   *
   * @default {250 ms}
   */
  readonly helloTimeoutMs?: number;
  /**
   * How long a handshake may take.
   *
   * @default {10,000 ms}
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * Silence after which a peer counts as gone; the shorter of both ends' holds.
   * A day at most: deliberately nothing turns it off.
   *
   * @default {10,000 ms}
   */
  readonly idleTimeoutMs?: number;
  /**
   * Silence after which the peer is asked for a sign of life; 0 turns it off.
   *
   * @default {a third of idleTimeoutMs}
   */
  readonly keepAliveIntervalMs?: number;
  /**
   * Round-trip time before the first sample.
   *
   * @default {333 ms}
   */
  readonly initialRttMs?: number;
  /**
   * How much may be in flight, and what a loss means.
   *
   * @default {"cubic"}
   */
  readonly congestionControl?: CongestionControl;
  /**
   * Longest delay of an acknowledgement.
   *
   * @default {5 ms}
   */
  readonly maxAckDelayMs?: number;
  /**
   * Packets after which an acknowledgement leaves at once, until the peer asks for
   * another number.
   *
   * @default {2}
   */
  readonly ackElicitingThreshold?: number;
  /**
   * Packets after which the key that seals them is replaced.
   *
   * @default {10,000}
   */
  readonly keyUpdatePackets?: number;
  /**
   * Milliseconds after which the key is replaced, with the next packet sent.
   *
   * @default {60,000 ms}
   */
  readonly keyUpdateIntervalMs?: number;
  /**
   * Packets that one key may seal, where that is fewer than its cipher allows
   * (RFC 9001 §6.6). A connection whose key cannot be replaced in time ends.
   *
   * @default {2^32 with ChaCha20-Poly1305, 2^23 with AES-256-GCM}
   */
  readonly maxPacketsPerKey?: number;
  /**
   * Packets of a connection that may fail to authenticate before it ends,
   * where that is fewer than its cipher allows (RFC 9001 §6.6).
   *
   * @default {2^36 with ChaCha20-Poly1305, 2^52 with AES-256-GCM}
   */
  readonly maxForgedPackets?: number;
  /**
   * Credit that a peer gets for a connection.
   *
   * @default {8 MiB}
   */
  readonly maxDataBytes?: number;
  /**
   * Credit that a peer gets for a stream.
   *
   * @default {1 MiB}
   */
  readonly maxStreamDataBytes?: number;
  /**
   * Bytes that one stream holds for sending before it pushes back.
   *
   * @default {1 MiB}
   */
  readonly sendBufferBytes?: number;
  /**
   * Streams in both directions that a peer may have open.
   *
   * @default {1,000}
   */
  readonly maxBidiStreams?: number;
  /**
   * One-way streams that a peer may have open.
   *
   * @default {100}
   */
  readonly maxUniStreams?: number;
  /**
   * Connections at the same time, own ones included.
   *
   * @default {10,000}
   */
  readonly maxConnections?: number;
  /**
   * Connections at the same time that one static key has opened to this endpoint;
   * another one is refused.
   *
   * @default {256}
   */
  readonly maxConnectionsPerKey?: number;
  /**
   * Handshakes that are answered at the same time.
   *
   * @default {1,000}
   */
  readonly maxHalfOpen?: number;
  /**
   * Half-open handshakes from which on a hello has to prove its address by a
   * cookie, which costs it a round trip; 0 asks every hello.
   *
   * @default {a 32nd of maxHalfOpen, at least 1}
   */
  readonly retryThreshold?: number;
  /**
   * Half-open handshakes of one IP address from which on its hellos have to
   * prove it by a cookie.
   *
   * @default {16}
   */
  readonly maxHalfOpenPerAddress?: number;
  /**
   * Hellos that wait to be handled; past it, one of the sender that has most of
   * them is dropped.
   *
   * @default {256}
   */
  readonly maxWaitingHellos?: number;
  /**
   * The share of all time, above 0, that may go into hellos from which no
   * connection comes; hellos wait when it is used up.
   *
   * @default {0.25}
   */
  readonly vainHelloShare?: number;
  /**
   * How soon, in milliseconds, an answer has to come for the process to look for
   * it instead of going to sleep: as long as datagrams follow each other that
   * closely, that saves both ends the time to wake up. It takes processor time; 0
   * never does it. Now and then up to four times as long is tried.
   *
   * @default {0.25 ms}
   */
  readonly busyPollMs?: number;
  /**
   * How long a session ticket is good; the key that seals it is replaced as
   * often.
   *
   * @default {600,000 ms}
   */
  readonly ticketLifetimeMs?: number;
  /**
   * Session tickets that a peer gets with each connection, if it wants them; 0
   * gives none and refuses all.
   *
   * @default {2}
   */
  readonly ticketsPerConnection?: number;
  /**
   * Used tickets that are remembered, so that each serves once. When there are
   * more within one lifetime, further ones are refused: their owners connect
   * without.
   *
   * @default {16,384}
   */
  readonly maxUsedTickets?: number;
  /**
   * Tickets of peers that are kept for connections to them, the newest of each
   * peer; 0 wants none.
   *
   * @default {256}
   */
  readonly maxStoredTickets?: number;
  /**
   * Cookies accepted during one lifetime; more are refused.
   *
   * @default {16,384}
   */
  readonly maxAcceptedCookies?: number;
  /**
   * Retries and refusals of tickets sent in a second, together; further hellos
   * get none.
   *
   * @default {10,000}
   */
  readonly maxRetriesPerSecond?: number;
  /**
   * Other refusals, version negotiations and resets sent in a second, together.
   *
   * @default {100}
   */
  readonly maxStatelessAnswersPerSecond?: number;
  /**
   * Bytes that all streams of a connection hold for sending. A stream that holds
   * next to nothing may pass it by 4 KiB.
   *
   * @default {64 MiB}
   */
  readonly maxBufferedBytes?: number;
  /**
   * Separate stretches of a stream that wait behind a gap, and of all streams of a
   * connection 64 times as many; more end it.
   *
   * @default {one for each KiB of maxStreamDataBytes, 1,024 at least}
   */
  readonly maxStreamStretches?: number;
  /**
   * Ranges of packet numbers that are remembered for acknowledgements; past it the
   * lowest is forgotten.
   *
   * @default {32}
   */
  readonly maxAckRanges?: number;
  /**
   * Frames in a round trip that are bounded by nothing else, as pings, path
   * challenges and connection ids are; more end the connection.
   *
   * @default {1,000}
   */
  readonly maxControlFramesPerRoundTrip?: number;
  /**
   * Path challenges that wait for their answer; past it, the oldest is forgotten.
   *
   * @default {4}
   */
  readonly maxPathResponses?: number;
  /**
   * Received datagram frames that wait for the owner of the connection; more are
   * dropped. No more than 256, of 307,200 bytes, wait while `onDatagram` is not set.
   *
   * @default {4,096}
   */
  readonly maxDatagramEvents?: number;
  /**
   * Connection ids that each end gives the other, the one in use included: so
   * many paths can look unrelated within a round trip.
   *
   * @default {4}
   */
  readonly maxConnectionIds?: number;
  /**
   * Hellos of two packets, those of hybrid suites, of which the second has
   * still to come; past it the oldest is forgotten.
   *
   * @default {256}
   */
  readonly maxPartialHellos?: number;
  /**
   * Outgoing datagram frames that wait; the oldest is dropped for a new one.
   *
   * @default {256}
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
