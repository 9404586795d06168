import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BLOCK_BYTES,
  releaseBlock,
  takeBlock,
} from "../../../internal/block_pool.ts";
import { ByteWriter } from "../../../internal/byte_writer.ts";
import { SendBuffer } from "./send_buffer.ts";

Deno.test("SendBuffer gives back any stretch that was not released", () => {
  const step = fc.oneof(
    fc.record({ write: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ write: fc.integer({ min: 1, max: 70_000 }) }),
    fc.record({ release: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const buffer = new SendBuffer();
      const scratch = new Uint8Array(1 << 23);
      for (const s of steps) {
        if ("write" in s) {
          const bytes = Uint8Array.from(
            { length: s.write },
            (_, i) => (buffer.end + i) * 31 >>> 3,
          );
          buffer.append(bytes);
          bytes.fill(0xee);
        } else if ("release" in s) {
          const offset = buffer.start + Math.floor(s.release * buffer.length);
          buffer.release(offset);
          assert.equal(buffer.start, offset);
        } else {
          const offset = buffer.start + Math.floor(s.from * buffer.length);
          const length = Math.floor(s.share * (buffer.end - offset));
          const writer = new ByteWriter(scratch);
          buffer.copyInto(writer, offset, length);
          assert.equal(writer.offset, length);
          for (let i = 0; i < length; i++) {
            assert.equal(scratch[i], ((offset + i) * 31 >>> 3) & 0xff);
          }
        }
        assert.equal(buffer.length, buffer.end - buffer.start);
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("SendBuffer.copyInto() refuses what it does not hold", () => {
  const buffer = new SendBuffer();
  buffer.append(new Uint8Array(10));
  buffer.release(4);
  const writer = new ByteWriter(new Uint8Array(20));
  for (const [offset, length] of [[3, 1], [9, 2], [10, 1]]) {
    assert.throws(() => buffer.copyInto(writer, offset!, length!), {
      name: "AssertionError",
    });
  }
});

Deno.test("SendBuffer goes on after everything was released", () => {
  const buffer = new SendBuffer();
  buffer.append(new Uint8Array(10));
  buffer.clear();
  assert.equal(buffer.length, 0);
  buffer.append(Uint8Array.of(7));
  const writer = new ByteWriter(new Uint8Array(1));
  buffer.copyInto(writer, 10, 1);
  assert.deepEqual(writer.written, Uint8Array.of(7));
});

Deno.test("SendBuffer gives blocks back, each once, when they are released", () => {
  const blocks = new Set(Array.from({ length: 3 }, takeBlock));
  blocks.forEach(releaseBlock);
  const buffer = new SendBuffer();
  buffer.append(new Uint8Array(2 * BLOCK_BYTES + 1));
  assert.ok(!blocks.has(takeBlock()));
  buffer.release(BLOCK_BYTES - 1);
  assert.ok(!blocks.has(takeBlock()));
  buffer.release(BLOCK_BYTES);
  assert.ok(blocks.delete(takeBlock()));
  assert.ok(!blocks.has(takeBlock()));
  buffer.clear();
  assert.ok(blocks.delete(takeBlock()));
  assert.ok(blocks.delete(takeBlock()));
});
