/**
 * Agents that find each other, call each other and stream to each other:
 * encrypted, traced, without a broker to operate.
 *
 * This is the short list that most programs need. The rest is in
 * `@mxp/core/mesh`, `/registry`, `/transport`, `/crypto` and `/protocol`; packet
 * logs are in `/observability`.
 *
 * @example Two agents
 * ```ts
 * import { Agent, Node } from "@mxp/core";
 * import assert from "node:assert/strict";
 *
 * await using node = await Node.start({ bind: "127.0.0.1:0" });
 * await using writer = await Agent.connect(node.url, {
 *   name: "writer",
 *   capabilities: ["write"],
 * });
 * writer.onStream("count", async function* () {
 *   yield* ["one", "two"];
 * });
 *
 * await using reader = await Agent.connect(node.url);
 * const words: string[] = [];
 * for await (const word of reader.stream<string>({ name: "writer" }, "count")) {
 *   words.push(word);
 * }
 * assert.deepEqual(words, ["one", "two"]);
 * ```
 *
 * @module
 */
export {
  Agent,
  type AgentLimits,
  type AgentOptions,
  type BudgetAmounts,
  CallError,
  type CallErrorCode,
  type CallErrorOptions,
  type CallHandler,
  type CallOptions,
  CallPeer,
  CallRequest,
  CallStream,
  type CallStreamEnding,
  type ChunkSource,
  type Clock,
  type Compression,
  type DiscoverQuery,
  EventSubscription,
  type MeshEvent,
  Node,
  type NodeOptions,
  type NodeStatus,
  type RequestOptions,
  SealedValue,
  type Sendable,
  type SpanListener,
  type SpanRecord,
  StatusCode,
  type StatusName,
  type StreamHandler,
  type StreamOptions,
  type SubscribeOptions,
  type Target,
} from "./mesh/mod.ts";
export {
  type Fault,
  MxpError,
  type MxpErrorOptions,
} from "./internal/error.ts";
export type { Instant } from "./internal/instant.ts";
export type { RandomSource } from "./internal/random_source.ts";
export {
  type JsonValue,
  ProtocolError,
  type ProtocolErrorCode,
  type Value,
} from "./protocol/mod.ts";
export {
  type AeadSuite,
  createIdentityFile,
  CryptoError,
  type CryptoErrorCode,
  fingerprint,
  type Identity,
  type KeyPair,
  loadIdentity,
  loadOrCreateIdentity,
  type ProviderName,
} from "./crypto/mod.ts";
export {
  type Address,
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  type DatagramHandler,
  type EndpointObserver,
  type EndpointOptions,
  type StreamPriority,
  type Suite,
  systemRandom,
  type TransportConfig,
  TransportError,
  type TransportErrorCode,
} from "./transport/mod.ts";
export {
  type AgentEntry,
  type AgentRecord,
  type AgentSelector,
  type AgentStatus,
  type HeartbeatUpdate,
  type Lease,
  type Registry,
  RegistryError,
  type RegistryErrorCode,
  type RegistryLimits,
  type RegistryQuery,
} from "./registry/mod.ts";
