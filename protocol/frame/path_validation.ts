/**
 * PathChallenge and PathResponse (control 2 and 3): whoever can read packets
 * sent to an address proves it by sending the same bytes back (RFC 9000 §8.2).
 *
 * ```text
 * type     u8       0x50
 * subtype  u8       2 or 3
 * data     8 bytes
 * ```
 *
 * @module
 */
import type { ByteReader } from "../../internal/byte_reader.ts";
import type { ByteWriter } from "../../internal/byte_writer.ts";
import { ProtocolError } from "../error.ts";
import { checkComplete } from "./frame_error.ts";
import { ControlType, FrameType } from "./frame_type.ts";

/** How many bytes a challenge has. */
export const PATH_DATA_LENGTH = 8;

/** Size of either frame in bytes. */
export const PATH_FRAME_LENGTH: number = 2 + PATH_DATA_LENGTH;

/** A decoded path challenge. */
export interface PathChallengeFrame {
  /** Discriminant. */
  readonly type: "path-challenge";
  /** 8 bytes to send back: a view of the packet. */
  readonly data: Uint8Array;
}

/** A decoded path response. */
export interface PathResponseFrame {
  /** Discriminant. */
  readonly type: "path-response";
  /** The 8 bytes of the challenge: a view of the packet. */
  readonly data: Uint8Array;
}

/**
 * Writes a path challenge.
 *
 * @param writer Where to write.
 * @param data 8 unpredictable bytes; copied.
 * @throws {ProtocolError} `INVALID_VALUE` when it is not 8 bytes.
 */
export function encodePathChallengeFrame(
  writer: ByteWriter,
  data: Uint8Array,
): void {
  encode(writer, ControlType.PATH_CHALLENGE, data);
}

/**
 * Writes a path response.
 *
 * @param writer Where to write.
 * @param data The 8 bytes of the challenge; copied.
 * @throws {ProtocolError} `INVALID_VALUE` when it is not 8 bytes.
 */
export function encodePathResponseFrame(
  writer: ByteWriter,
  data: Uint8Array,
): void {
  encode(writer, ControlType.PATH_RESPONSE, data);
}

function encode(writer: ByteWriter, subtype: number, data: Uint8Array): void {
  if (data.length !== PATH_DATA_LENGTH) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `Path frame: ${data.length} bytes instead of ${PATH_DATA_LENGTH}`,
    );
  }
  writer.u8(FrameType.CONTROL);
  writer.u8(subtype);
  writer.bytes(data);
}

/**
 * Reads a path challenge after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame; its data is a view.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodePathChallengeFrame(
  reader: ByteReader,
): PathChallengeFrame {
  const data = reader.bytes(PATH_DATA_LENGTH);
  checkComplete(reader, "PathChallenge");
  return { type: "path-challenge", data };
}

/**
 * Reads a path response after its subtype.
 *
 * @param reader Where to read.
 * @returns The frame; its data is a view.
 * @throws {ProtocolError} `FRAME_INVALID` when it is truncated.
 */
export function decodePathResponseFrame(reader: ByteReader): PathResponseFrame {
  const data = reader.bytes(PATH_DATA_LENGTH);
  checkComplete(reader, "PathResponse");
  return { type: "path-response", data };
}
