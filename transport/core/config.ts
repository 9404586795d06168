/**
 * Defaults of the transport, each with its unit and source, and the check of a
 * configuration at the door. It is long because there are many, and one file so that
 * all are found in it.
 *
 * @module
 */
import type { KeyPair, ProviderName } from "../../crypto/mod.ts";
import { MAX_ACK_RANGES } from "../../protocol/frame/mod.ts";
import { TransportError } from "./error.ts";
import { RECEIVE_BUFFER_BYTES } from "./receive_buffer.ts";
import { type Suite, SUITE_NAMES } from "./suite.ts";

/** Version of the transport that this code speaks. */
export const TRANSPORT_VERSION = 1;

/** Suites of an endpoint: both ciphers, the faster one first (RFC 8439, SP 800-38D). */
export const DEFAULT_SUITES: readonly Suite[] = [
  "chacha20-poly1305",
  "aes-256-gcm",
];

/** Smallest datagram that carries an InitiatorHello, in bytes (RFC 9000 §14.1). */
export const MIN_HELLO_DATAGRAM_BYTES = 1200;

/** Largest UDP payload over IPv4, in bytes. */
export const MAX_UDP_PAYLOAD_BYTES = 65_507;

/** Largest datagram that is tried on loopback, in bytes. */
export const LOOPBACK_DATAGRAM_BYTES = 32_500;

/** Size of datagrams on a path about which nothing is known (RFC 9000 §14). */
export const DEFAULT_DATAGRAM_BYTES = 1200;

/** How long an InitiatorHello waits for its answer the first time; doubles each time. */
export const DEFAULT_HELLO_TIMEOUT_MS = 250;

/** Slowest repetition of an InitiatorHello. */
export const MAX_HELLO_TIMEOUT_MS = 3_000;

/** How long a handshake may take before the attempt is given up. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** Silence after which a peer counts as gone. */
export const DEFAULT_IDLE_TIMEOUT_MS = 10_000;

/** Silence after which we ask whether the peer is there: a third of the idle timeout. */
export const DEFAULT_KEEP_ALIVE_INTERVAL_MS: number = Math.floor(
  DEFAULT_IDLE_TIMEOUT_MS / 3,
);

/** Name of a congestion controller: CUBIC (RFC 9438) or NewReno (RFC 9002 §7). */
export type CongestionControl = "cubic" | "new-reno";

/** Congestion controllers that can be chosen. */
const CONGESTION_CONTROLS: readonly CongestionControl[] = ["cubic", "new-reno"];

/** The standard one for the Internet (RFC 9438). */
export const DEFAULT_CONGESTION_CONTROL: CongestionControl = "cubic";

/** RTT before the first sample (RFC 9002 §6.2.2). */
export const DEFAULT_INITIAL_RTT_MS = 333;

/**
 * Longest delay of an acknowledgement. RFC 9000 §18.2 proposes 25 ms; the
 * peer's probe timeout includes it, and with 5 ms the loss of the last packet
 * of a call on a short path is repaired four times sooner.
 */
export const DEFAULT_MAX_ACK_DELAY_MS = 5;

/** Ack-eliciting packets after which an acknowledgement leaves at once (RFC 9000 §13.2.2). */
export const DEFAULT_ACK_ELICITING_THRESHOLD = 2;

/**
 * Acknowledgements that a sender asks for in each window: every quarter of it.
 * With one the sender would wait for it, with more each costs a datagram.
 */
export const ACKS_PER_WINDOW = 4;

/**
 * The same in slow start, whose end is found by eight round-trip times in a window
 * at least (RFC 9406 §4.2).
 */
export const ACKS_PER_SLOW_START_WINDOW = 16;

/** Most packets that a sender lets go before it asks for an acknowledgement. */
export const MAX_REQUESTED_ACK_THRESHOLD = 256;

/**
 * How far a packet has to be above a missing one to be acknowledged at once: what
 * makes the missing one lost (RFC 9002 §6.1.1).
 */
export const ACK_REORDERING_THRESHOLD = 3;

/** Packets after which a key is replaced (mission MXP-069); 2^32 at the latest. */
export const DEFAULT_KEY_UPDATE_PACKETS = 10_000;

/** Time after which a key is replaced, once something is sent (mission MXP-069). */
export const DEFAULT_KEY_UPDATE_INTERVAL_MS = 60_000;

/** Credit of a connection, in bytes. */
export const DEFAULT_MAX_DATA_BYTES: number = 8 * 1024 * 1024;

