/**
 * Vectors of whole messages and of the checksum.
 *
 * @module
 */
import {
  encodeMessage,
  type Message,
  MessageType,
  xxh3_64,
} from "../../../protocol/mod.ts";
import { counting, type VectorFile } from "./vector_file.ts";

const ID = 0x0123456789abcdefn;
const TRACE = 0xfedcba9876543210n;

function message(fields: Partial<Message>): Message {
  return {
    type: MessageType.CALL,
    flags: 0,
    messageId: ID,
    traceId: TRACE,
    payload: counting(3, 0xa0),
    ...fields,
  };
}

/** A good message after something was done to its bytes. */
function damaged(change: (bytes: Uint8Array) => Uint8Array | void): Uint8Array {
  const bytes = encodeMessage(message({}));
  return change(bytes) ?? bytes;
}

/**
 * Vectors of messages.
 *
 * @returns The file.
 */
export function makeMessages(): VectorFile {
  const names = Object.entries(MessageType);
  const valid: [name: string, message: Message][] = [
    ...names.map(([name, type]): [string, Message] => [
      `type ${name}`,
      message({ type }),
    ]),
    ["first type of applications", message({ type: 0x80 })],
    ["last type of applications", message({ type: 0xef })],
    ...[1, 2, 4, 8, 15].map((flags): [string, Message] => [
      `flags ${flags}`,
      message({ flags }),
    ]),
    ["no payload", message({ payload: new Uint8Array() })],
    ["ids of zero", message({ messageId: 0n, traceId: 0n })],
    ["largest ids", message({ messageId: 2n ** 64n - 1n, traceId: 1n << 63n })],
    ["payload of 300 bytes", message({ payload: counting(300) })],
  ];
  const header = (at: number, value: number): Uint8Array =>
    damaged((bytes) => {
      bytes[at] = value;
    });
  const length = (value: bigint): Uint8Array =>
    damaged((bytes) =>
      new DataView(bytes.buffer).setBigUint64(24, value, true)
    );
  const invalid: [name: string, bytes: Uint8Array, error: string][] = [
    ["empty", new Uint8Array(), "BUFFER_TOO_SMALL"],
    ["39 bytes", damaged((bytes) => bytes.slice(0, 39)), "BUFFER_TOO_SMALL"],
    [
      "last byte missing",
      damaged((bytes) => bytes.slice(0, -1)),
      "BUFFER_TOO_SMALL",
    ],
    ["magic of version 2", header(0, 0x32), "INVALID_MAGIC"],
    ["magic the other way round", header(3, 0x31), "INVALID_MAGIC"],
    ["type 0", header(4, 0x00), "UNKNOWN_MESSAGE_TYPE"],
    ["type 04", header(4, 0x04), "UNKNOWN_MESSAGE_TYPE"],
    ["type 7f", header(4, 0x7f), "UNKNOWN_MESSAGE_TYPE"],
    ["type f2", header(4, 0xf2), "UNKNOWN_MESSAGE_TYPE"],
    ["flag 10", header(5, 0x10), "RESERVED_FLAGS"],
    ["flag 80", header(5, 0x80), "RESERVED_FLAGS"],
    ["reserved byte 6", header(6, 1), "RESERVED_FIELD"],
    ["reserved byte 7", header(7, 1), "RESERVED_FIELD"],
    ["one byte too large", length(16_777_217n), "PAYLOAD_TOO_LARGE"],
    ["upper half of the length", length(1n << 32n), "PAYLOAD_TOO_LARGE"],
    ["longer than there is", length(4n), "BUFFER_TOO_SMALL"],
    ["shorter than there is", length(2n), "CHECKSUM_MISMATCH"],
    ["message id changed", header(8, 0), "CHECKSUM_MISMATCH"],
    ["payload changed", header(32, 0), "CHECKSUM_MISMATCH"],
    ["checksum changed", header(42, 0), "CHECKSUM_MISMATCH"],
    [
      "unknown type and reserved flag: the first check counts",
      damaged((bytes) => {
        bytes[4] = 0;
        bytes[5] = 0x80;
      }),
      "UNKNOWN_MESSAGE_TYPE",
    ],
  ];
  return {
    note: "Made by the encoder of this repository from the fields shown. " +
      "valid: `bytes` decodes to the fields, and the fields encode to `bytes`. " +
      "invalid: a decoder refuses `bytes` with `error`. Ids are decimal text. " +
      "Payloads are arbitrary: a decoder of messages does not judge them.",
    spec: "messages.md#message",
    valid: valid.map(([name, fields]) => ({
      name,
      ...fields,
      bytes: encodeMessage(fields),
    })),
    invalid: invalid.map(([name, bytes, error]) => ({ name, bytes, error })),
  };
}

/** Lengths at which XXH3-64 changes its way, and around them. */
const CHECKSUM_LENGTHS = [
  ...[0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 96, 97, 128, 129, 160],
  ...[239, 240, 241, 255, 256, 257, 512, 1_023, 1_024, 1_025, 2_048, 4_096],
];

/**
 * Vectors of the checksum.
 *
 * @returns The file.
 */
export function makeChecksums(): VectorFile {
  return {
    note: "XXH3-64 with seed 0 over `length` bytes, byte i being i mod 256. " +
      "Computed by this repository; its tests compare the function with the " +
      "published one. `checksum` is the integer, `bytes` what stands behind a message.",
    spec: "messages.md#message",
    cases: CHECKSUM_LENGTHS.map((length) => {
      const checksum = xxh3_64(counting(length));
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, checksum, true);
      return { length, checksum, bytes };
    }),
  };
}
