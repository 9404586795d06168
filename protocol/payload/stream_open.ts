/**
 * Payload of a `StreamOpen` message (type `0x20`).
 *
 * ```text
 * offset  size  field           encoding
 *      0    16  streamId        bytes
 *     16    16  target          agent id, the bytes of a UUID; all 0: any agent
 *     32     1  kind            1 one way, 2 both ways
 *     33     4  timeoutSeconds  u32, little-endian; 0: not limited here
 *     37     n  data            bytes, to the end of the payload
 * ```
 *
 * A payload of exactly 33 bytes has neither timeout nor data.
 *
 * Spec: docs/spec/messages.md, "0x20 StreamOpen".
 *
 * @module
 */
import { AGENT_ID_LENGTH, MESSAGE_STREAM_ID_LENGTH } from "../constants.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** Size of the part that is always there, in bytes. */
export const STREAM_OPEN_HEAD_LENGTH = 33;

/** Who sends on a stream. */
export const StreamKind = {
  /** Only the opener. */
  ONE_WAY: 1,
  /** Both ends. */
  BOTH_WAYS: 2,
} as const;

/** Who sends on a stream. */
export type StreamKind = typeof StreamKind[keyof typeof StreamKind];

/** Opens a stream. */
export interface StreamOpenPayload {
  /** Number that the opener chose, 16 bytes. */
  readonly streamId: Uint8Array;
  /** Agent id of the other end, 16 bytes. */
  readonly target: Uint8Array;
  /** Who sends. */
  readonly kind: StreamKind;
  /**
   * Time for the whole stream, in whole seconds, a u32. Present together with
   * `data` after decoding; 0 when only `data` is given.
   */
  readonly timeoutSeconds?: number;
  /** What is called: see `encodeCallData`; empty when only the timeout is given. */
  readonly data?: Uint8Array;
}

/**
 * Encodes the payload of a `StreamOpen` message.
 *
 * @param open What to encode; borrowed.
 * @returns New bytes, owned by the caller: 33 without timeout and data, else
 * `37 + data.length`.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeStreamOpen(open: StreamOpenPayload): Uint8Array {
  const { streamId, target, kind, timeoutSeconds, data } = open;
  const isShort = timeoutSeconds === undefined && data === undefined;
  const writer = new PayloadWriter(
    "StreamOpen",
    STREAM_OPEN_HEAD_LENGTH + (isShort ? 0 : 4 + (data?.length ?? 0)),
  );
  if (!isStreamKind(kind)) throw writer.invalid(`kind ${kind} is not 1 or 2`);
  writer.fixed(streamId, MESSAGE_STREAM_ID_LENGTH, "streamId");
  writer.fixed(target, AGENT_ID_LENGTH, "target");
  writer.u8(kind, "kind");
  if (!isShort) {
    writer.u32(timeoutSeconds ?? 0, "timeoutSeconds");
    if (data !== undefined) writer.bytes(data);
  }
  return writer.finish();
}

/**
 * Decodes the payload of a `StreamOpen` message without copying.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The opening. Ids and data are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` below 33 bytes and from 34 to 36,
 * `PAYLOAD_INVALID` for an unknown kind.
 */
export function decodeStreamOpen(payload: Uint8Array): StreamOpenPayload {
  const reader = new PayloadReader("StreamOpen", payload);
  const streamId = reader.bytes(MESSAGE_STREAM_ID_LENGTH);
  const target = reader.bytes(AGENT_ID_LENGTH);
  const kind = reader.u8();
  reader.check();
  if (!isStreamKind(kind)) throw reader.invalid(`kind ${kind} is not 1 or 2`);
  if (reader.remaining === 0) return { streamId, target, kind };
  const timeoutSeconds = reader.u32();
  reader.check();
  return { streamId, target, kind, timeoutSeconds, data: reader.rest() };
}

function isStreamKind(kind: number): kind is StreamKind {
  return kind === StreamKind.ONE_WAY || kind === StreamKind.BOTH_WAYS;
}
