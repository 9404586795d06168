/**
 * The configuration of an endpoint: its options, completed by the defaults and
 * checked once, at the door.
 *
 * @module
 */
import type { KeyPair } from "../../crypto/mod.ts";
import { shown } from "../../internal/shown.ts";
import { MAX_ACK_RANGES } from "../../protocol/frame/mod.ts";
import {
  BYTES_PER_STREAM_STRETCH,
  CONGESTION_CONTROLS,
  type CongestionControl,
  DEFAULT_ACK_ELICITING_THRESHOLD,
  DEFAULT_BUSY_POLL_MS,
  DEFAULT_CONGESTION_CONTROL,
  DEFAULT_DATAGRAM_QUEUE_LENGTH,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_HELLO_TIMEOUT_MS,
  DEFAULT_IDLE_TIMEOUT_MS,
  DEFAULT_INITIAL_RTT_MS,
  DEFAULT_KEY_UPDATE_INTERVAL_MS,
  DEFAULT_KEY_UPDATE_PACKETS,
  DEFAULT_MAX_ACCEPTED_COOKIES,
  DEFAULT_MAX_ACK_DELAY_MS,
  DEFAULT_MAX_ACK_RANGES,
  DEFAULT_MAX_BIDI_STREAMS,
  DEFAULT_MAX_BUFFERED_BYTES,
  DEFAULT_MAX_CONNECTION_IDS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_CONNECTIONS_PER_KEY,
  DEFAULT_MAX_CONTROL_FRAMES_PER_ROUND_TRIP,
  DEFAULT_MAX_DATA_BYTES,
  DEFAULT_MAX_DATAGRAM_EVENTS,
  DEFAULT_MAX_HALF_OPEN,
  DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
  DEFAULT_MAX_PARTIAL_HELLOS,
  DEFAULT_MAX_PATH_RESPONSES,
  DEFAULT_MAX_RETRIES_PER_SECOND,
  DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND,
  DEFAULT_MAX_STORED_TICKETS,
  DEFAULT_MAX_STREAM_DATA_BYTES,
  DEFAULT_MAX_STREAM_STRETCHES,
  DEFAULT_MAX_UNI_STREAMS,
  DEFAULT_MAX_USED_TICKETS,
  DEFAULT_MAX_WAITING_HELLOS,
  DEFAULT_SEND_BUFFER_BYTES,
  DEFAULT_SUITES,
  DEFAULT_TICKET_LIFETIME_MS,
  DEFAULT_TICKETS_PER_CONNECTION,
  DEFAULT_VAIN_HELLO_SHARE,
  MAX_UDP_PAYLOAD_BYTES,
  MIN_HELLO_DATAGRAM_BYTES,
  MIN_MAX_STREAM_STRETCHES,
  RETRY_THRESHOLD_DIVISOR,
} from "./config.ts";
import type { EndpointConfig, EndpointOptions } from "./endpoint_options.ts";
import { TransportError } from "./error.ts";
import { RECEIVE_BUFFER_BYTES } from "./receive_buffer.ts";
import { type Suite, SUITE_NAMES } from "./suite.ts";

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
  maxWaitingHellos: [1, 2 ** 16],
  vainHelloShare: [0.01, 1],
  busyPollMs: [0, 100],
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

/** Times and shares; all others count something. */
const MAY_BE_FRACTION = /(Ms|Share)$/;

/**
 * Fills in the defaults and checks every value once.
 *
 * @param options What the user gave.
 * @returns The whole configuration.
 * @throws {TransportError} `INVALID_CONFIG` names the key, the value and its bounds.
 */