/** Credit of one stream, in bytes. */
export const DEFAULT_MAX_STREAM_DATA_BYTES: number = 1024 * 1024;

/** Bytes that one stream holds for sending before it pushes back. */
export const DEFAULT_SEND_BUFFER_BYTES: number = DEFAULT_MAX_STREAM_DATA_BYTES;

/** Bidirectional streams that a peer may have open. */
export const DEFAULT_MAX_BIDI_STREAMS = 1_000;

/** One-way streams that a peer may have open. */
export const DEFAULT_MAX_UNI_STREAMS = 100;

/** Connections of one endpoint, both directions. */
export const DEFAULT_MAX_CONNECTIONS = 10_000;

/** Connections that one peer, known by its static key, may have open to an endpoint. */
export const DEFAULT_MAX_CONNECTIONS_PER_KEY = 256;

/** Handshakes that an endpoint answers at the same time. */
export const DEFAULT_MAX_HALF_OPEN = 1_000;

/**
 * Share of the half-open handshakes above which a hello needs a cookie: a 32nd.
 * At about half a millisecond each, a burst of forged hellos keeps the open
 * connections waiting for 20 ms at most.
 */
const RETRY_THRESHOLD_DIVISOR = 32;

/** Half-open handshakes from one address above which its hellos need a cookie. */
export const DEFAULT_MAX_HALF_OPEN_PER_ADDRESS = 16;

/**
 * Share of the half-open handshakes that one address may hold, with cookies: an
 * eighth, so that it takes several to keep everybody else out.
 */
export const HALF_OPEN_SENDER_DIVISOR = 8;

/** How long the cookie of a Retry is good. */
export const RETRY_COOKIE_LIFETIME_MS = 10_000;

/** Hellos of two packets of which the second has still to come; past it the oldest goes. */
export const DEFAULT_MAX_PARTIAL_HELLOS = 256;

/**
 * How long the first packet of a hello waits for the second, which leaves right
 * behind it; longer than the slowest repetition.
 */
export const PARTIAL_HELLO_LIFETIME_MS: number = 2 * MAX_HELLO_TIMEOUT_MS;

/** Cookies accepted during one lifetime, each remembered so that it serves once. */
export const DEFAULT_MAX_ACCEPTED_COOKIES = 16_384;

/** Retries that an initiator follows in one handshake. */
export const MAX_RETRIES_FOLLOWED = 3;

/**
 * Retries sent per second. Each is a sixteenth of its hello, so that this
 * bounds only what is computed; a lower rate would leave genuine initiators
 * unanswered among the forged ones.
 */
export const DEFAULT_MAX_RETRIES_PER_SECOND = 10_000;

/** Refusals, version negotiations and resets sent per second, together. */
export const DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND = 100;

/** How long a session ticket is good: short, since a stolen ticket key opens what was sent early. */
export const DEFAULT_TICKET_LIFETIME_MS = 600_000;

/** Session tickets for each connection: the next one, and one for a second at the same time. */
export const DEFAULT_TICKETS_PER_CONNECTION = 2;

/** Used tickets that are remembered for each ticket key, about 40 bytes each. */
export const DEFAULT_MAX_USED_TICKETS = 16_384;

/** Tickets of peers that an endpoint keeps, about 400 bytes each. */
export const DEFAULT_MAX_STORED_TICKETS = 256;

/** Tickets of one peer that an endpoint keeps: those of two connections. */
export const MAX_TICKETS_OF_PEER = 4;

/** Tickets that an initiator asks for: as many as a responder gives by default. */
export const TICKETS_WANTED: number = DEFAULT_TICKETS_PER_CONNECTION;

/** Streams of each kind that an initiator opens before the handshake is done. */
export const MAX_EARLY_STREAMS = 16;

/** Connection ids that each end gives the other, the one in use included (RFC 9000 §18.2). */
export const DEFAULT_MAX_CONNECTION_IDS = 4;

/**
 * Connection ids given up that the peer has not acknowledged, for each one that
 * it may give; more end the connection (RFC 9000 §5.1.2 asks for two at least).
 */
export const MAX_UNACKED_RETIREMENTS_PER_ID = 4;

/** Packets of 1-RTT data held back while congestion or credit forbids sending: none; this is the replay window. */
export const REPLAY_WINDOW_PACKETS = 4_096;

/** Bytes that all streams of a connection hold for sending, before each pushes back. */
export const DEFAULT_MAX_BUFFERED_BYTES: number = 64 * 1024 * 1024;

