/**
 * Payload of an `Event` message (type `0x12`).
 *
 * ```text
 * offset  size  field        encoding
 *      0     1  contentType  see content.ts
 *      1     1  reserved     0
 *      2     2  topicLength  u16, little-endian
 *      4     t  topic        UTF-8
 *    4+t     8  sequence     u64, little-endian, at most 2^53 - 1
 *   12+t   2+e  extensions   extension block
 * 14+t+e     n  body         bytes, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0x12 Event".
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

/** Size of the fixed fields, in bytes. */
const FIXED_LENGTH = 12;

/** Something that happened; nobody answers. */
export interface EventPayload {
  /** What the body holds: see `ContentType`. */
  readonly contentType: number;
  /** What it is about, at most 65,535 bytes of UTF-8. */
  readonly topic: string;
  /**
   * Which of the events for a subscriber it is, over all its subscriptions, at most
   * 2^53 - 1. The node counts; what a publisher says is not looked at.
   */
  readonly sequence: number;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
  /** The event itself. */
  readonly body: Uint8Array;
}

/**
 * Encodes the payload of an `Event` message.
 *
 * @param event What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeEvent(event: EventPayload): Uint8Array {
  const { contentType, topic, sequence, extensions, body } = event;
  const writer = new PayloadWriter(
    "Event",
    FIXED_LENGTH + topic.length + extensionBlockLength(extensions) +
      body.length,
  );
  writer.u8(contentType, "contentType");
  writer.u8(0, "reserved");
  writer.text(topic, "topic");
  writer.u53(sequence, "sequence");
  writeExtensionBlock(writer, extensions);
  writer.bytes(body);
  return writer.finish();
}

/**
 * Decodes the payload of an `Event` message without copying.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The event. Extension values and body are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for a
 * reserved byte that is not 0, a topic that is not UTF-8, a sequence above
 * 2^53 - 1 or too many extensions.
 */
export function decodeEvent(
  payload: Uint8Array,
): EventPayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("Event", payload);
  const contentType = reader.u8();
  const reserved = reader.u8();
  reader.check();
  if (reserved !== 0) throw reader.invalid("reserved byte is not 0");
  const topic = reader.text();
  const sequence = reader.u53();
  const extensions = readExtensionBlock(reader);
  return { contentType, topic, sequence, extensions, body: reader.rest() };
}
