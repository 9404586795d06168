/**
 * What a developer sees of the toolkit at work.
 *
 * This folder subscribes to what the layers below tell: they know nothing of
 * it, and cost nothing more when nobody listens. So far it holds the packet
 * log: {@linkcode PacketLog} writes qlog files, captures and, when asked to,
 * keys.
 *
 * @module
 */
export { MxpError } from "../internal/error.ts";
export type { Fault, MxpErrorOptions } from "../internal/error.ts";
export type {
  Address,
  AeadSuite,
  AnnouncedLimits,
  CongestionState,
  ConnectionObserver,
  ConnectionState,
  DropReason,
  EndpointObserver,
  FrameSummary,
  HandshakeMessage,
  Instant,
  ObservedConnection,
  ObservedStreamState,
  Range,
  RecoveryMetrics,
  SecretLabel,
  StrayPacket,
  TraceEvent,
  TrafficSecret,
  TransportErrorCode,
} from "../transport/mod.ts";
export { ObservabilityError, type ObservabilityErrorCode } from "./error.ts";
export { combineObservers } from "./packet_log/combine_observers.ts";
export {
  DEFAULT_MAX_FILE_BYTES,
  DEFAULT_MAX_FILES,
  DEFAULT_MAX_OPEN_FILES,
  DEFAULT_MAX_QUEUED_BYTES,
  DEFAULT_MAX_TOTAL_BYTES,
  type PacketLogLimits,
} from "./packet_log/config.ts";
export {
  PacketLog,
  type PacketLogOptions,
  type PacketLogStats,
} from "./packet_log/packet_log.ts";
export {
  QLOG_EVENT_NAMES,
  type QlogEventName,
} from "./packet_log/qlog_event.ts";