/**
 * Most separate stretches of a stream that wait behind a gap. A window of 1 MiB in
 * packets of 1,200 bytes with every second one lost has 436.
 */
export const DEFAULT_MAX_STREAM_STRETCHES = 1_024;

/** Ranges of packet numbers that are remembered, as many as an Ack frame holds. */
export const DEFAULT_MAX_ACK_RANGES: number = MAX_ACK_RANGES;

/**
 * Frames in a round trip that are bounded by nothing else, as pings, path
 * challenges and connection ids are. A connection at work sends a few.
 */
export const DEFAULT_MAX_CONTROL_FRAMES_PER_ROUND_TRIP = 1_000;

/** Path challenges that wait for their answer; past it, the oldest is forgotten. */
export const DEFAULT_MAX_PATH_RESPONSES = 4;

/** Outgoing datagram frames that wait (mission MXP-060). */
export const DEFAULT_DATAGRAM_QUEUE_LENGTH = 256;

/**
 * Received datagram frames that wait for the owner of a connection; more are
 * dropped. A turn of the driver takes far fewer, unless a peer packs thousands
 * of empty ones into each packet.
 */
export const DEFAULT_MAX_DATAGRAM_EVENTS = 4_096;

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
   * dropped.
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

/** Lowest and highest value of each number. */
const BOUNDS = {
  maxDatagramBytes: [MIN_HELLO_DATAGRAM_BYTES, MAX_UDP_PAYLOAD_BYTES],
  helloTimeoutMs: [1, 60_000],
  handshakeTimeoutMs: [1, 600_000],
  idleTimeoutMs: [10, 24 * 3_600_000],
  keepAliveIntervalMs: [0, 24 * 3_600_000],
  initialRttMs: [1, 60_000],
  maxAckDelayMs: [0, 16_383],
  ackElicitingThreshold: [1, 1_000],
  keyUpdatePackets: [1, 2 ** 32],
  keyUpdateIntervalMs: [1, 24 * 3_600_000],
  // At least twice what is kept for the closes of a connection.
  maxPacketsPerKey: [128, 2 ** 32],
  maxForgedPackets: [1, 2 ** 52],
  maxDataBytes: [MIN_HELLO_DATAGRAM_BYTES, 2 ** 40],
  maxStreamDataBytes: [MIN_HELLO_DATAGRAM_BYTES, 2 ** 40],
  sendBufferBytes: [1, 2 ** 32],
  maxBidiStreams: [0, 2 ** 32],
  maxUniStreams: [0, 2 ** 32],
  maxConnections: [1, 2 ** 24],
  maxHalfOpen: [0, 2 ** 24],
  retryThreshold: [0, 2 ** 24],
  maxHalfOpenPerAddress: [0, 2 ** 24],
  ticketLifetimeMs: [1_000, 24 * 3_600_000],
  ticketsPerConnection: [0, 8],
  maxUsedTickets: [0, 2 ** 24],
  maxStoredTickets: [0, 2 ** 20],
  maxConnectionsPerKey: [1, 2 ** 24],
  maxAcceptedCookies: [0, 2 ** 24],
  maxRetriesPerSecond: [0, 2 ** 24],
  maxStatelessAnswersPerSecond: [0, 2 ** 24],
  maxBufferedBytes: [1, 2 ** 40],
  maxStreamStretches: [1, 2 ** 20],
  maxAckRanges: [1, MAX_ACK_RANGES],
  maxControlFramesPerRoundTrip: [16, 2 ** 32],
  maxPathResponses: [1, 256],
  maxDatagramEvents: [0, 2 ** 20],
  maxConnectionIds: [1, 16],
  maxPartialHellos: [1, 2 ** 20],
  datagramQueueLength: [0, 2 ** 20],
  receiveBufferBytes: [0, 2 ** 40],
} as const satisfies Partial<
  Record<keyof EndpointConfig, readonly [number, number]>
>;

/**
 * Fills in the defaults and checks every value once.
 *
 * @param options What the user gave.
 * @returns The whole configuration.
 * @throws {TransportError} `INVALID_CONFIG` names the key, the value and its bounds.
 */
