/**
 * Payload of a `Response` message (type `0x11`).
 *
 * ```text
 * offset  size  field        encoding
 *      0     2  status       u16, little-endian; 0: done, else a call status code
 *      2     1  contentType  see content.ts
 *      3     1  reserved     0
 *      4   2+e  extensions   extension block
 *    6+e     n  body         bytes, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0x11 Response".
 *
 * @module
 */
import {
  type Extension,
  extensionBlockLength,
  readExtensionBlock,
  writeExtensionBlock,
} from "../extension.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** Size of the part before the extensions, in bytes. */
const HEAD_LENGTH = 4;

/** The reply to a request. */
export interface ResponsePayload {
  /** Call status code, a u16; 0 is success. */
  readonly status: number;
  /** What the body holds: see `ContentType`. */
  readonly contentType: number;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
  /** The result. */
  readonly body: Uint8Array;
}

/**
 * Encodes the payload of a `Response` message.
 *
 * @param response What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeResponse(response: ResponsePayload): Uint8Array {
  const writer = new PayloadWriter("Response", responseLength(response));
  writeResponse(writer, response);
  return writer.finish();
}

/**
 * Size of an encoded response.
 *
 * @param response What would be encoded.
 * @returns Size in bytes.
 */
export function responseLength(response: ResponsePayload): number {
  return HEAD_LENGTH + extensionBlockLength(response.extensions) +
    response.body.length;
}

/**
 * Encodes the payload of a `Response` message into a caller's buffer.
 *
 * @param response What to encode; borrowed.
 * @param into Where; {@linkcode responseLength} bytes are written.
 * @param at Index of the first byte.
 * @returns How many bytes were written.
 * @throws {ProtocolError} As {@linkcode encodeResponse}, `BUFFER_TOO_SMALL`.
 */
export function encodeResponseInto(
  response: ResponsePayload,
  into: Uint8Array,
  at = 0,
): number {
  const writer = new PayloadWriter("Response", into, at);
  writeResponse(writer, response);
  return writer.length;
}

function writeResponse(writer: PayloadWriter, response: ResponsePayload): void {
  writer.u16(response.status, "status");
  writer.u8(response.contentType, "contentType");
  writer.u8(0, "reserved");
  writeExtensionBlock(writer, response.extensions);
  writer.bytes(response.body);
}

/**
 * Decodes the payload of a `Response` message without copying.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The response. Extension values and body are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for a
 * reserved byte that is not 0 or too many extensions.
 */
export function decodeResponse(
  payload: Uint8Array,
): ResponsePayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("Response", payload);
  const status = reader.u16();
  const contentType = reader.u8();
  const reserved = reader.u8();
  reader.check();
  if (reserved !== 0) throw reader.invalid("reserved byte is not 0");
  const extensions = readExtensionBlock(reader);
  return { status, contentType, extensions, body: reader.rest() };
}
