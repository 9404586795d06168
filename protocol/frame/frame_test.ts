import assert from "node:assert/strict";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { encodeFrame } from "../../tests/support/encode_frame.ts";
import { ProtocolError } from "../error.ts";
import { MAX_STREAM_COUNT } from "../stream_id.ts";
import {
  ackFrameLength,
  ackFrequencyFrameLength,
  closeFrameLength,
  connectionMaxDataFrameLength,
  cryptoFrameLength,
  datagramFrameLength,
  decodeFrame,
  encodeAckFrame,
  encodeNewConnectionIdFrame,
  encodePathChallengeFrame,
  encodePathResponseFrame,
  fitAckFrame,
  type Frame,
  isAckEliciting,
  MAX_ACK_RANGES,
  MAX_ONE_RANGE_ACK_LENGTH,
  maxStreamsFrameLength,
  newConnectionIdFrameLength,
  PATH_FRAME_LENGTH,
  PING_FRAME_LENGTH,
  type Range,
  resetStreamFrameLength,
  retireConnectionIdFrameLength,
  stopSendingFrameLength,
  streamFrameLength,
  streamMaxDataFrameLength,
  ticketFrameLength,
} from "./mod.ts";

const MAX = Number.MAX_SAFE_INTEGER;

function promisedLength(frame: Frame): number {
  switch (frame.type) {
    case "ack":
      return ackFrameLength(frame);
    case "close":
      return closeFrameLength(frame);
    case "connection-max-data":
      return connectionMaxDataFrameLength(frame.maxData);
    case "crypto":
      return cryptoFrameLength(frame.offset, frame.data.length);
    case "datagram":
      return datagramFrameLength(frame.data.length);
    case "max-streams":
      return maxStreamsFrameLength(frame.maximum);
    case "new-connection-id":
      return newConnectionIdFrameLength(frame);
    case "padding":
      return frame.length;
    case "path-challenge":
    case "path-response":
      return PATH_FRAME_LENGTH;
    case "ping":
      return PING_FRAME_LENGTH;
    case "reset-stream":
      return resetStreamFrameLength(frame);
    case "ack-frequency":
      return ackFrequencyFrameLength(frame);
    case "retire-connection-id":
      return retireConnectionIdFrameLength(frame.sequence);
    case "stop-sending":
      return stopSendingFrameLength(frame);
    case "stream":
      return streamFrameLength({
        streamId: frame.streamId,
        priority: frame.priority,
        offset: frame.offset,
        length: frame.data.length,
        isFin: frame.isFin,
      });
    case "stream-max-data":
      return streamMaxDataFrameLength(frame);
    case "ticket":
      return ticketFrameLength(frame);
  }
}

/** Numbers of every encoded size. */
const number = fc.oneof(
  fc.nat(63),
  fc.nat(16383),
  fc.nat(2 ** 30 - 1),
  fc.maxSafeNat(),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length });

const streamFrame: fc.Arbitrary<Frame> = fc.record({
  streamId: number,
  isOpen: fc.boolean(),
  priority: fc.constantFrom(0 as const, 1 as const, 2 as const),
  offset: number,
  data: bytes,
  isFin: fc.boolean(),
}).filter((f) => f.isOpen || f.isFin || f.data.length > 0)
  .filter((f) => f.isOpen || f.offset + f.data.length <= MAX)
  .map((f) => ({
    ...f,
    type: "stream",
    priority: f.isOpen ? f.priority : undefined,
    offset: f.isOpen ? 0 : f.offset,
  }));

