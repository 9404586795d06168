import assert from "node:assert/strict";
import { Stream } from "./stream.ts";
import { StreamEventQueue } from "./stream_event_queue.ts";

function createQueue(
  ids: readonly number[],
): { readonly queue: StreamEventQueue; readonly streams: Stream[] } {
  const streams = ids.map((id) => new Stream(id, true, undefined, undefined));
  const queue = new StreamEventQueue({
    get: (id) => streams.find((stream) => stream.id === id),
  });
  return { queue, streams };
}

Deno.test("StreamEventQueue.shift() gives events in order, and undefined when there are none", () => {
  const { queue, streams: [first, second] } = createQueue([0, 4]);
  assert.equal(queue.shift(), undefined);
  queue.push(second!, { type: "stream-opened", id: 4 });
  queue.pushReadable(first!);
  queue.pushAvailable();
  queue.push(second!, { type: "stream-reset", id: 4, code: 7 });
  assert.deepEqual(queue.shift(), { type: "stream-opened", id: 4 });
  assert.deepEqual(queue.shift(), { type: "stream-readable", id: 0 });
  assert.deepEqual(queue.shift(), { type: "streams-available" });
  assert.deepEqual(queue.shift(), { type: "stream-reset", id: 4, code: 7 });
  assert.equal(queue.shift(), undefined);
});

Deno.test("StreamEventQueue says once that a stream can be read or written, until that was taken", () => {
  const { queue, streams: [first, second] } = createQueue([0, 4]);
  for (let round = 0; round < 2; round++) {
    for (let repeat = 0; repeat < 3; repeat++) {
      queue.pushReadable(first!);
      queue.pushWritable(first!);
      queue.pushReadable(second!);
    }
    assert.deepEqual(queue.shift(), { type: "stream-readable", id: 0 });
    assert.deepEqual(queue.shift(), { type: "stream-writable", id: 0 });
    assert.deepEqual(queue.shift(), { type: "stream-readable", id: 4 });
    assert.equal(queue.shift(), undefined);
  }
});

Deno.test("StreamEventQueue says once that streams can be opened, until that was taken", () => {
  const { queue } = createQueue([]);
  for (let round = 0; round < 2; round++) {
    queue.pushAvailable();
    queue.pushAvailable();
    assert.deepEqual(queue.shift(), { type: "streams-available" });
    assert.equal(queue.shift(), undefined);
  }
});

Deno.test("StreamEventQueue counts the events of each stream that wait", () => {
  const { queue, streams: [first, second] } = createQueue([0, 4]);
  queue.push(first!, { type: "stream-opened", id: 0 });
  queue.pushReadable(first!);
  queue.pushReadable(first!);
  queue.pushWritable(second!);
  queue.pushAvailable();
  assert.deepEqual([first!.eventCount, second!.eventCount], [2, 1]);
  for (const counts of [[1, 1], [0, 1], [0, 0], [0, 0]]) {
    queue.shift();
    assert.deepEqual([first!.eventCount, second!.eventCount], counts);
  }
});
