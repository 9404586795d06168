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
import type { Extension } from "./extension.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/**
 * Encodes metadata as one extension for each pair.
 *
 * @param type The extension type.
 * @param metadata The pairs.
 * @returns The extensions, in the order of the pairs.
 * @throws {ProtocolError} `INVALID_VALUE` for text that is too long or not well formed.
 */
export function encodeMetadata(
  type: number,
  metadata: Readonly<Record<string, string>>,
): Extension[] {
  return Object.entries(metadata).map(([key, value]) => {
    const writer = new PayloadWriter(
      "Metadata",
      2 + key.length + value.length,
    );
    writer.text(key, "key");
    writer.textToEnd(value, "value");
    return { type, value: writer.finish() };
  });
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
   * @param value The value of the extension.
   * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for text
   * that is not UTF-8 and for a key that came before.
   */
  add(value: Uint8Array): void {
    const reader = new PayloadReader("Metadata", value);
    const key = reader.text();
    const pairs = this.#pairs ??= new Map();
    if (pairs.has(key)) throw reader.invalid("a key comes twice");
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