const ackFrame: fc.Arbitrary<Frame> = fc.record({
  largest: number,
  delayMicros: number,
  steps: fc.array(fc.tuple(fc.nat(2000), fc.nat(100)), {
    minLength: 1,
    maxLength: MAX_ACK_RANGES,
  }),
}).map(({ largest, delayMicros, steps }) => {
  const ranges: Range[] = [];
  let end = largest + 1;
  for (const [size, gap] of steps) {
    const start = end - 1 - size;
    if (start < 0) break;
    ranges.push({ start, end });
    end = start - 1 - gap;
    if (end < 1) break;
  }
  if (ranges.length === 0) ranges.push({ start: largest, end: largest + 1 });
  return { type: "ack", largest, delayMicros, ranges };
});

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  streamFrame,
  ackFrame,
  fc.record({
    type: fc.constant("close" as const),
    code: number,
    reason: fc.string({ unit: "binary", maxLength: 64 }),
  }),
  fc.record({
    type: fc.constant("connection-max-data" as const),
    maxData: number,
  }),
  fc.record({
    type: fc.constant("crypto" as const),
    offset: number,
    data: bytes,
  }).filter((f) => f.offset + f.data.length <= MAX),
  fc.record({ type: fc.constant("datagram" as const), data: bytes }),
  fc.record({
    type: fc.constant("max-streams" as const),
    isUnidirectional: fc.boolean(),
    maximum: number.map((n) => Math.min(n, MAX_STREAM_COUNT)),
  }),
  fc.record({
    type: fc.constant("new-connection-id" as const),
    sequence: number,
    retirePriorTo: fc.constant(0),
    connectionId: bytesOf(8).filter((id) => id.some((byte) => byte !== 0)),
    resetToken: bytesOf(16),
  }),
  fc.record({
    type: fc.constant("padding" as const),
    length: fc.integer({ min: 1, max: 2000 }),
  }),
  fc.record({
    type: fc.constantFrom("path-challenge" as const, "path-response" as const),
    data: bytesOf(8),
  }),
  fc.constant<Frame>({ type: "ping" }),
  fc.record({
    type: fc.constant("reset-stream" as const),
    streamId: number,
    code: number,
    finalSize: number,
  }),
  fc.record({
    type: fc.constant("ack-frequency" as const),
    sequence: number,
    threshold: fc.integer({ min: 1 }),
    maxAckDelayMicros: number,
    reorderingThreshold: fc.integer({ min: 1 }),
  }),
  fc.record({
    type: fc.constant("retire-connection-id" as const),
    sequence: number,
  }),
  fc.record({
    type: fc.constant("stop-sending" as const),
    streamId: number,
    code: number,
  }),
  fc.record({
    type: fc.constant("stream-max-data" as const),
    streamId: number,
    maxData: number,
  }),
  fc.record({
    type: fc.constant("ticket" as const),
    lifetimeSeconds: number,
    ticket: bytes,
  }),
);

function isFrameInvalid(thrown: unknown): boolean {
  return thrown instanceof ProtocolError && thrown.code === "FRAME_INVALID" &&
    thrown.fault === "peer";
}

function assertRefused(...packet: number[]): void {
  assert.throws(
    () => decodeFrame(new ByteReader(Uint8Array.from(packet))),
    isFrameInvalid,
  );
}

