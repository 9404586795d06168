/**
 * Extensions: what a payload carries beyond its fixed fields.
 *
 * ```text
 * extension:        type u16, length u16, value
 * extension block:  length u16 (of all extensions together), extensions
 * ```
 *
 * A reader skips the types that it does not know, so a later version adds
 * fields without breaking an earlier one.
 *
 * Spec: docs/spec/messages.md, "Extensions".
 *
 * @module
 */
import type { ProtocolError } from "./error.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** One extension. */
export interface Extension {
  /** What it is, a u16; the meaning depends on the payload. */
  readonly type: number;
  /** At most 65,535 bytes. Borrowed when encoding, a view after decoding. */
  readonly value: Uint8Array;
}

/**
 * Most extensions that one payload may carry. It bounds what a peer can make
 * us allocate: an empty extension is 4 bytes on the wire and far more in memory.
 */
export const MAX_EXTENSION_COUNT = 1024;

/** Size of type and length, in bytes. */
export const EXTENSION_HEAD_LENGTH = 4;

/** Largest extension block, without its length field, in bytes. */
const MAX_BLOCK_LENGTH = 0xffff;

/**
 * Encodes extensions one after the other, without the length of a block.
 *
 * @param extensions What to encode, in this order.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` above 1,024 extensions, for a type
 * that is not a u16 or a value above 65,535 bytes.
 *
 * @example Usage
 * ```ts
 * import { decodeExtensions, encodeExtensions } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeExtensions([{ type: 7, value: new Uint8Array(2) }]);
 * assert.equal(bytes.length, 6);
 * assert.equal(decodeExtensions(bytes)[0]?.type, 7);
 * ```
 */
export function encodeExtensions(extensions: readonly Extension[]): Uint8Array {
  const writer = new PayloadWriter("Extensions", extensionsLength(extensions));
  writeExtensions(writer, extensions);
  return writer.finish();
}

/**
 * Decodes extensions that fill `bytes`, without copying.
 *
 * @param bytes Extensions one after the other; borrowed.
 * @returns The extensions in their order. Values are views of `bytes`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` when the last one is cut off,
 * `PAYLOAD_INVALID` above 1,024 extensions.
 */
export function decodeExtensions(bytes: Uint8Array): Extension[] {
  return readExtensions(new PayloadReader("Extensions", bytes));
}

/**
 * Size of extensions without the length of a block.
 *
 * @param extensions What would be encoded.
 * @returns Size in bytes.
 */
export function extensionsLength(extensions: readonly Extension[]): number {
  let length = 0;
  for (let index = 0; index < extensions.length; index++) {
    length += EXTENSION_HEAD_LENGTH + extensions[index]!.value.length;
  }
  return length;
}

/**
 * Size of an extension block with its length field.
 *
 * @param extensions What would be encoded.
 * @returns Size in bytes.
 */
export function extensionBlockLength(
  extensions: readonly Extension[] = [],
): number {
  return 2 + extensionsLength(extensions);
}

/**
 * Writes extensions one after the other.
 *
 * @param writer Where.
 * @param extensions What to write, in this order.
 * @throws {ProtocolError} `INVALID_VALUE` as {@linkcode encodeExtensions}.
 */
export function writeExtensions(
  writer: PayloadWriter,
  extensions: readonly Extension[],
): void {
  checkExtensionCount(writer, extensions.length);
  for (let index = 0; index < extensions.length; index++) {
    const { type, value } = extensions[index]!;
    writer.u16(type, "extension type");
    writer.u16(value.length, "extension length");
    writer.bytes(value);
  }
}

/**
 * Refuses more extensions than a payload may carry.
 *
 * @param writer What they are written with.
 * @param count How many there are.
 * @throws {ProtocolError} `INVALID_VALUE` above 1,024.
 */
export function checkExtensionCount(
  writer: PayloadWriter,
  count: number,
): void {
  if (count <= MAX_EXTENSION_COUNT) return;
  throw writer.invalid(
    `${count} extensions are above ${MAX_EXTENSION_COUNT}`,
  );
}

/**
 * Writes an extension block.
 *
 * @param writer Where.
 * @param extensions What to write, in this order.
 * @throws {ProtocolError} `INVALID_VALUE` as {@linkcode encodeExtensions}, and
 * above 65,535 bytes together.
 */
export function writeExtensionBlock(
  writer: PayloadWriter,
  extensions: readonly Extension[] = [],
): void {
  const length = extensionsLength(extensions);
  if (length > MAX_BLOCK_LENGTH) {
    throw writer.invalid(
      `extensions of ${length} bytes are above ${MAX_BLOCK_LENGTH}`,
    );
  }
  writer.u16(length, "extension block length");
  writeExtensions(writer, extensions);
}

/**
 * Reads extensions to the end of the payload.
 *
 * @param reader Where from.
 * @returns The extensions; values are views.
 * @throws {ProtocolError} As {@linkcode decodeExtensions}.
 */
export function readExtensions(reader: PayloadReader): Extension[] {
  const extensions: Extension[] = [];
  while (reader.remaining > 0) {
    if (extensions.length === MAX_EXTENSION_COUNT) {
      throw tooMany(reader);
    }
    const type = reader.u16();
    const value = reader.bytes(reader.u16());
    reader.check();
    extensions.push({ type, value });
  }
  return extensions;
}

/** Extensions of a payload that has none: not to be changed. */
const NO_EXTENSIONS: readonly Extension[] = Object.freeze([]);

/**
 * Reads an extension block.
 *
 * @param reader Where from.
 * @returns The extensions; values are views.
 * @throws {ProtocolError} As {@linkcode decodeExtensions}.
 */
export function readExtensionBlock(
  reader: PayloadReader,
): readonly Extension[] {
  const length = reader.u16();
  const start = reader.skip(length);
  reader.check();
  return length === 0
    ? NO_EXTENSIONS
    : decodeExtensions(reader.buffer.subarray(start, start + length));
}

/** Takes the extensions of {@linkcode readEachExtension}. */
export interface ExtensionVisitor {
  /**
   * @param type What it is.
   * @param reader Stands at its value and ends behind it.
   */
  add(type: number, reader: PayloadReader): void;
}

/**
 * Reads an extension block without making its extensions.
 *
 * @param reader Where from.
 * @param subject What is read, for the error messages about values.
 * @param visitor Told of each one, in their order.
 * @throws {ProtocolError} As {@linkcode decodeExtensions}.
 */
export function readEachExtension(
  reader: PayloadReader,
  subject: string,
  visitor: ExtensionVisitor,
): void {
  const blockLength = reader.u16();
  const blockStart = reader.skip(blockLength);
  reader.check();
  if (blockLength === 0) return;
  const end = blockStart + blockLength;
  const value = new PayloadReader(subject, reader.buffer);
  reader.offset = blockStart;
  for (let count = 0; reader.offset < end; count++) {
    if (count === MAX_EXTENSION_COUNT) throw tooMany(reader);
    const type = reader.u16();
    const length = reader.u16();
    const start = reader.skip(length);
    // What follows the block is not a part of its last extension.
    if (reader.offset > end) reader.fail();
    reader.check();
    value.moveTo(start, length);
    visitor.add(type, value);
  }
}

function tooMany(reader: PayloadReader): ProtocolError {
  return reader.invalid(`more than ${MAX_EXTENSION_COUNT} extensions`);
}
