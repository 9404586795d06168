/**
 * JSON text sequences (RFC 7464): records that can be appended to a file one by
 * one, and of which a reader can skip a damaged one.
 *
 * @module
 */

/** What stands before each record. */
export const RECORD_SEPARATOR = "\u001e";

const encoder = new TextEncoder();

/**
 * Encodes one record.
 *
 * @param value Anything that JSON can hold.
 * @returns Record separator, JSON without a line break, line feed.
 */
export function encodeJsonSeqRecord(value: unknown): Uint8Array {
  return encoder.encode(`${RECORD_SEPARATOR}${JSON.stringify(value)}\n`);
}
