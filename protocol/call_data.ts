/**
 * Call data: what this project puts into the `data` of a `Call`, and into the
 * optional part of a `StreamOpen`.
 *
 * ```text
 * offset  size  field         encoding
 *      0     1  version       1
 *      1     1  contentType   see content.ts
 *      2     2  methodLength  u16, little-endian
 *      4     m  method        UTF-8
 *    4+m   2+e  extensions    extension block: the envelope
 *  6+m+e     n  body          bytes, to the end
 * ```
 *
 * Spec: docs/spec/messages.md, "Call data".
 *
 * @module
 */
import {
  type Envelope,
  maxEnvelopeLength,
  readEnvelopeBlock,
  writeEnvelope,
} from "./envelope.ts";
import {
  type Extension,
  extensionBlockLength,
  extensionsLength,
  readExtensionBlock,
  writeExtensionBlock,
} from "./extension.ts";
import { MAX_UTF8_BYTES } from "./metadata.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The one version of the call data. */
export const CALL_DATA_VERSION = 1;

/** Size of version, content type and both lengths, in bytes. */
const FIXED_LENGTH = 6;

/** What is called, with what. */
export interface CallData {
  /** What the body holds: see `ContentType`. */
  readonly contentType: number;
  /** Name of the method, at most 65,535 bytes of UTF-8. */
  readonly method: string;
  /**
   * The envelope: see `encodeEnvelope`. A decoder always gives it, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
  /** The argument. */
  readonly body: Uint8Array;
}

/**
 * Encodes call data.
 *
 * @param data What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeCallData(data: CallData): Uint8Array {
  const { contentType, method, extensions, body } = data;
  const writer = new PayloadWriter(
    "Call data",
    4 + method.length + extensionBlockLength(extensions) + body.length,
  );
  writer.u8(CALL_DATA_VERSION, "version");
  writer.u8(contentType, "contentType");
  writer.text(method, "method");
  writeExtensionBlock(writer, extensions);
  writer.bytes(body);
  return writer.finish();
}

/**
 * Decodes call data without copying.
 *
 * @param bytes The data of a call; borrowed.
 * @returns The call data. Extension values and body are views of `bytes`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for another
 * version, text that is not UTF-8 or too many extensions.
 *
 * @example Usage
 * ```ts
 * import { decodeCallData, encodeCallData } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const body = new TextEncoder().encode("hello");
 * const data = encodeCallData({ contentType: 1, method: "greet", body });
 * assert.equal(decodeCallData(data).method, "greet");
 * ```
 */
export function decodeCallData(
  bytes: Uint8Array,
): CallData & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("Call data", bytes);
  const contentType = readContentType(reader);
  const method = reader.name();
  const extensions = readExtensionBlock(reader);
  return { contentType, method, extensions, body: reader.rest() };
}

/** What is called, with what, and the envelope instead of its extensions. */
export interface EnvelopedCallData {
  /** What the body holds: see `ContentType`. */
  readonly contentType: number;
  /** Name of the method, at most 65,535 bytes of UTF-8. */
  readonly method: string;
  /** What the request hands on. */
  readonly envelope: Envelope;
  /** The argument. */
  readonly body: Uint8Array;
}

/**
 * Writes call data with its envelope where they are sent from: so that a call
 * costs no memory on its way.
 *
 * @param writer Where.
 * @param data What to write; borrowed.
 * @param caller Name and id of the caller, encoded already, for an envelope
 * without them.
 * @throws {ProtocolError} As {@linkcode encodeCallData} and `encodeEnvelope`.
 */
export function writeCallData(
  writer: PayloadWriter,
  data: EnvelopedCallData,
  caller: readonly Extension[],
): void {
  writer.u8(CALL_DATA_VERSION, "version");
  writer.u8(data.contentType, "contentType");
  writer.text(data.method, "method");
  const block = writer.beginPart();
  writeEnvelope(writer, data.envelope, caller);
  writer.endPart(block, "extension block");
  writer.bytes(data.body);
}

/**
 * Most bytes that {@linkcode writeCallData} writes.
 *
 * @param data What would be written.
 * @param caller As there.
 * @returns A size in bytes.
 */
export function maxCallDataLength(
  data: EnvelopedCallData,
  caller: readonly Extension[],
): number {
  return FIXED_LENGTH + MAX_UTF8_BYTES * data.method.length +
    maxEnvelopeLength(data.envelope) + extensionsLength(caller) +
    data.body.length;
}

/**
 * Reads call data and its envelope to the end of the payload.
 *
 * @param reader Where from.
 * @returns The call data. Its body and the caller's id are views.
 * @throws {ProtocolError} As {@linkcode decodeCallData} and `decodeEnvelope`.
 */
export function readCallData(reader: PayloadReader): EnvelopedCallData {
  const contentType = readContentType(reader);
  const method = reader.name();
  const envelope = readEnvelopeBlock(reader);
  return { contentType, method, envelope, body: reader.rest() };
}

function readContentType(reader: PayloadReader): number {
  const version = reader.u8();
  const contentType = reader.u8();
  reader.check();
  if (version !== CALL_DATA_VERSION) {
    throw reader.invalid(`version ${version} is not ${CALL_DATA_VERSION}`);
  }
  return contentType;
}
