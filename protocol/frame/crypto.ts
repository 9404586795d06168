/**
 * Crypto (0x40): bytes of the handshake's own ordered stream.
 *
 * ```text
 * type    u8      0x40
 * offset  varint
 * length  varint
 * data    bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete, invalidFrame } from "./frame_error.ts";
import { FrameType } from "./frame_type.ts";

/** A decoded crypto frame. */
export interface CryptoFrame {
  /** Discriminant. */
  readonly type: "crypto";
  /** Where `data` starts in the stream of handshake bytes. */
  readonly offset: number;
  /** The bytes: a view of the packet. */
  readonly data: Uint8Array;
}

/**
 * Size of a crypto frame.
 *
 * @param offset Where the data starts.
 * @param dataLength How many bytes it carries.
 * @returns Bytes.
 */
export function cryptoFrameLength(offset: number, dataLength: number): number {
  return 1 + varintLength(offset) + varintLength(dataLength) + dataLength;
}

/**
 * Writes a crypto frame.
 *
 * @param writer Where to write.
 * @param frame Offset and bytes; the bytes are copied.
 */
export function encodeCryptoFrame(
  writer: ByteWriter,
  frame: Omit<CryptoFrame, "type">,
): void {
  writer.u8(FrameType.CRYPTO);
  writer.varint(frame.offset);
  writer.varint(frame.data.length);
  writer.bytes(frame.data);
}

/**
 * Reads a crypto frame after its type byte.
 *
 * @param reader Where to read.
 * @returns The frame; its data is a view.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated or reaches
 * beyond offset 2^53 - 1.
 */
export function decodeCryptoFrame(reader: ByteReader): CryptoFrame {
  const offset = reader.varint();
  const data = reader.bytes(reader.varint());
  checkComplete(reader, "Crypto");
  if (offset + data.length > Number.MAX_SAFE_INTEGER) {
    throw invalidFrame("Crypto frame: data beyond offset 2^53 - 1");
  }
  return { type: "crypto", offset, data };
}
