/**
 * Frames: everything inside an authenticated packet.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { concat } from "../../../internal/concat.ts";
import {
  ByteReader,
  decodeFrame,
  type Frame,
  ProtocolError,
} from "../../../protocol/mod.ts";
import { encodeFrame } from "../../support/encode_frame.ts";
import { signatureOf } from "../signature.ts";
import { attempt, type FuzzTarget, require } from "../target.ts";

const EIGHT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const STREAM = {
  type: "stream",
  streamId: 4,
  isOpen: false,
  priority: undefined,
  offset: 70_000,
  data: EIGHT,
  isFin: false,
} as const;

/** One frame of each kind, as the connection targets send them too. */
export const SAMPLE_FRAMES: readonly Frame[] = [
  { type: "ping" },
  { type: "padding", length: 3 },
  { ...STREAM, isOpen: true, priority: 1, offset: 0 },
  STREAM,
  { ...STREAM, data: new Uint8Array(0), isFin: true },
  { ...STREAM, isOpen: true, priority: 2, offset: 0, isFin: true },
  { type: "datagram", data: EIGHT },
  { type: "ack", largest: 0, delayMicros: 100, ranges: [{ start: 0, end: 1 }] },
  {
    type: "ack",
    largest: 20_000,
    delayMicros: 5,
    ranges: [{ start: 19_000, end: 20_001 }, { start: 3, end: 9 }],
  },
  { type: "crypto", offset: 9, data: EIGHT },
  { type: "stream-max-data", streamId: 1, maxData: 2 ** 40 },
  { type: "connection-max-data", maxData: 2 ** 30 },
  { type: "path-challenge", data: EIGHT },
  { type: "path-response", data: EIGHT },
  {
    type: "new-connection-id",
    sequence: 3,
    retirePriorTo: 1,
    connectionId: EIGHT,
    resetToken: new Uint8Array(16),
  },
  { type: "ticket", lifetimeSeconds: 3600, ticket: EIGHT },
  { type: "reset-stream", streamId: 5, code: 7, finalSize: 100 },
  { type: "stop-sending", streamId: 4, code: 8 },
  { type: "close", code: 1, reason: "bye ü" },
  { type: "max-streams", isUnidirectional: true, maximum: 9 },
  { type: "retire-connection-id", sequence: 2 },
  {
    type: "ack-frequency",
    sequence: 1,
    threshold: 16,
    maxAckDelayMicros: 5_000,
    reorderingThreshold: 3,
  },
] as const;

/** The frames of a packet, up to where it cannot be read. */
function readFrames(input: Uint8Array): { frames: Frame[]; refusal: string } {
  const reader = new ByteReader(input);
  const frames: Frame[] = [];
  while (reader.remaining > 0) {
    const before = reader.offset;
    const outcome = attempt(ProtocolError, () => decodeFrame(reader));
    if ("refusal" in outcome) return { frames, refusal: outcome.refusal };
    require(reader.offset > before, "each frame takes a byte at least");
    frames.push(outcome.value);
  }
  return { frames, refusal: "end" };
}

/** A stream frame that says nothing has no encoding: it is read, never written. */
function isWritable(frame: Frame): boolean {
  return frame.type !== "stream" || frame.isOpen || frame.isFin ||
    frame.data.length > 0;
}

const FRAMES: FuzzTarget = {
  name: "frames",
  subject: "decodeFrame over a whole packet; each frame can be written again",
  seeds: () => [
    ...SAMPLE_FRAMES.map(encodeFrame),
    concat(...SAMPLE_FRAMES.map(encodeFrame)),
    new Uint8Array(0),
  ],
  maxLength: 65_535,
  dictionary: SAMPLE_FRAMES.map(encodeFrame),
  run(input) {
    const { frames, refusal } = readFrames(input);
    for (const frame of frames.slice(0, 50)) {
      if (!isWritable(frame)) continue;
      const again = decodeFrame(new ByteReader(encodeFrame(frame)));
      require(
        isDeepStrictEqual(again, frame),
        `a ${frame.type} frame survives being written and read`,
      );
    }
    const shapes = frames.slice(0, 30).map((frame) =>
      signatureOf(frame, frame.type)
    );
    return `${refusal} ${shapes.join(" ")}`;
  },
};

/** The targets of this file. */
export const FRAME_TARGETS: readonly FuzzTarget[] = [FRAMES];
