/**
 * The errors of the byte formats.
 *
 * @module
 */
import { MxpError } from "../internal/error.ts";

/** Codes of a {@linkcode ProtocolError}: stable, never renamed, never reused. */
export type ProtocolErrorCode =
  /** Fewer bytes than a message needs, or a buffer too small to encode into. */
  | "BUFFER_TOO_SMALL"
  /** The first four bytes are not those of this major version. */
  | "INVALID_MAGIC"
  /** A message type that is neither defined nor reserved for applications. */
  | "UNKNOWN_MESSAGE_TYPE"
  /** One of the upper four flag bits of a message is set. */
  | "RESERVED_FLAGS"
  /** The reserved field of a message header is not zero. */
  | "RESERVED_FIELD"
  /** A payload of more than 16 MiB. */
  | "PAYLOAD_TOO_LARGE"
  /** The checksum does not fit header and payload. */
  | "CHECKSUM_MISMATCH"
  /** A payload ends before its last field. */
  | "PAYLOAD_TRUNCATED"
  /** A payload holds a value that its layout does not allow. */
  | "PAYLOAD_INVALID"
  /** Text that is not an `mxp://` URL. */
  | "INVALID_URL"
  /** Text or bytes that are not an agent id. */
  | "INVALID_AGENT_ID"
  /** A compressed payload that does not give what it promised. */
  | "DECOMPRESSION_FAILED"
  /** A compressed payload where nothing can decompress it. */
  | "COMPRESSION_UNAVAILABLE"
  /** A frame inside an authenticated packet is malformed. */
  | "FRAME_INVALID"
  /** The caller gave a value that has no encoding. */
  | "INVALID_VALUE";

/**
 * Bytes that do not follow the formats of this library, or a value that does
 * not fit into them. `fault` tells which: `"peer"` for bytes, `"caller"` for
 * values.
 */
export class ProtocolError extends MxpError<ProtocolErrorCode> {}
