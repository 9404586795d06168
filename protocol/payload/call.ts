/**
 * Payload of a `Call` message (type `0x10`).
 *
 * ```text
 * offset  size  field           encoding
 *      0    16  target          agent id, the bytes of a UUID; all 0: any agent
 *     16     4  timeoutSeconds  u32, little-endian; 0: not limited here
 *     20     n  data            bytes, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0x10 Call".
 *
 * @module
 */
import {
  type EnvelopedCallData,
  maxCallDataLength,
  readCallData,
  writeCallData,
} from "../call_data.ts";
import { AGENT_ID_LENGTH } from "../constants.ts";
import type { Extension } from "../extension.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** Size of the part before `data`, in bytes. */
export const CALL_HEAD_LENGTH = 20;

/** A request that expects a reply. */
export interface CallPayload {
  /** Agent id of the callee, 16 bytes. */
  readonly target: Uint8Array;
  /** Time for the whole call, in whole seconds, a u32; the envelope has milliseconds. */
  readonly timeoutSeconds: number;
  /** What is called: see `encodeCallData`. */
  readonly data: Uint8Array;
}

/**
 * Encodes the payload of a `Call` message.
 *
 * @param call What to encode; borrowed.
 * @returns New bytes, `20 + data.length`, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeCall(call: CallPayload): Uint8Array {
  const writer = new PayloadWriter("Call", CALL_HEAD_LENGTH + call.data.length);
  writer.fixed(call.target, AGENT_ID_LENGTH, "target");
  writer.u32(call.timeoutSeconds, "timeoutSeconds");
  writer.bytes(call.data);
  return writer.finish();
}

/**
 * Decodes the payload of a `Call` message without copying.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The call. Target and data are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` below 20 bytes.
 *
 * @example Usage
 * ```ts
 * import { decodeCall } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const call = decodeCall(new Uint8Array(22));
 * assert.equal(call.data.length, 2);
 * ```
 */
export function decodeCall(payload: Uint8Array): CallPayload {
  const reader = new PayloadReader("Call", payload);
  const target = reader.bytes(AGENT_ID_LENGTH);
  const timeoutSeconds = reader.u32();
  reader.check();
  return { target, timeoutSeconds, data: reader.rest() };
}

/** As {@linkcode CallPayload}, with its call data and their envelope as values. */
export interface EnvelopedCall {
  /** Agent id of the callee, 16 bytes. */
  readonly target: Uint8Array;
  /** Time for the whole call, in whole seconds, a u32. */
  readonly timeoutSeconds: number;
  /** What is called, with what. */
  readonly data: EnvelopedCallData;
}

/**
 * Most bytes that {@linkcode encodeEnvelopedCallInto} writes.
 *
 * @param call What would be encoded.
 * @param caller As there.
 * @returns A size in bytes.
 */
export function maxEnvelopedCallLength(
  call: EnvelopedCall,
  caller: readonly Extension[] = [],
): number {
  return CALL_HEAD_LENGTH + maxCallDataLength(call.data, caller);
}

/**
 * Encodes the payload of a `Call` message, its call data and its envelope in one
 * step into a caller's buffer: the same bytes as {@linkcode encodeCall},
 * `encodeCallData` and `encodeEnvelope` give together.
 *
 * @param call What to encode; borrowed.
 * @param caller Name and id of the caller, which are the same in all its calls:
 * what `encodeEnvelope` gives for them, for an envelope without them.
 * @param into Where; has room for {@linkcode maxEnvelopedCallLength}.
 * @param at Index of the first byte.
 * @returns How many bytes were written.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry,
 * `BUFFER_TOO_SMALL`.
 */
export function encodeEnvelopedCallInto(
  call: EnvelopedCall,
  caller: readonly Extension[],
  into: Uint8Array,
  at = 0,
): number {
  const writer = new PayloadWriter("Call", into, at);
  writer.fixed(call.target, AGENT_ID_LENGTH, "target");
  writer.u32(call.timeoutSeconds, "timeoutSeconds");
  writeCallData(writer, call.data, caller);
  return writer.length;
}

/**
 * Decodes the payload of a `Call` message, its call data and its envelope in one
 * step: what {@linkcode decodeCall}, `decodeCallData` and `decodeEnvelope` give
 * one after the other.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The call. Target, body and the caller's id are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID`.
 */
export function decodeEnvelopedCall(payload: Uint8Array): EnvelopedCall {
  const reader = new PayloadReader("Call", payload);
  const target = reader.bytes(AGENT_ID_LENGTH);
  const timeoutSeconds = reader.u32();
  reader.check();
  return { target, timeoutSeconds, data: readCallData(reader) };
}