export function createEndpointConfig(options: EndpointOptions): EndpointConfig {
  const idleTimeoutMs = options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
  const maxHalfOpen = options.maxHalfOpen ?? DEFAULT_MAX_HALF_OPEN;
  const config: EndpointConfig = {
    accept: true,
    suites: DEFAULT_SUITES,
    helloTimeoutMs: DEFAULT_HELLO_TIMEOUT_MS,
    handshakeTimeoutMs: DEFAULT_HANDSHAKE_TIMEOUT_MS,
    idleTimeoutMs,
    keepAliveIntervalMs: Math.floor(idleTimeoutMs / 3),
    initialRttMs: DEFAULT_INITIAL_RTT_MS,
    congestionControl: DEFAULT_CONGESTION_CONTROL,
    maxAckDelayMs: DEFAULT_MAX_ACK_DELAY_MS,
    ackElicitingThreshold: DEFAULT_ACK_ELICITING_THRESHOLD,
    keyUpdatePackets: DEFAULT_KEY_UPDATE_PACKETS,
    keyUpdateIntervalMs: DEFAULT_KEY_UPDATE_INTERVAL_MS,
    maxDataBytes: DEFAULT_MAX_DATA_BYTES,
    maxStreamDataBytes: DEFAULT_MAX_STREAM_DATA_BYTES,
    sendBufferBytes: DEFAULT_SEND_BUFFER_BYTES,
    maxBidiStreams: DEFAULT_MAX_BIDI_STREAMS,
    maxUniStreams: DEFAULT_MAX_UNI_STREAMS,
    maxConnections: DEFAULT_MAX_CONNECTIONS,
    maxHalfOpen,
    retryThreshold: Math.max(
      1,
      Math.floor(maxHalfOpen / RETRY_THRESHOLD_DIVISOR),
    ),
    maxHalfOpenPerAddress: DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
    maxPartialHellos: DEFAULT_MAX_PARTIAL_HELLOS,
    ticketLifetimeMs: DEFAULT_TICKET_LIFETIME_MS,
    ticketsPerConnection: DEFAULT_TICKETS_PER_CONNECTION,
    maxUsedTickets: DEFAULT_MAX_USED_TICKETS,
    maxStoredTickets: DEFAULT_MAX_STORED_TICKETS,
    maxConnectionsPerKey: DEFAULT_MAX_CONNECTIONS_PER_KEY,
    maxAcceptedCookies: DEFAULT_MAX_ACCEPTED_COOKIES,
    maxRetriesPerSecond: DEFAULT_MAX_RETRIES_PER_SECOND,
    maxStatelessAnswersPerSecond: DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND,
    maxBufferedBytes: DEFAULT_MAX_BUFFERED_BYTES,
    maxStreamStretches: DEFAULT_MAX_STREAM_STRETCHES,
    maxAckRanges: DEFAULT_MAX_ACK_RANGES,
    maxControlFramesPerRoundTrip: DEFAULT_MAX_CONTROL_FRAMES_PER_ROUND_TRIP,
    maxPathResponses: DEFAULT_MAX_PATH_RESPONSES,
    maxDatagramEvents: DEFAULT_MAX_DATAGRAM_EVENTS,
    maxConnectionIds: DEFAULT_MAX_CONNECTION_IDS,
    datagramQueueLength: DEFAULT_DATAGRAM_QUEUE_LENGTH,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    ...options,
  };
  for (const [key, [lowest, highest]] of Object.entries(BOUNDS)) {
    const value = config[key as keyof typeof BOUNDS];
    if (value === undefined) continue;
    if (!Number.isFinite(value) || value < lowest || value > highest) {
      throw new TransportError(
        "INVALID_CONFIG",
        `Transport configuration: ${key} must be ${lowest} to ${highest}, got ${value}`,
      );
    }
  }
  if (!CONGESTION_CONTROLS.includes(config.congestionControl)) {
    throw new TransportError(
      "INVALID_CONFIG",
      `Transport configuration: congestionControl must be one of ${
        CONGESTION_CONTROLS.join(", ")
      }, got ${config.congestionControl}`,
    );
  }
  checkSuites(config.suites);
  if (
    config.keyPair.publicKey.length !== 32 ||
    config.keyPair.privateKey.length !== 32
  ) {
    throw new TransportError(
      "INVALID_CONFIG",
      "Transport configuration: keyPair must hold two keys of 32 bytes",
    );
  }
  return config;
}

function checkSuites(suites: readonly Suite[]): void {
  const isKnown = suites.every((suite) => SUITE_NAMES.includes(suite));
  if (isKnown && suites.length > 0 && new Set(suites).size === suites.length) {
    return;
  }
  throw new TransportError(
    "INVALID_CONFIG",
    `Transport configuration: suites must name one or more of ${
      SUITE_NAMES.join(", ")
    }, each once, got ${suites.join(", ") || "none"}`,
  );
}
