import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteReader } from "./byte_reader.ts";
import { ByteWriter, varintLength } from "./byte_writer.ts";

const MAX = Number.MAX_SAFE_INTEGER;

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

Deno.test("varint() reads the examples of RFC 9000 §A.1 that fit", () => {
  const examples: [string, number][] = [
    ["9d7f3e7d", 494_878_333],
    ["7bbd", 15_293],
    ["25", 37],
    ["4025", 37],
  ];
  for (const [hex, value] of examples) {
    const reader = new ByteReader(fromHex(hex));
    assert.equal(reader.varint(), value);
    assert.equal(reader.remaining, 0);
    assert.equal(reader.isFailed, false);
  }
});

Deno.test("varint() fails on the example of RFC 9000 §A.1 above 2^53 - 1", () => {
  // 151,288,809,941,952,652: valid in QUIC, out of range here.
  const reader = new ByteReader(fromHex("c2197c5eff14e88c"));
  assert.equal(reader.varint(), 0);
  assert.equal(reader.isFailed, true);
});

Deno.test("varint() writes the minimal examples of RFC 9000 §A.1", () => {
  for (
    const [value, hex] of [
      [494_878_333, "9d7f3e7d"],
      [15_293, "7bbd"],
      [37, "25"],
    ] as const
  ) {
    const writer = new ByteWriter(new Uint8Array(8));
    writer.varint(value);
    assert.deepEqual(writer.written, fromHex(hex));
  }
});

Deno.test("varint() round-trips at every boundary of its sizes", () => {
  const edges: [number, number][] = [
    [0, 1],
    [63, 1],
    [64, 2],
    [16_383, 2],
    [16_384, 4],
    [2 ** 30 - 1, 4],
    [2 ** 30, 8],
    [2 ** 31, 8],
    [2 ** 32 - 1, 8],
    [2 ** 32, 8],
    [MAX, 8],
  ];
  for (const [value, length] of edges) {
    const writer = new ByteWriter(new Uint8Array(8));
    writer.varint(value);
    assert.equal(writer.offset, length);
    assert.equal(varintLength(value), length);
    assert.equal(new ByteReader(writer.written).varint(), value);
  }
});

Deno.test("varint() refuses to write above 2^53 - 1", () => {
  const writer = new ByteWriter(new Uint8Array(8));
  assert.throws(() => writer.varint(MAX + 1), RangeError);
  assert.equal(writer.offset, 0);
});

type Step =
  | { kind: "u8" | "u16" | "u32" | "u53" | "varint"; value: number }
  | { kind: "u64"; value: bigint }
  | { kind: "bytes"; value: Uint8Array }
  | { kind: "zeros"; value: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("u8" as const), value: fc.nat(0xff) }),
  fc.record({ kind: fc.constant("u16" as const), value: fc.nat(0xffff) }),
  fc.record({
    kind: fc.constant("u32" as const),
    value: fc.integer({ min: 0, max: 0xffffffff }),
  }),
  fc.record({
    kind: fc.constantFrom("u53" as const, "varint" as const),
    value: fc.oneof(fc.maxSafeNat(), fc.nat(20_000)),
  }),
  fc.record({
    kind: fc.constant("u64" as const),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
  fc.record({
    kind: fc.constant("bytes" as const),
    value: fc.uint8Array({ maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant("zeros" as const), value: fc.nat(20) }),
);

function write(writer: ByteWriter, s: Step): void {
  switch (s.kind) {
    case "bytes":
      return writer.bytes(s.value);
    case "u64":
      return writer.u64(s.value);
    default:
      return writer[s.kind](s.value);
  }
}

function read(reader: ByteReader, s: Step): unknown {
  switch (s.kind) {
    case "bytes":
      return reader.bytes(s.value.length);
    case "zeros":
      return reader.bytes(s.value).every((byte) => byte === 0) ? s.value : -1;
    default:
      return reader[s.kind]();
  }
}

Deno.test("ByteReader reads back whatever ByteWriter wrote, at any start", () => {
  fc.assert(
    fc.property(fc.array(step), fc.nat(9), (steps, start) => {
      const buffer = new Uint8Array(1 << 12).fill(0xee);
      const writer = new ByteWriter(buffer, start);
      for (const s of steps) write(writer, s);
      assert.equal(buffer[writer.offset], 0xee);
      const reader = new ByteReader(writer.written, start);
      for (const s of steps) assert.deepEqual(read(reader, s), s.value);
      assert.equal(reader.remaining, 0);
      assert.equal(reader.isFailed, false);
    }),
  );
});

Deno.test("ByteReader fails once, stays failed and gives zeros past the end", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), fc.nat(), (steps, cut) => {
      const writer = new ByteWriter(new Uint8Array(1 << 12));
      for (const s of steps) write(writer, s);
      fc.pre(writer.offset > 0);
      const reader = new ByteReader(
        writer.written.slice(0, cut % writer.offset),
      );
      for (const s of steps) read(reader, s);
      assert.equal(reader.isFailed, true);
      assert.equal(reader.remaining, 0);
      assert.equal(reader.u8(), 0);
      assert.equal(reader.u64(), 0n);
      assert.equal(reader.varint(), 0);
      assert.equal(reader.bytes(1).length, 0);
      assert.equal(reader.rest().length, 0);
    }),
  );
});

Deno.test("ByteReader.u53() fails above 2^53 - 1", () => {
  const reader = new ByteReader(Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0));
  assert.equal(reader.u53(), 0);
  assert.equal(reader.isFailed, true);
});

Deno.test("ByteReader.bytes() refuses a negative length", () => {
  const reader = new ByteReader(new Uint8Array(4), 2);
  assert.equal(reader.bytes(-1).length, 0);
  assert.equal(reader.isFailed, true);
});

Deno.test("ByteReader.bytes() and rest() return views", () => {
  const buffer = new Uint8Array(8);
  const reader = new ByteReader(buffer, 2);
  assert.equal(reader.bytes(2).byteOffset, 2);
  assert.equal(reader.rest().byteOffset, 4);
});

Deno.test("ByteWriter throws RangeError past the end, never writing outside", () => {
  const outer = new Uint8Array(16);
  const writer = new ByteWriter(outer.subarray(4, 8), 3);
  assert.throws(() => writer.u16(1), RangeError);
  assert.throws(() => writer.u32(1), RangeError);
  assert.throws(() => writer.u64(1n), RangeError);
  assert.throws(() => writer.u53(2 ** 40), RangeError);
  assert.throws(() => writer.varint(16_384), RangeError);
  assert.throws(() => writer.bytes(new Uint8Array(2)), RangeError);
  assert.throws(() => writer.zeros(2), RangeError);
  assert.equal(writer.offset, 3);
  assert(outer.subarray(8).every((byte) => byte === 0));
});
