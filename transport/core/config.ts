/**
 * Defaults and constants of the transport, each with its unit and source. What may
 * be set is `endpoint_options.ts`, within which bounds `endpoint_config.ts`.
 *
 * @module
 */
import { MAX_ACK_RANGES } from "../../protocol/frame/mod.ts";
import type { Suite } from "./suite.ts";

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

/**
 * Largest datagram that is tried on loopback, in bytes: the largest of which five
 * at a time are sent into the receive buffer that a system gives without asking
 * (`MAX_UNPACED_KERNEL_BYTES`), so that both ends have something to do meanwhile.
 */
export const LOOPBACK_DATAGRAM_BYTES = 28_900;

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
export const CONGESTION_CONTROLS: readonly CongestionControl[] = [
  "cubic",
  "new-reno",
];

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
export const RETRY_THRESHOLD_DIVISOR = 32;

/** Half-open handshakes from one address above which its hellos need a cookie. */
export const DEFAULT_MAX_HALF_OPEN_PER_ADDRESS = 16;

/** Hellos of an endpoint that wait to be handled, of all senders. */
export const DEFAULT_MAX_WAITING_HELLOS = 256;

/** The share of all time that goes into hellos from which no connection comes. */
export const DEFAULT_VAIN_HELLO_SHARE = 0.25;

/** Longest busy polling for an answer that pays: waking both ends takes as long. */
export const DEFAULT_BUSY_POLL_MS = 0.25;

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
 * Retries and refusals of tickets sent per second. Each retry is a sixteenth of its hello, so that this
 * bounds only what is computed; a lower rate would leave genuine initiators
 * unanswered among the forged ones.
 */
export const DEFAULT_MAX_RETRIES_PER_SECOND = 10_000;

/** Other refusals, version negotiations and resets sent per second, together. */
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
 * Credit of a stream for each of its separate stretches that may wait behind a gap. Of
 * packets of 1,200 bytes, every second one of which is lost, as where slow start ends
 * in a full queue, one for every 2,300 bytes waits.
 */
export const BYTES_PER_STREAM_STRETCH = 1_024;

/** Stretches of a stream that may wait where there is little credit. */
export const MIN_MAX_STREAM_STRETCHES = 1_024;

/** Separate stretches of a stream that wait behind gaps, with the credit by default. */
export const DEFAULT_MAX_STREAM_STRETCHES: number =
  DEFAULT_MAX_STREAM_DATA_BYTES / BYTES_PER_STREAM_STRETCH;

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
