/**
 * Frames that break a rule, and the code that the node closes with.
 *
 * @module
 */
import { encodeMaxStreamsFrame } from "../../protocol/mod.ts";
import type { Clause } from "../clause.ts";
import { written } from "../peer/raw_connection.ts";
import { Code, violate, type Violation } from "../peer/violation.ts";

/** A packet of these bytes, which closes the connection with a code. */
function bytes(
  what: string,
  code: number,
  ...plaintext: readonly number[]
): Violation {
  return { what, code, packets: () => [Uint8Array.from(plaintext)] };
}

/** Runs violations one after the other, each on a connection of its own. */
function all(violations: readonly Violation[]): Clause["run"] {
  return async (context) => {
    for (const violation of violations) await violate(context, violation);
    return `${violations.length} cases`;
  };
}

const { FRAME_ENCODING_ERROR, PROTOCOL_VIOLATION } = Code;

/** Clauses about frames. */
export const FRAME_CLAUSES: readonly Clause[] = [
  {
    id: "frame.unknown-type",
    title: "A frame of an unknown type closes with FRAME_ENCODING_ERROR",
    spec: "frames.md#frames",
    run: all([
      bytes("frame type 0x7f", FRAME_ENCODING_ERROR, 0x7f, 0),
      bytes("frame type 0x10", FRAME_ENCODING_ERROR, 0x10, 0),
      bytes("control subtype 0xc8", FRAME_ENCODING_ERROR, 0x50, 0xc8),
    ]),
  },
  {
    id: "frame.truncated",
    title: "A frame that is cut short closes with FRAME_ENCODING_ERROR",
    spec: "frames.md#frames",
    run: all([
      bytes("a stop without its code", FRAME_ENCODING_ERROR, 0x50, 7, 4, 0x4d),
      bytes("data past the packet", FRAME_ENCODING_ERROR, 0x13, 0, 1, 9, 1),
      bytes("a datagram past the packet", FRAME_ENCODING_ERROR, 0x20, 9, 1),
    ]),
  },
  {
    id: "frame.values",
    title:
      "A number or value that is not allowed closes with FRAME_ENCODING_ERROR",
    spec: "frames.md#frames",
    run: all([
      bytes(
        "a credit of 2^53",
        FRAME_ENCODING_ERROR,
        ...[0x61, 0xc0, 0x20, 0, 0, 0, 0, 0, 0],
      ),
      bytes("an ack below 0", FRAME_ENCODING_ERROR, 0x30, 3, 0, 0, 4),
      bytes("an ack of 33 ranges", FRAME_ENCODING_ERROR, 0x30, 0x3f, 0, 32, 0),
      bytes(
        "an ack after 0 packets",
        FRAME_ENCODING_ERROR,
        ...[0x50, 0x0b, 0, 0, 0, 1],
      ),
      bytes(
        "connection id 0",
        FRAME_ENCODING_ERROR,
        ...[0x50, 4, 1, 0],
        ...new Array<number>(8).fill(0),
        ...new Array<number>(16).fill(1),
      ),
      bytes("priority 3", FRAME_ENCODING_ERROR, 0x11, 0, 3),
      bytes(
        "a limit of streams of kind 2",
        FRAME_ENCODING_ERROR,
        0x50,
        9,
        2,
        1,
      ),
      bytes(
        "a close with a reason of 257 bytes",
        FRAME_ENCODING_ERROR,
        ...[0x50, 8, 0, 0x41, 0x01],
        ...new Array<number>(257).fill(0x61),
      ),
    ]),
  },
  {
    id: "frame.max-streams",
    title: "A limit of more than 2^51 streams closes with FRAME_ENCODING_ERROR",
    spec: "frames.md#maxstreams",
    run: all([{
      what: "a limit of 2^51 + 1 streams",
      code: FRAME_ENCODING_ERROR,
      packets: () => [
        written((writer) =>
          encodeMaxStreamsFrame(writer, {
            isUnidirectional: false,
            maximum: 2 ** 51 + 1,
          })
        ),
      ],
    }]),
  },
  {
    id: "frame.ack-unsent",
    title:
      "Acknowledging a packet that was never sent closes with PROTOCOL_VIOLATION",
    spec: "frames.md#ack",
    run: all([
      bytes(
        "an ack of packet 1,000,000",
        PROTOCOL_VIOLATION,
        ...[0x30, 0x80, 0x0f, 0x42, 0x40, 0, 0, 0],
      ),
    ]),
  },
  {
    id: "frame.empty-packet",
    title: "A packet without a frame closes with PROTOCOL_VIOLATION",
    spec: "transport.md#packets",
    run: all([bytes("a packet without a frame", PROTOCOL_VIOLATION)]),
  },
  {
    id: "frame.reserved-flags",
    title:
      "A sealed packet with a reserved flag or that of a handshake closes with PROTOCOL_VIOLATION",
    spec: "transport.md#packets",
    run: all([0x01, 0x20, 0x40, 0x80].map((flag) => ({
      ...bytes(`flag 0x${flag.toString(16)}`, PROTOCOL_VIOLATION, 0x50, 1),
      send: { flags: flag },
    }))),
  },
  {
    id: "frame.reserved-byte",
    title:
      "A sealed packet whose reserved byte is not 0 closes with PROTOCOL_VIOLATION",
    spec: "transport.md#packets",
    run: all([0x01, 0xff].map((reservedByte) => ({
      ...bytes(`reserved byte ${reservedByte}`, PROTOCOL_VIOLATION, 0x50, 1),
      send: { reservedByte },
    }))),
  },
];
