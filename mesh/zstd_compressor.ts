/**
 * zstd as the runtime has it.
 *
 * @module
 */
import * as zlib from "node:zlib";
import type { Compressor } from "../protocol/mod.ts";
import { isOneZstdFrame, zstdFrameLength } from "./zstd_frame.ts";

/** The part of `node:zlib` that Node 20 lacks. */
interface Zstd {
  readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (
    bytes: Uint8Array,
    options: { maxOutputLength: number },
  ) => Uint8Array;
}

/**
 * Makes the codec of compressed payloads.
 *
 * @returns The codec, or `undefined` where the runtime has no zstd.
 */
export function createZstdCompressor(): Compressor | undefined {
  const { zstdCompressSync, zstdDecompressSync } = zlib as unknown as Zstd;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) {
    return undefined;
  }
  return {
    compress: (bytes) => {
      const frames = plain(zstdCompressSync(bytes));
      // Deno 2.9 puts empty ones behind the one that was asked for, now and then.
      return frames.subarray(0, zstdFrameLength(frames));
    },
    decompress: (bytes, maxOutputLength) => {
      if (!isOneZstdFrame(bytes, maxOutputLength)) {
        throw new RangeError(
          "zstd: part of a frame, more than one, or too many blocks",
        );
      }
      // The bound has to be above zero; an empty result passes it as well.
      return plain(zstdDecompressSync(bytes, {
        maxOutputLength: Math.max(1, maxOutputLength),
      }));
    },
  };
}

/** The same bytes without what `Buffer` adds: its `slice` does not copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
