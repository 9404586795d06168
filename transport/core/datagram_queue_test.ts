import assert from "node:assert/strict";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { decodeFrames } from "../../tests/support/stream_pair.ts";
import { DatagramQueue } from "./datagram_queue.ts";

function payloads(writer: ByteWriter): number[][] {
  return decodeFrames(writer.written).map((frame) => {
    assert(frame.type === "datagram");
    return Array.from(frame.data);
  });
}

Deno.test("DatagramQueue drops the oldest when it is full, and counts it", () => {
  const queue = new DatagramQueue(2);
  assert.equal(queue.push(Uint8Array.of(1)), true);
  assert.equal(queue.push(Uint8Array.of(2)), true);
  assert.equal(queue.push(Uint8Array.of(3)), false);
  assert.equal(queue.outgoingCount, 2);
  assert.equal(queue.droppedCount, 1);
  const writer = new ByteWriter(new Uint8Array(100));
  queue.writeFrames(writer, 100);
  assert.deepEqual(payloads(writer), [[2], [3]]);
  assert.equal(queue.outgoingCount, 0);
});

Deno.test("DatagramQueue of no length takes nothing", () => {
  const queue = new DatagramQueue(0);
  assert.equal(queue.push(Uint8Array.of(1)), false);
  assert.equal(queue.outgoingCount, 0);
  assert.equal(queue.droppedCount, 1);
});

Deno.test("DatagramQueue.writeFrames() leaves what does not fit, in order", () => {
  const queue = new DatagramQueue(8);
  queue.push(Uint8Array.of(1, 1, 1));
  queue.push(Uint8Array.of(2, 2, 2));
  queue.push(Uint8Array.of());
  const writer = new ByteWriter(new Uint8Array(100));
  queue.writeFrames(writer, 9);
  assert.equal(writer.offset, 5);
  assert.deepEqual(payloads(writer), [[1, 1, 1]]);
  queue.writeFrames(writer, 100);
  assert.deepEqual(payloads(writer), [[1, 1, 1], [2, 2, 2], []]);
});

Deno.test("DatagramQueue.writeFrames() drops what no packet can carry", () => {
  const queue = new DatagramQueue(8);
  queue.push(new Uint8Array(50));
  queue.push(Uint8Array.of(2));
  const writer = new ByteWriter(new Uint8Array(100));
  queue.writeFrames(writer, 40, 40);
  assert.deepEqual(payloads(writer), [[2]]);
  assert.equal(queue.droppedCount, 1);
});
