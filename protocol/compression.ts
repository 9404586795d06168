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
 * before any is done. It is at most a thousand times the frame's, or 64 KiB where
 * that is more: who wants 16 MiB to be filled has to send 17 KB. The zstd codec
 * itself is handed in: this folder is pure.
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
   * @param bytes The frame; borrowed. Other bytes, more than one, a part of one and
   * more blocks than 1,024 and one for each KiB of output are an error.
   * @param maxOutputLength Where to stop: more output is an error.
   * @returns What was compressed.
   */
  decompress(bytes: Uint8Array, maxOutputLength: number): Uint8Array;
}

/** Size of the length before the frame, in bytes. */
export const COMPRESSION_HEAD_LENGTH = 4;

/**
 * Most bytes that one byte of a frame may stand for. Text and records get 3 to 100
 * times shorter; beyond this there is one thing again and again.
 */
export const MAX_COMPRESSION_RATIO = 1000;

/** What a frame may hold however short it is, in bytes. */
export const MIN_ORIGINAL_LIMIT = 65_536;

/**
 * Most bytes that a compressed payload may hold.
 *
 * @param length Size of the payload with its head, in bytes.
 * @returns A size in bytes, at most 16 MiB. A payload that holds more is not to
 * be sent compressed.
 */
export function maxOriginalLength(length: number): number {
  return Math.min(
    MAX_PAYLOAD_LENGTH,
    Math.max(MIN_ORIGINAL_LIMIT, MAX_COMPRESSION_RATIO * length),
  );
}

/**
 * Compresses a payload. The result may be longer than the payload, or so short
 * that {@linkcode maxOriginalLength} is below the payload's: then send the payload
 * as it is, without the flag.
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
 * Reads what decompressing would give, before any work is done for it.
 *
 * @param payload The payload of a message with `MessageFlags.COMPRESSED`; borrowed.
 * @returns Size of the original payload, in bytes.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` below 4 bytes, `PAYLOAD_TOO_LARGE`
 * when more is announced than {@linkcode maxOriginalLength} allows.
 */
export function readOriginalLength(payload: Uint8Array): number {
  const reader = new PayloadReader("Compression", payload);
  const originalLength = reader.u32();
  reader.check();
  const limit = maxOriginalLength(payload.length);
  if (originalLength > limit) {
    throw new ProtocolError(
      "PAYLOAD_TOO_LARGE",
      `Compression: ${originalLength} bytes are above ${limit}, the most that ${payload.length} may hold`,
      { fault: "peer" },
    );
  }
  return originalLength;
}

/**
 * Decompresses a payload.
 *
 * @param compressor The codec, or undefined where there is none.
 * @param payload The payload of a message with `MessageFlags.COMPRESSED`; borrowed.
 * @returns The original payload.
 * @throws {ProtocolError} `COMPRESSION_UNAVAILABLE` without a codec,
 * `PAYLOAD_TRUNCATED` below 4 bytes, `PAYLOAD_TOO_LARGE` when more is announced
 * than {@linkcode maxOriginalLength} allows, `DECOMPRESSION_FAILED` when the frame
 * is damaged or does not give what was announced.
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
  const originalLength = readOriginalLength(payload);
  const frame = payload.subarray(COMPRESSION_HEAD_LENGTH);
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
