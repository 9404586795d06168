/**
 * Compressed payloads: what `MessageFlags.COMPRESSED` means.
 *
 * ```text
 * offset  size  field           encoding
 *      0     4  originalLength  u32, little-endian, at most 16,777,216
 *      4     n  frame           zstd (RFC 8878); absent when originalLength is 0
 * ```
 *
 * The length is carried and checked because a decompressor may return less
 * than everything for a frame that was cut off, and because it bounds the work
 * before any is done. The zstd codec itself is handed in: this folder is pure.
 *
 * Spec: docs/spec/messages.md, "Compression".
 *
 * @module
 */
import { MAX_PAYLOAD_LENGTH } from "./constants.ts";
import { ProtocolError } from "./error.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** A zstd codec. Both methods may throw anything. */
export interface Compressor {
  /**
   * Compresses into one zstd frame.
   *
   * @param bytes What to compress; borrowed.
   * @returns The frame.
   */
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * Decompresses one zstd frame.
   *
   * @param bytes The frame; borrowed.
   * @param maxOutputLength Where to stop: more output is an error.
   * @returns What was compressed.
   */
  decompress(bytes: Uint8Array, maxOutputLength: number): Uint8Array;
}

/** Size of the length before the frame, in bytes. */
export const COMPRESSION_HEAD_LENGTH = 4;

/**
 * Compresses a payload. The result may be longer than the payload: then send
 * the payload as it is, without the flag.
 *
 * @param compressor The codec.
 * @param payload At most 16 MiB; borrowed.
 * @returns The payload of a message with `MessageFlags.COMPRESSED`.
 * @throws {ProtocolError} `PAYLOAD_TOO_LARGE` above 16 MiB.
 */
export function compressPayload(
  compressor: Compressor,
  payload: Uint8Array,
): Uint8Array {
  if (payload.length > MAX_PAYLOAD_LENGTH) {
    throw new ProtocolError(
      "PAYLOAD_TOO_LARGE",
      `Compression: payload of ${payload.length} bytes is above ${MAX_PAYLOAD_LENGTH}`,
    );
  }
  const frame = payload.length === 0 ? payload : compressor.compress(payload);
  const writer = new PayloadWriter(
    "Compression",
    COMPRESSION_HEAD_LENGTH + frame.length,
  );
  writer.u32(payload.length, "original length");
  writer.bytes(frame);
  return writer.finish();
}

/**
 * Decompresses a payload.
 *
 * @param compressor The codec, or undefined where there is none.
 * @param payload The payload of a message with `MessageFlags.COMPRESSED`; borrowed.
 * @returns The original payload.
 * @throws {ProtocolError} `COMPRESSION_UNAVAILABLE` without a codec,
 * `PAYLOAD_TRUNCATED` below 4 bytes, `PAYLOAD_TOO_LARGE` when more than 16 MiB
 * are announced, `DECOMPRESSION_FAILED` when the frame is damaged or does not
 * give what was announced.
 */
export function decompressPayload(
  compressor: Compressor | undefined,
  payload: Uint8Array,
): Uint8Array {
  if (compressor === undefined) {
    throw new ProtocolError(
      "COMPRESSION_UNAVAILABLE",
      "Compression: this runtime has no zstd",
      { fault: "internal" },
    );
  }
  const reader = new PayloadReader("Compression", payload);
  const originalLength = reader.u32();
  reader.check();
  if (originalLength > MAX_PAYLOAD_LENGTH) {
    throw new ProtocolError(
      "PAYLOAD_TOO_LARGE",
      `Compression: ${originalLength} bytes are above ${MAX_PAYLOAD_LENGTH}`,
      { fault: "peer" },
    );
  }
  const frame = reader.rest();
  const original = originalLength === 0
    ? frame
    : decompress(compressor, frame, originalLength);
  if (original.length !== originalLength) {
    throw new ProtocolError(
      "DECOMPRESSION_FAILED",
      `Compression: ${originalLength} bytes announced, ${original.length} found`,
      { fault: "peer" },
    );
  }
  return original;
}

function decompress(
  compressor: Compressor,
  frame: Uint8Array,
  maxOutputLength: number,
): Uint8Array {
  try {
    return compressor.decompress(frame, maxOutputLength);
  } catch (cause) {
    throw new ProtocolError(
      "DECOMPRESSION_FAILED",
      "Compression: frame is damaged or holds more than announced",
      { fault: "peer", cause },
    );
  }
}
