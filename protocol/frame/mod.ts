/**
 * Frames: what a packet carries inside its seal.
 *
 * Knows how each frame is laid out and which numbers it may hold. Does not
 * know what a frame means for a connection or a stream. A type byte comes
 * first; the numbers after it are variable-length integers as in RFC 9000 §16,
 * big-endian: the one exception to little-endian in this protocol.
 *
 * Spec: `docs/spec/frames.md`.
 *
 * @module
 */
export { ByteReader } from "../../internal/byte_reader.ts";
export { ByteWriter } from "../../internal/byte_writer.ts";
export type { Range } from "../../internal/range_set.ts";
export * from "./ack.ts";
export * from "./ack_frequency.ts";
export * from "./close.ts";
export * from "./connection_max_data.ts";
export * from "./crypto.ts";
export * from "./datagram.ts";
export * from "./frame.ts";
export * from "./frame_type.ts";
export * from "./max_streams.ts";
export * from "./new_connection_id.ts";
export * from "./padding.ts";
export * from "./path_validation.ts";
export * from "./ping.ts";
export * from "./priority.ts";
export * from "./reset_stream.ts";
export * from "./retire_connection_id.ts";
export * from "./stop_sending.ts";
export * from "./stream.ts";
export * from "./stream_max_data.ts";
export * from "./ticket.ts";
