/**
 * The mesh: agents that find, call and stream to each other, and the nodes at
 * which they meet.
 *
 * It knows what a call is: its envelope, its limits, its endings. It does not
 * know how bytes travel (`@mxp/core/transport`) or what they look like
 * (`@mxp/core/protocol`), and it keeps no records itself (`@mxp/core/registry`).
 *
 * @module
 */
export { Agent } from "./agent.ts";
export type { AgentLimits, AgentOptions } from "./agent_options.ts";
export type { BudgetAmounts } from "./budget.ts";
export type {
  CallOptions,
  RequestOptions,
  StreamOptions,
} from "./call_options.ts";
export { CallStream, type CallStreamEnding } from "./call_stream.ts";
export type { Clock } from "../internal/clock.ts";
export { SYSTEM_CLOCK } from "../transport/mod.ts";
export { type Compression, SealedValue, type Sendable } from "./content.ts";
export type { DiscoverQuery } from "./discover_query.ts";
export {
  CallError,
  type CallErrorCode,
  type CallErrorOptions,
} from "./error.ts";
export {
  EventSubscription,
  type MeshEvent,
  type SubscribeOptions,
} from "./event_subscription.ts";
export {
  type CallHandler,
  CallPeer,
  CallRequest,
  type ChunkSource,
  type StreamHandler,
} from "./handler.ts";
export { KnownPeers } from "./known_peers.ts";
export { formatId } from "./message_ids.ts";
export { Node, type NodeOptions } from "./node.ts";
export type { NodeStatus } from "./node_requests.ts";
export type { SpanListener, SpanRecord } from "./span.ts";
export { StatusCode, type StatusName, statusName } from "./status_code.ts";
export type { Target } from "./target.ts";
export { createZstdCompressor } from "./zstd_compressor.ts";
export {
  type Compressor,
  type JsonValue,
  type Value,
} from "../protocol/mod.ts";
export type {
  AeadSuite,
  Identity,
  KeyPair,
  ProviderName,
} from "../crypto/mod.ts";
export type {
  Address,
  Carrier,
  CarrierErrorHandler,
  CarrierStats,
  DatagramHandler,
  EndpointOptions,
  StreamPriority,
  Suite,
  TransportConfig,
} from "../transport/mod.ts";
export type {
  AgentEntry,
  AgentRecord,
  AgentSelector,
  AgentStatus,
  HeartbeatUpdate,
  Lease,
  Registry,
  RegistryLimits,
  RegistryQuery,
} from "../registry/mod.ts";
export type { Instant } from "../internal/instant.ts";
export {
  type Fault,
  MxpError,
  type MxpErrorOptions,
} from "../internal/error.ts";