export function createEndpointConfig(options: EndpointOptions): EndpointConfig {
  const idleTimeoutMs = numberOr(
    options.idleTimeoutMs,
    DEFAULT_IDLE_TIMEOUT_MS,
  );
  const maxHalfOpen = numberOr(options.maxHalfOpen, DEFAULT_MAX_HALF_OPEN);
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
    maxWaitingHellos: DEFAULT_MAX_WAITING_HELLOS,
    vainHelloShare: DEFAULT_VAIN_HELLO_SHARE,
    busyPollMs: DEFAULT_BUSY_POLL_MS,
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
    maxStreamStretches: stretchesFor(options.maxStreamDataBytes),
    maxAckRanges: DEFAULT_MAX_ACK_RANGES,
    maxControlFramesPerRoundTrip: DEFAULT_MAX_CONTROL_FRAMES_PER_ROUND_TRIP,
    maxPathResponses: DEFAULT_MAX_PATH_RESPONSES,
    maxDatagramEvents: DEFAULT_MAX_DATAGRAM_EVENTS,
    maxConnectionIds: DEFAULT_MAX_CONNECTION_IDS,
    datagramQueueLength: DEFAULT_DATAGRAM_QUEUE_LENGTH,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    ...withoutUndefined(options),
  };
  checkBounds(config);
  checkCongestionControl(config.congestionControl);
  checkSuites(config.suites);
  checkKeyPair(config.keyPair);
  return config;
}

/**
 * @param value What others derive from; not checked yet, and refused where it is no
 * number: arithmetic throws for a bigint.
 */
function numberOr(value: number | undefined, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

/** @param creditBytes Credit of a stream; not checked yet. */
function stretchesFor(creditBytes?: number): number {
  if (!Number.isSafeInteger(creditBytes)) return DEFAULT_MAX_STREAM_STRETCHES;
  const stretches = Math.floor(creditBytes! / BYTES_PER_STREAM_STRETCH);
  const [, highest] = BOUNDS.maxStreamStretches;
  return Math.min(Math.max(MIN_MAX_STREAM_STRETCHES, stretches), highest);
}

/** @param options Where what is `undefined` means the default, as if it were absent. */
function withoutUndefined(options: EndpointOptions): EndpointOptions {
  const entries = Object.entries(options)
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as EndpointOptions;
}

function checkBounds(config: EndpointConfig): void {
  for (const [key, [lowest, highest]] of Object.entries(BOUNDS)) {
    const value = config[key as keyof typeof BOUNDS];
    if (value === undefined) continue;
    const isNumber = MAY_BE_FRACTION.test(key)
      ? Number.isFinite(value)
      : Number.isInteger(value);
    if (!isNumber || value < lowest || value > highest) {
      throw new TransportError(
        "INVALID_CONFIG",
        `Transport configuration: ${key} must be ${lowest} to ${highest}, got ${
          shown(value)
        }`,
      );
    }
  }
}

function checkCongestionControl(name: CongestionControl): void {
  if (CONGESTION_CONTROLS.includes(name)) return;
  throw new TransportError(
    "INVALID_CONFIG",
    `Transport configuration: congestionControl must be one of ${
      CONGESTION_CONTROLS.join(", ")
    }, got ${shownName(name)}`,
  );
}

function checkSuites(suites: readonly Suite[]): void {
  if (!Array.isArray(suites)) {
    throw new TransportError(
      "INVALID_CONFIG",
      "Transport configuration: suites must be an array of names",
    );
  }
  const isKnown = suites.every((suite) => SUITE_NAMES.includes(suite));
  if (isKnown && suites.length > 0 && new Set(suites).size === suites.length) {
    return;
  }
  throw new TransportError(
    "INVALID_CONFIG",
    `Transport configuration: suites must name one or more of ${
      SUITE_NAMES.join(", ")
    }, each once, got ${suites.map(shownName).join(", ") || "none"}`,
  );
}

/** @param name Whatever was given in place of a name. */
function shownName(name: unknown): string {
  return typeof name === "string" ? name : shown(name);
}

/** @param keyPair Whatever somebody without types has given. */
function checkKeyPair(keyPair: Partial<KeyPair> | undefined): void {
  const keys = [keyPair?.publicKey, keyPair?.privateKey];
  if (keys.every((key) => key instanceof Uint8Array && key.length === 32)) {
    return;
  }
  throw new TransportError(
    "INVALID_CONFIG",
    "Transport configuration: keyPair must hold two keys of 32 bytes",
  );
}
