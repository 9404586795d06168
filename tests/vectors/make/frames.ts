/**
 * Vectors of variable-length integers, stream ids and frames.
 *
 * @module
 */
import { ByteWriter } from "../../../internal/byte_writer.ts";
import { type Frame, makeStreamId } from "../../../protocol/mod.ts";
import { encodeFrame } from "../../support/encode_frame.ts";
import { counting, fromHex, type VectorFile } from "./vector_file.ts";

const MAX_SAFE = 2 ** 53 - 1;
const DATA = Uint8Array.of(0x61, 0x62, 0x63);

function stream(fields: Partial<Extract<Frame, { type: "stream" }>>): Frame {
  return {
    type: "stream",
    streamId: 4,
    isOpen: false,
    priority: undefined,
    offset: 0,
    data: new Uint8Array(),
    isFin: false,
    ...fields,
  };
}

const FRAMES: Readonly<Record<string, Frame>> = {
  "padding of five bytes": { type: "padding", length: 5 },
  "stream opened, control": stream({ isOpen: true, priority: 0 }),
  "stream opened, bulk": stream({ isOpen: true, priority: 2 }),
  "data": stream({ offset: 100, data: DATA }),
  "end": stream({ streamId: 1, offset: 3, isFin: true }),
  "opened with data": stream({ isOpen: true, priority: 1, data: DATA }),
  "opened and ended": stream({ isOpen: true, priority: 1, isFin: true }),
  "data and end": stream({ offset: 16_384, data: DATA, isFin: true }),
  "opened with data and ended": stream({
    streamId: 0,
    isOpen: true,
    priority: 1,
    data: DATA,
    isFin: true,
  }),
  "data up to the largest offset": stream({
    streamId: MAX_SAFE,
    offset: MAX_SAFE - 3,
    data: DATA,
  }),
  "datagram": { type: "datagram", data: Uint8Array.of(1, 2) },
  "empty datagram": { type: "datagram", data: new Uint8Array() },
  "ack of packet 0": {
    type: "ack",
    largest: 0,
    delayMicros: 0,
    ranges: [{ start: 0, end: 1 }],
  },
  "ack of three ranges": {
    type: "ack",
    largest: 10,
    delayMicros: 25,
    ranges: [
      { start: 8, end: 11 },
      { start: 5, end: 6 },
      { start: 0, end: 4 },
    ],
  },
  "ack of 32 ranges": {
    type: "ack",
    largest: 62,
    delayMicros: 5_000,
    ranges: Array.from({ length: 32 }, (_, index) => ({
      start: 62 - 2 * index,
      end: 63 - 2 * index,
    })),
  },
  "crypto": { type: "crypto", offset: 70, data: DATA },
  "ping": { type: "ping" },
  "path challenge": { type: "path-challenge", data: counting(8) },
  "path response": { type: "path-response", data: counting(8) },
  "new connection id": {
    type: "new-connection-id",
    sequence: 7,
    retirePriorTo: 5,
    connectionId: counting(8, 0x10),
    resetToken: counting(16, 0x20),
  },
  "ack frequency": {
    type: "ack-frequency",
    sequence: 3,
    threshold: 16,
    maxAckDelayMicros: 5_000,
    reorderingThreshold: 3,
  },
  "retire connection id": { type: "retire-connection-id", sequence: 5 },
  "ticket": { type: "ticket", lifetimeSeconds: 3_600, ticket: counting(9) },
  "reset of a stream": {
    type: "reset-stream",
    streamId: 4,
    code: 42,
    finalSize: 1_000,
  },
  "stop of a stream": { type: "stop-sending", streamId: 4, code: 77 },
  "close with a reason": { type: "close", code: 0x0a, reason: "grün" },
  "close of an application": { type: "close", code: 0x100, reason: "" },
  "max streams, both directions": {
    type: "max-streams",
    isUnidirectional: false,
    maximum: 2 ** 51,
  },
  "max streams, one direction": {
    type: "max-streams",
    isUnidirectional: true,
    maximum: 10,
  },
  "stream max data": { type: "stream-max-data", streamId: 4, maxData: 4_096 },
  "connection max data": { type: "connection-max-data", maxData: MAX_SAFE },
};

