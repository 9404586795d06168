import assert from "node:assert/strict";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { decodeFrames } from "../../tests/support/stream_pair.ts";
import type { SentFrame } from "./sent_frame.ts";
import { TicketQueue } from "./ticket_queue.ts";

/** The first byte of each ticket that is written into a packet. */
function write(queue: TicketQueue, roomBytes: number): [number[], SentFrame[]] {
  const writer = new ByteWriter(new Uint8Array(roomBytes));
  const sent: SentFrame[] = [];
  queue.writeFrames(writer, roomBytes, sent);
  const numbers = decodeFrames(writer.written).map((frame) => {
    assert.ok(frame.type === "ticket");
    assert.equal(frame.lifetimeSeconds, 60);
    return frame.ticket[0]!;
  });
  return [numbers, sent];
}

function queueOf(count: number): TicketQueue {
  const queue = new TicketQueue();
  for (let number = 1; number <= count; number++) {
    queue.push({
      lifetimeSeconds: 60,
      ticket: new Uint8Array(100).fill(number),
    });
  }
  return queue;
}

Deno.test("TicketQueue writes what fits, each ticket once", () => {
  const queue = queueOf(3);
  assert.deepEqual(write(queue, 104), [[], []]);
  assert.deepEqual(write(queue, 210)[0], [1, 2]);
  assert.equal(queue.hasPending, true);
  assert.deepEqual(write(queue, 1_000)[0], [3]);
  assert.equal(queue.hasPending, false);
  assert.deepEqual(write(queue, 1_000)[0], []);
});

Deno.test("TicketQueue repeats what got lost, and nothing that has arrived", () => {
  const queue = queueOf(2);
  const [, sent] = write(queue, 1_000);
  assert.deepEqual(sent, [{ type: "ticket", id: 0 }, {
    type: "ticket",
    id: 1,
  }]);
  queue.onLost(0);
  queue.onLost(0);
  assert.deepEqual(write(queue, 1_000)[0], [1]);
  queue.onLost(1);
  queue.onAcked(1);
  assert.equal(queue.hasPending, false);
  queue.onLost(1);
  queue.onAcked(0);
  queue.onLost(0);
  assert.deepEqual(write(queue, 1_000)[0], []);
});
