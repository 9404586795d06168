/**
 * Datagram (0x20): bytes of the application that are never sent again.
 *
 * ```text
 * type    u8      0x20
 * length  varint
 * data    bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import { type ByteWriter, varintLength } from "../../internal/byte_writer.ts";
import { checkComplete } from "./frame_error.ts";
import { FrameType } from "./frame_type.ts";

/** A decoded datagram frame. */
export interface DatagramFrame {
  /** Discriminant. */
  readonly type: "datagram";
  /** The bytes: a view of the packet. */
  readonly data: Uint8Array;
}

/**
 * Size of a datagram frame.
 *
 * @param dataLength How many bytes it carries.
 * @returns Bytes.
 */
export function datagramFrameLength(dataLength: number): number {
  return 1 + varintLength(dataLength) + dataLength;
}

/**
 * Writes a datagram frame.
 *
 * @param writer Where to write.
 * @param data The bytes; copied.
 */
export function encodeDatagramFrame(
  writer: ByteWriter,
  data: Uint8Array,
): void {
  writer.u8(FrameType.DATAGRAM);
  writer.varint(data.length);
  writer.bytes(data);
}

/**
 * Reads a datagram frame after its type byte.
 *
 * @param reader Where to read.
 * @returns The frame; its data is a view.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodeDatagramFrame(reader: ByteReader): DatagramFrame {
  const data = reader.bytes(reader.varint());
  checkComplete(reader, "Datagram");
  return { type: "datagram", data };
}