/** Frames that close the connection with FRAME_ENCODING_ERROR. */
const REFUSED: Readonly<Record<string, string>> = {
  "type 01": "01",
  "type 10, a stream frame that says nothing": "10 00",
  "type 18": "18 00",
  "type 62": "62 00 00",
  "type ff": "ff",
  "control without a subtype": "50",
  "control subtype 0": "50 00",
  "control subtype 12": "50 0c",
  "priority 3": "11 00 03",
  "stream id missing": "12",
  "data past the end": "12 00 00 05 61",
  "data past 2^53 - 1": "12 00 dfffffffffffffff 01 61",
  "datagram past the end": "20 05 61",
  "ack of a range below 0": "30 03 00 00 04",
  "ack of a second range below 0": "30 05 00 01 01 03 01",
  "ack of 33 ranges": `30 40 64 00 20 00 ${"00 00 ".repeat(32)}`,
  "crypto past the end": "40 00 05 61",
  "path challenge of seven bytes": "50 02 00010203040506",
  "connection id of an index below retire prior to": `50 04 01 02 ${
    "01".repeat(24)
  }`,
  "connection id 0": `50 04 02 01 ${"00".repeat(8)} ${"01".repeat(16)}`,
  "reset token cut": `50 04 02 01 ${"01".repeat(23)}`,
  "ticket past the end": "50 05 01 05 00",
  "reset without a final size": "50 06 04 2a",
  "stop without a code": "50 07 04",
  "code cut short": "50 07 04 4d",
  "close with a reason of 257 bytes": `50 08 00 4101 ${"61".repeat(257)}`,
  "close with a reason that is not UTF-8": "50 08 00 01 ff",
  "max streams of kind 2": "50 09 02 01",
  "max streams above 2^51": "50 09 00 c008000000000001",
  "ack frequency without its fields": "50 0b",
  "number of 2^53": "61 c020000000000000",
  "number cut short": "61 c0200000",
};

/**
 * Vectors of frames.
 *
 * @returns The file.
 */
export function makeFrames(): VectorFile {
  return {
    note:
      "Made by the encoders of this repository from the fields shown; the " +
      "refused ones were written by hand. valid: `bytes` is one frame with " +
      "these fields; ranges of an ack are half-open and descend. invalid: in an " +
      "authenticated packet it closes the connection with FRAME_ENCODING_ERROR.",
    spec: "frames.md#frames",
    valid: Object.entries(FRAMES).map(([name, frame]) => ({
      name,
      frame,
      bytes: encodeFrame(frame),
    })),
    invalid: Object.entries(REFUSED).map(([name, digits]) => ({
      name,
      bytes: fromHex(digits),
    })),
  };
}

/**
 * Vectors of numbers.
 *
 * @returns The file.
 */
export function makeNumbers(): VectorFile {
  const values = [
    ...[0, 1, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 32],
    MAX_SAFE,
  ];
  return {
    note: "varints: `value` in its shortest form. longer: other forms that a " +
      "receiver takes. tooLarge: refused, although the encoding could carry " +
      "it. streamIds: the parts of each id.",
    spec: "frames.md#frames",
    varints: values.map((value) => {
      const writer = new ByteWriter(new Uint8Array(8));
      writer.varint(value);
      return { value, bytes: writer.written };
    }),
    longer: [
      { value: 1, bytes: "4001" },
      { value: 1, bytes: "80000001" },
      { value: 1, bytes: "c000000000000001" },
    ],
    tooLarge: ["c020000000000000", "ffffffffffffffff"],
    streamIds: [0, 1, 2 ** 30, 2 ** 51 - 1].flatMap((sequence) =>
      [true, false].flatMap((isInitiator) =>
        [false, true].map((isUnidirectional) => ({
          sequence,
          isInitiator,
          isUnidirectional,
          id: makeStreamId({ sequence, isInitiator, isUnidirectional }),
        }))
      )
    ),
  };
}
