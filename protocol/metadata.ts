/**
 * Metadata: pairs of texts, each in an extension of its own.
 *
 * ```text
 * offset  size  field      encoding
 *      0     2  keyLength  u16, little-endian
 *      2     k  key        UTF-8
 *    2+k     n  value      UTF-8, to the end of the extension
 * ```
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import type { PayloadReader } from "./payload_reader.ts";
import type { PayloadWriter } from "./payload_writer.ts";

/** Most bytes of UTF-8 for one unit of a string. */
export const MAX_UTF8_BYTES = 3;

/** Type and length of an extension and the length of a key, in bytes. */
const PAIR_HEAD_LENGTH = 6;

/** Most bytes of metadata: the length of the extensions together is a u16. */
const MAX_METADATA_BYTES = 65_535;

/**
 * Writes metadata as one extension for each pair.
 *
 * @param writer Where.
 * @param type The extension type.
 * @param metadata The pairs.
 * @returns How many pairs were written, in their order.
 * @throws {ProtocolError} `INVALID_VALUE` for text that is too long or not well formed.
 */
export function writeMetadata(
  writer: PayloadWriter,
  type: number,
  metadata: Readonly<Record<string, string>>,
): number {
  const pairs = Object.entries(metadata);
  for (const [key, value] of pairs) {
    writer.u16(type, "extension type");
    const at = writer.beginPart();
    writer.text(key, "metadata key");
    writer.textToEnd(value, "metadata value");
    writer.endPart(at, "metadata");
  }
  return pairs.length;
}

/**
 * Most bytes that {@linkcode writeMetadata} writes.
 *
 * @param metadata The pairs.
 * @returns A size in bytes.
 * @throws {ProtocolError} `INVALID_VALUE` for what cannot be written, whatever its
 * texts are: the size would be that of no message.
 */
export function maxMetadataLength(
  metadata: Readonly<Record<string, string>>,
): number {
  let heads = 0;
  let units = 0;
  for (const [key, value] of Object.entries(metadata)) {
    heads += PAIR_HEAD_LENGTH;
    units += key.length + value.length;
  }
  // A unit of a string takes a byte at least.
  if (heads + units > MAX_METADATA_BYTES) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `Metadata: it is above ${MAX_METADATA_BYTES} bytes`,
    );
  }
  return heads + MAX_UTF8_BYTES * units;
}

/** Gathers the pairs of repeated extensions. */
export class MetadataCollector {
  // Not a plain object while a peer fills it: `__proto__` is a key like any other.
  // Made for the first pair: most messages have none.
  #pairs: Map<string, string> | undefined;

  /** Whether a pair has arrived. */
  get isEmpty(): boolean {
    return this.#pairs === undefined;
  }

  /**
   * Adds the pair of one extension.
   *
   * @param reader Stands at the value of the extension.
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for text
   * that is not UTF-8 and for a key that came before.
   */
  add(reader: PayloadReader): void {
    const key = reader.text();
    const pairs = this.#pairs ??= new Map();
    if (pairs.has(key)) throw reader.invalid("a metadata key comes twice");
    pairs.set(key, reader.textToEnd());
  }

  /**
   * Ends the gathering.
   *
   * @returns The pairs as an object of its own properties.
   */
  finish(): Record<string, string> {
    return Object.fromEntries(this.#pairs ?? []);
  }
}