Deno.test("decodeFrame() undoes every encoder, and lengths are as promised", () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const encoded = encodeFrame(frame);
      assert.equal(encoded.length, promisedLength(frame));
      const reader = new ByteReader(encoded);
      assert.deepEqual(decodeFrame(reader), { ...frame });
      assert.equal(reader.remaining, 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("decodeFrame() refuses every shorter length of every frame", () => {
  fc.assert(
    fc.property(
      anyFrame.filter((frame) => frame.type !== "padding"),
      (frame) => {
        const encoded = encodeFrame(frame);
        for (let length = 0; length < encoded.length; length++) {
          assert.throws(
            () => decodeFrame(new ByteReader(encoded.slice(0, length))),
            isFrameInvalid,
          );
        }
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("decodeFrame() returns a frame or throws FRAME_INVALID for any bytes", () => {
  const plausible = fc.tuple(
    fc.constantFrom(0x11, 0x13, 0x16, 0x17, 0x20, 0x30, 0x40, 0x50, 0x60, 0x61),
    fc.uint8Array({ maxLength: 40 }),
  ).map(([type, rest]) => Uint8Array.of(type, ...rest));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), plausible), (packet) => {
      try {
        const reader = new ByteReader(packet);
        decodeFrame(reader);
        assert(reader.offset > 0 && reader.offset <= packet.length);
      } catch (thrown) {
        assert(isFrameInvalid(thrown));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeFrame() returns views of the packet, not copies", () => {
  const packet = Uint8Array.of(0x17, 4, 1, 3, 7, 8, 9);
  const frame = decodeFrame(new ByteReader(packet));
  assert(frame.type === "stream");
  assert.equal(frame.data.buffer, packet.buffer);
  assert.deepEqual(frame, {
    type: "stream",
    streamId: 4,
    isOpen: true,
    priority: 1,
    offset: 0,
    data: Uint8Array.of(7, 8, 9),
    isFin: true,
  });
});

Deno.test("decodeFrame() refuses every unknown type and control subtype", () => {
  const types = new Set([0x00, 0x20, 0x30, 0x40, 0x50, 0x60, 0x61]);
  for (let bits = 1; bits <= 7; bits++) types.add(0x10 + bits);
  for (let type = 0; type < 256; type++) {
    if (!types.has(type)) assertRefused(type, ...new Array(32).fill(0));
  }
  for (let subtype = 0; subtype < 256; subtype++) {
    if (subtype < 1 || subtype > 11) {
      assertRefused(0x50, subtype, ...new Array(32).fill(0));
    }
  }
});

Deno.test("decodeFrame() refuses stream frames with an unknown priority", () => {
  for (let priority = 3; priority < 256; priority++) {
    assertRefused(0x11, 0, priority);
  }
});

Deno.test("decodeFrame() refuses numbers above 2^53 - 1", () => {
  const large = [0xc0, 0x20, 0, 0, 0, 0, 0, 0];
  assertRefused(0x61, ...large);
  assertRefused(0x60, 0, ...large);
  assertRefused(0x14, ...large, 0);
  assertRefused(0x30, ...large, 0, 0, 0);
  assertRefused(0x50, 6, 0, ...large, 0);
});

Deno.test("decodeFrame() refuses data beyond offset 2^53 - 1 (RFC 9000 §19.8)", () => {
  const last = [0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  assertRefused(0x12, 0, ...last, 1, 7);
  assertRefused(0x40, ...last, 1, 7);
  const end = decodeFrame(new ByteReader(Uint8Array.of(0x14, 0, ...last)));
  assert(end.type === "stream" && end.offset === MAX && end.isFin);
});

Deno.test("decodeAckFrame() follows the arithmetic of RFC 9000 §19.3.1", () => {
  // 10, 9, 8; then 7 and 6 missing; then 5; then 4 missing; then 3 to 0.
  const packet = Uint8Array.of(0x30, 10, 25, 2, 2, 1, 0, 0, 3);
  assert.deepEqual(decodeFrame(new ByteReader(packet)), {
    type: "ack",
    largest: 10,
    delayMicros: 25,
    ranges: [{ start: 8, end: 11 }, { start: 5, end: 6 }, { start: 0, end: 4 }],
  });
});

Deno.test("decodeAckFrame() refuses ranges below packet number 0", () => {
  assertRefused(0x30, 3, 0, 0, 4);
  assertRefused(0x30, 5, 0, 1, 0, 5, 0);
  assertRefused(0x30, 5, 0, 1, 0, 0, 4);
  // Below zero in the middle and back above through nothing: still refused.
  assertRefused(0x30, 5, 0, 2, 6, 0, 0, 0, 0);
});

Deno.test("decodeAckFrame() takes 32 ranges and refuses 33", () => {
  const packet = (additional: number) => [
    ...[0x30, 0x41, 0, 0, additional, 0],
    ...new Array(additional * 2).fill(0),
  ];
  const frame = decodeFrame(new ByteReader(Uint8Array.from(packet(31))));
  assert(frame.type === "ack" && frame.ranges.length === 32);
  assertRefused(...packet(32));
  assertRefused(0x30, 0x41, 0, 0, 0xbf, 0xff, 0xff, 0xff, 0);
});

Deno.test("encodeAckFrame() refuses ranges that touch, rise or are too many", () => {
  const writer = new ByteWriter(new Uint8Array(1024));
  const bad: Range[][] = [
    [],
    [{ start: 5, end: 10 }],
    [{ start: 9, end: 9 }],
    [{ start: 9, end: 11 }, { start: 5, end: 9 }],
    [{ start: 9, end: 11 }, { start: 9, end: 10 }],
    [{ start: 9, end: 11 }, { start: -1, end: 4 }],
    Array.from(
      { length: 33 },
      (_, i) => ({ start: 10 - 2 * i, end: 11 - 2 * i }),
    ),
  ];
  for (const ranges of bad) {
    assert.throws(
      () => encodeAckFrame(writer, { largest: 10, delayMicros: 0, ranges }),
      { code: "INVALID_VALUE" },
    );
  }
  assert.equal(writer.offset, 0);
});

Deno.test("decodeCloseFrame() refuses a long reason and one that is not UTF-8", () => {
  assertRefused(0x50, 8, 0, 0x41, 0x01, ...new Array(257).fill(0x61));
  assertRefused(0x50, 8, 0, 1, 0xff);
  assertRefused(0x50, 8, 0, 2, 0xc0, 0x80);
});

Deno.test("encodeCloseFrame() cuts a long reason at a character", () => {
  const frame = decodeFrame(
    new ByteReader(
      encodeFrame({ type: "close", code: 1, reason: "€".repeat(100) }),
    ),
  );
  assert(frame.type === "close");
  assert.equal(frame.reason, "€".repeat(85));
});

Deno.test("decodeMaxStreamsFrame() refuses unknown kinds and more than 2^51", () => {
  assertRefused(0x50, 9, 2, 1);
  assertRefused(0x50, 9, 0, 0xc0, 0x08, 0, 0, 0, 0, 0, 1);
});

Deno.test("decodeNewConnectionIdFrame() refuses to retire above its own (RFC 9000 §19.15)", () => {
  assertRefused(0x50, 4, 1, 2, ...new Array(24).fill(1));
});

Deno.test("NewConnectionId frames never offer the id of hellos", () => {
  const token = new Uint8Array(16).fill(1);
  assertRefused(0x50, 4, 1, 0, ...new Array(8).fill(0), ...token);
  const writer = new ByteWriter(new Uint8Array(64));
  assert.throws(
    () =>
      encodeNewConnectionIdFrame(writer, {
        sequence: 1,
        retirePriorTo: 0,
        connectionId: new Uint8Array(8),
        resetToken: token,
      }),
    { code: "INVALID_VALUE" },
  );
  assert.equal(writer.offset, 0);
});

Deno.test("encodePathChallengeFrame() and others refuse arrays of a wrong length", () => {
  const writer = new ByteWriter(new Uint8Array(64));
  const invalid = { code: "INVALID_VALUE" };
  for (const length of [0, 7, 9]) {
    const data = new Uint8Array(length);
    assert.throws(() => encodePathChallengeFrame(writer, data), invalid);
    assert.throws(() => encodePathResponseFrame(writer, data), invalid);
    assert.throws(() =>
      encodeNewConnectionIdFrame(writer, {
        sequence: 0,
        retirePriorTo: 0,
        connectionId: data,
        resetToken: new Uint8Array(16),
      }), invalid);
  }
  assert.equal(writer.offset, 0);
});

Deno.test("decodePaddingFrame() takes a whole run and stops at the next frame", () => {
  const reader = new ByteReader(Uint8Array.of(0, 0, 0, 0x50, 1, 0));
  assert.deepEqual(decodeFrame(reader), { type: "padding", length: 3 });
  assert.deepEqual(decodeFrame(reader), { type: "ping" });
  assert.deepEqual(decodeFrame(reader), { type: "padding", length: 1 });
  assert.equal(reader.remaining, 0);
});

Deno.test("isAckEliciting() is false for acks, padding and close only (RFC 9002 §2)", () => {
  assert.deepEqual(
    (["ack", "padding", "close", "ping", "stream", "datagram"] as const)
      .map(isAckEliciting),
    [false, false, false, true, true, true],
  );
});

Deno.test("decodeFrame() gives the known answers of docs/spec/frames.md", () => {
  const page = readFileSync(
    new URL("../../docs/spec/frames.md", import.meta.url),
    "utf8",
  );
  const rows = page.slice(page.indexOf("## Known answers"))
    .matchAll(/^\| `([0-9A-F ]+)` +\| (.*?) *\|$/gm);
  const answers = new Map<string, Frame | "error">();
  for (const [, hex, meaning] of rows) {
    const bytes = Uint8Array.from(
      hex!.split(" "),
      (byte) => parseInt(byte, 16),
    );
    if (meaning!.startsWith("is an error")) {
      assertRefused(...bytes);
      answers.set(hex!, "error");
      continue;
    }
    const frame = decodeFrame(new ByteReader(bytes));
    assert.deepEqual(
      encodeFrame(frame),
      bytes,
      "the sender's form is the shortest",
    );
    answers.set(hex!, frame);
  }
  const stream = { type: "stream", isFin: false, data: new Uint8Array(0) };
  const text = (value: string) => new TextEncoder().encode(value);
  assert.deepEqual([...answers.values()], [
    {
      ...stream,
      streamId: 0,
      isOpen: true,
      priority: 1,
      offset: 0,
      data: text("hi"),
      isFin: true,
    },
    { ...stream, streamId: 0, isOpen: true, priority: 2, offset: 0 },
    {
      ...stream,
      streamId: 4,
      isOpen: false,
      priority: undefined,
      offset: 100,
      data: text("abc"),
    },
    {
      ...stream,
      streamId: 1,
      isOpen: false,
      priority: undefined,
      offset: 3,
      isFin: true,
    },
    {
      ...stream,
      streamId: 4,
      isOpen: true,
      priority: 1,
      offset: 0,
      isFin: true,
    },
    { type: "datagram", data: Uint8Array.of(1, 2) },
    {
      type: "ack",
      largest: 10,
      delayMicros: 25,
      ranges: [
        { start: 8, end: 11 },
        { start: 5, end: 6 },
        { start: 0, end: 4 },
      ],
    },
    { type: "ping" },
    { type: "reset-stream", streamId: 4, code: 42, finalSize: 1000 },
    "error",
    { type: "stop-sending", streamId: 4, code: 77 },
    { type: "close", code: 0, reason: "bye" },
    { type: "max-streams", isUnidirectional: true, maximum: 10 },
    {
      type: "ack-frequency",
      sequence: 0,
      threshold: 16,
      maxAckDelayMicros: 5_000,
      reorderingThreshold: 3,
    },
    "error",
    { type: "stream-max-data", streamId: 4, maxData: 4096 },
    { type: "connection-max-data", maxData: 1048576 },
    "error",
    "error",
    "error",
  ]);
});

Deno.test("fitAckFrame() keeps the newest ranges that fit, and no less than one", () => {
  const ranges = Array.from({ length: 32 }, (_, index) => {
    const start = 10_000 - 20 * index;
    return { start, end: start + 1 + index % 3 };
  });
  const ack = { largest: ranges[0]!.end - 1, delayMicros: 999, ranges };
  const whole = ackFrameLength(ack);
  assert.equal(fitAckFrame(ack, whole), ack);
  for (let room = whole - 1; room >= 0; room--) {
    const fitting = fitAckFrame(ack, room);
    if (fitting === undefined) {
      assert.ok(room < ackFrameLength({ ...ack, ranges: ranges.slice(0, 1) }));
      continue;
    }
    const { length } = fitting.ranges;
    assert.deepEqual(fitting, { ...ack, ranges: ranges.slice(0, length) });
    assert.ok(ackFrameLength(fitting) <= room);
    const more = { ...ack, ranges: ranges.slice(0, length + 1) };
    assert.ok(ackFrameLength(more) > room);
  }
  const huge = 2 ** 53 - 1;
  const longest = {
    largest: huge,
    delayMicros: huge,
    ranges: [{ start: 0, end: huge + 1 }],
  };
  assert.equal(fitAckFrame(longest, MAX_ONE_RANGE_ACK_LENGTH), longest);
});
