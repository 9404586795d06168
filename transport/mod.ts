/**
 * Encrypted connections with streams over UDP.
 *
 * This folder knows how datagrams become connections: the handshake, packet
 * protection, loss recovery, congestion and flow control, streams. It does not
 * know what the streams carry: messages, calls and agents are built on top,
 * and telemetry watches from there.
 *
 * {@linkcode Transport} is what most programs use. Below it, {@linkcode
 * Endpoint} and its connections are state machines without sockets, clocks or
 * promises, and a {@linkcode Carrier} is anything that moves datagrams.
 *
 * @module
 */
export type { AeadSuite, KeyPair, ProviderName } from "../crypto/mod.ts";
export type { Fault, MxpError, MxpErrorOptions } from "../internal/error.ts";
export type { Instant, MonotonicClock } from "../internal/instant.ts";
export type { RandomSource } from "../internal/random_source.ts";
export type { Range } from "../internal/range_set.ts";
export {
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  type DatagramHandler,
  type OutgoingDatagram,
  type PendingSend,
  type SendRefusedHandler,
  UDP_MAX_DATAGRAM_BYTES,
} from "./carrier/carrier.ts";
export { MemoryNetwork, type MemoryNetworkOptions } from "./carrier/memory.ts";
export {
  createUdpCarrier,
  type UdpCarrierOptions,
  type UdpImplementation,
} from "./carrier/udp.ts";
export { type Address, formatAddress } from "./core/address.ts";
export type { CongestionControl } from "./core/config.ts";
export type {
  EndpointConfig,
  EndpointOptions,
} from "./core/endpoint_options.ts";
export type {
  ApplicationSide,
  PriorityClass,
} from "./core/application_side.ts";
export type { Connection, ConnectionState } from "./core/connection.ts";
export type { ConnectionEvent } from "./core/connection_event.ts";
export { type ConnectOptions, Endpoint } from "./core/endpoint.ts";
export type { EndpointEvent } from "./core/endpoint_event.ts";
export {
  APPLICATION_CLOSE_CODE_BASE,
  CloseCode,
  TransportError,
  type TransportErrorCode,
  type TransportErrorOptions,
} from "./core/error.ts";
export {
  LIMIT_NAMES,
  type LimitCounts,
  type LimitName,
} from "./core/limits.ts";
export type { FrameSummary } from "./core/frame_summary.ts";
export type {
  AnnouncedLimits,
  CongestionState,
  ConnectionObserver,
  EndpointObserver,
  HandshakeMessage,
  ObservedConnection,
  ObservedStreamState,
  RecoveryMetrics,
  SecretLabel,
  StrayPacket,
  TraceEvent,
  TrafficSecret,
} from "./core/observer.ts";
export type {
  ConnectionStats,
  DropCounts,
  DropReason,
  EndpointStats,
  TicketRefusalCounts,
  TicketRefusalReason,
  TicketStats,
} from "./core/stats.ts";
export type { StreamState } from "./core/stream/manager.ts";
export type { StreamEvent } from "./core/stream/stream_event.ts";
export { type Suite, SUITE_NAMES } from "./core/suite.ts";
export type { Transmit } from "./core/transmit.ts";
export { scheduleFairTurn } from "./socket_turns.ts";
export { resolveHostname } from "./name_resolver.ts";
export { SYSTEM_CLOCK, systemClock } from "./system_clock.ts";
export { systemRandom } from "./system_random.ts";
export {
  type RebindOptions,
  Transport,
  type TransportConfig,
  type TransportConnectOptions,
  type TransportOptions,
  type TransportStats,
} from "./transport.ts";
export {
  type OpenStreamOptions,
  type StreamPriority,
  type StreamWaiter,
  TransportConnection,
} from "./transport_connection.ts";
export { type ReadWaiter, TransportStream } from "./transport_stream.ts";
