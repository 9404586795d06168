/**
 * Padding (0x00): zero bytes without meaning. A run of them is read at once.
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import type { ByteWriter } from "../../internal/byte_writer.ts";

/** A decoded run of padding. */
export interface PaddingFrame {
  /** Discriminant. */
  readonly type: "padding";
  /** How many zero bytes the run has. */
  readonly length: number;
}

/**
 * Writes padding.
 *
 * @param writer Where to write.
 * @param length How many bytes.
 */
export function encodePaddingFrame(writer: ByteWriter, length: number): void {
  writer.zeros(length);
}

/**
 * Reads the rest of a run of padding whose first byte was read.
 *
 * @param reader Where to read.
 * @returns The whole run.
 */
export function decodePaddingFrame(reader: ByteReader): PaddingFrame {
  const { buffer } = reader;
  const start = reader.offset - 1;
  let end = reader.offset;
  while (end < buffer.length && buffer[end] === 0) end++;
  reader.offset = end;
  return { type: "padding", length: end - start };
}
