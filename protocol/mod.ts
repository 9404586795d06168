/**
 * The byte formats: messages and their payloads, packets and frames, ids,
 * addresses and the checksum.
 *
 * Knows how everything on the wire is laid out and refuses what is not laid
 * out so. Does not know keys, sockets, clocks or what a message means to an
 * agent: every function here is pure. Integers are little-endian, except the
 * variable-length integers inside frames (RFC 9000 §16).
 *
 * Decoders return views of what they are given: copy what is to outlive the
 * buffer.
 *
 * @example A message there and back
 * ```ts
 * import { decodeMessage, encodeMessage, MessageType } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const payload = new TextEncoder().encode("hello");
 * const bytes = encodeMessage({
 *   type: MessageType.EVENT,
 *   flags: 0,
 *   messageId: 1n,
 *   traceId: 7n,
 *   payload,
 * });
 * assert.deepEqual(decodeMessage(bytes).payload, payload);
 * ```
 *
 * @module
 */
export {
  type Fault,
  MxpError,
  type MxpErrorOptions,
} from "../internal/error.ts";
export type { RandomSource } from "../internal/random_source.ts";
export * from "./agent_id.ts";
export {
  CALL_DATA_VERSION,
  type CallData,
  decodeCallData,
  encodeCallData,
  type EnvelopedCallData,
} from "./call_data.ts";
export * from "./compression.ts";
export * from "./connection_id.ts";
export * from "./constants.ts";
export * from "./content.ts";
export {
  type Budget,
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  EnvelopeExtension,
  type TraceContext,
} from "./envelope.ts";
export * from "./error.ts";
export {
  decodeExtensions,
  encodeExtensions,
  type Extension,
  extensionBlockLength,
  extensionsLength,
  MAX_EXTENSION_COUNT,
} from "./extension.ts";
export * from "./frame/mod.ts";
export * from "./message.ts";
export * from "./message_flags.ts";
export {
  decodeMessageHeader,
  encodeMessageHeaderInto,
  type MessageHeader,
} from "./message_header.ts";
export * from "./message_type.ts";
export * from "./mxp_url.ts";
export * from "./packet_header.ts";
export * from "./payload/ack.ts";
export * from "./payload/agent_discover.ts";
export * from "./payload/agent_heartbeat.ts";
export * from "./payload/agent_list.ts";
export * from "./payload/agent_register.ts";
export * from "./payload/call.ts";
export * from "./payload/error.ts";
export * from "./payload/event.ts";
export * from "./payload/response.ts";
export * from "./payload/stream_chunk.ts";
export * from "./payload/stream_close.ts";
export * from "./payload/stream_open.ts";
export * from "./stream_id.ts";
export * from "./xxh3.ts";
