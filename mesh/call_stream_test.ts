import assert from "node:assert/strict";
import { TimerQueue } from "../internal/timer_queue.ts";
import { generateKeyPair } from "../crypto/mod.ts";
import {
  encodeError,
  encodeResponse,
  encodeStreamChunk,
  encodeStreamClose,
  MessageType,
  StreamEnding,
} from "../protocol/mod.ts";
import {
  createStreamPair,
  type TestStream,
} from "../tests/support/byte_stream_pair.ts";
import { settle } from "../tests/support/node_rig.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { CallScope } from "./call_scope.ts";
import { CallStream, type CallStreamEnding } from "./call_stream.ts";
import { CallError } from "./error.ts";
import { MessageChannel } from "./message_channel.ts";
import { MessageIds } from "./message_ids.ts";
import { StatusCode } from "./status_code.ts";
import { Tracing } from "./tracing.ts";

/** What a callee does on its end of the stream. */
type Script = (callee: MessageChannel, stream: TestStream) => Promise<void>;

function send(
  channel: MessageChannel,
  type: number,
  payload: Uint8Array,
): Promise<void> {
  return channel.send({ type, messageId: 1n, traceId: 2n, payload });
}

function chunk(channel: MessageChannel, offset: number): Promise<void> {
  const body = new Uint8Array([offset]);
  return send(
    channel,
    MessageType.STREAM_CHUNK,
    encodeStreamChunk({ offset, contentType: 0, body }),
  );
}

function close(
  channel: MessageChannel,
  ending: StreamEnding,
  facts: { chunkCount: number; status?: number },
): Promise<void> {
  return send(
    channel,
    MessageType.STREAM_CLOSE,
    encodeStreamClose({ ending, status: 0, message: "Test: over", ...facts }),
  );
}

/** A stream that is read, and the end of its callee. */
interface Rig {
  readonly stream: CallStream<Uint8Array>;
  readonly callee: MessageChannel;
  readonly calleeStream: TestStream;
  readonly callerStream: TestStream;
  readonly clock: TimerClock;
}

function createRig(): Rig {
  const random = new SeededRandom(1);
  const clock = new TimerClock();
  const scope = new CallScope({
    clock: new TimerQueue(clock),
    tracing: new Tracing("test", new MessageIds(random)),
    method: "method",
    capability: undefined,
    options: { idleTimeoutMs: 100, timeoutMs: 1_000 },
  });
  const [callerStream, calleeStream] = createStreamPair();
  const channel = new MessageChannel(callerStream);
  const stream = new CallStream<Uint8Array>({
    scope,
    method: "method",
    keyPair: generateKeyPair(random),
    opening: channel.receive().then((first) => ({
      channel,
      first,
      close: () => {},
    })),
  });
  const callee = new MessageChannel(calleeStream);
  return { stream, callee, calleeStream, callerStream, clock };
}

/** Plays a script and reads the stream to its end. */
async function play(script: Script): Promise<{
  chunks: number;
  ending: CallStreamEnding;
  thrown: unknown;
  timers: number;
  callerStream: TestStream;
}> {
  const { stream, callee, calleeStream, callerStream, clock } = createRig();
  await script(callee, calleeStream);
  let chunks = 0;
  let thrown: unknown;
  try {
    for await (const [byte] of stream) assert.equal(byte, chunks++);
  } catch (error) {
    thrown = error;
  }
  const ending = await stream.ending;
  return { chunks, ending, thrown, timers: clock.timerCount, callerStream };
}

/** Calls `next` a few times at once, and tells what each call gave. */
function readAtOnce(
  iterator: AsyncIterator<Uint8Array>,
  count: number,
): Promise<unknown[]> {
  return Promise.all(Array.from({ length: count }, async () => {
    try {
      const { done, value } = await iterator.next();
      return done ? "done" : value[0];
    } catch (error) {
      return (error as CallError).code;
    }
  }));
}

Deno.test("CallStream completes only when as many chunks arrived as were sent", async () => {
  const complete = await play(async (callee) => {
    await chunk(callee, 0);
    await chunk(callee, 1);
    await close(callee, StreamEnding.COMPLETED, { chunkCount: 2 });
    callee.finish();
  });
  assert.deepEqual(complete.ending, { type: "completed", chunkCount: 2 });
  assert.equal(complete.thrown, undefined);
  assert.equal(complete.timers, 0);
  const short = await play(async (callee) => {
    await chunk(callee, 0);
    await close(callee, StreamEnding.COMPLETED, { chunkCount: 2 });
    callee.finish();
  });
  assert.equal(short.ending.type, "lost");
  assert.equal((short.thrown as CallError).code, "DATA_LOSS");
});

Deno.test("CallStream is complete when the stream has ended after its close, in one piece or not, read or not", async () => {
  for (const isRead of [true, false]) {
    for (const isTogether of [true, false]) {
      const { stream, callee } = createRig();
      let isOver = false;
      const ending = stream.ending.then((ending) => {
        isOver = true;
        return ending;
      });
      const reading = isRead
        ? readAtOnce(stream[Symbol.asyncIterator](), 2)
        : undefined;
      await close(callee, StreamEnding.COMPLETED, { chunkCount: 0 });
      if (isTogether) callee.finish();
      await settle();
      assert.equal(isOver, isTogether);
      callee.finish();
      assert.deepEqual(await ending, { type: "completed", chunkCount: 0 });
      if (isRead) assert.deepEqual(await reading, ["done", "done"]);
    }
  }
});

Deno.test("CallStream is lost when it goes on after its close", async () => {
  const more: readonly [string, Script][] = [
    ["a chunk", (callee) => chunk(callee, 1)],
    [
      "another close",
      (callee) => close(callee, StreamEnding.COMPLETED, { chunkCount: 1 }),
    ],
    [
      "a part of a message",
      (_, stream) => stream.write(new Uint8Array(20)),
    ],
  ];
  for (const [name, sendMore] of more) {
    for (const isTogether of [true, false]) {
      const { stream, callee, calleeStream } = createRig();
      const reading = readAtOnce(stream[Symbol.asyncIterator](), 3);
      if (isTogether) await settle();
      await chunk(callee, 0);
      await close(callee, StreamEnding.COMPLETED, { chunkCount: 1 });
      if (!isTogether) await settle();
      await sendMore(callee, calleeStream);
      callee.finish();
      assert.deepEqual(await reading, [0, "DATA_LOSS", "done"], name);
      const { type, chunkCount } = await stream.ending;
      assert.deepEqual({ type, chunkCount }, { type: "lost", chunkCount: 1 });
    }
  }
});

Deno.test("CallStream waits for the end after a close no longer than for a chunk", async () => {
  const { stream, callee, calleeStream, clock } = createRig();
  const reading = readAtOnce(stream[Symbol.asyncIterator](), 1);
  await close(callee, StreamEnding.COMPLETED, { chunkCount: 0 });
  await settle();
  clock.advance(100);
  assert.deepEqual(await reading, ["DEADLINE_EXCEEDED"]);
  assert.equal((await stream.ending).type, "failed");
  assert.equal(clock.timerCount, 0);
  assert.ok(calleeStream.peer.resetCode !== undefined);
});

Deno.test("CallStream is lost when the stream just ends, inside a message or between two", async () => {
  for (
    const script of [
      async (callee: MessageChannel) => {
        await chunk(callee, 0);
        callee.finish();
      },
      async (callee: MessageChannel, stream: TestStream) => {
        await chunk(callee, 0);
        await stream.write(new Uint8Array(5));
        stream.finish();
      },
    ]
  ) {
    const { ending, thrown, chunks, timers } = await play(script);
    assert.equal(chunks, 1);
    assert.equal(ending.type, "lost");
    assert.equal((thrown as CallError).code, "DATA_LOSS");
    assert.equal(timers, 0);
  }
});

Deno.test("CallStream is lost when a chunk is missing, repeated or out of order", async () => {
  for (const offset of [0, 2]) {
    const { ending, chunks, callerStream } = await play(async (callee) => {
      await chunk(callee, 0);
      await chunk(callee, offset);
    });
    assert.equal(chunks, 1);
    assert.equal(ending.type, "lost");
    assert.equal(callerStream.resetCode, 0);
  }
});

Deno.test("CallStream tells apart what the callee failed with and what it gave up", async () => {
  const failed = await play(async (callee) => {
    await chunk(callee, 0);
    await close(callee, StreamEnding.FAILED, {
      chunkCount: 1,
      status: StatusCode.DATA_LOSS,
    });
  });
  assert.equal(failed.ending.type, "failed");
  assert.equal((failed.thrown as CallError).code, "DATA_LOSS");
  const cancelled = await play((callee) =>
    close(callee, StreamEnding.CANCELLED, {
      chunkCount: 0,
      status: StatusCode.CANCELLED,
    })
  );
  assert.equal(cancelled.ending.type, "cancelled");
  const refused = await play((callee) =>
    send(
      callee,
      MessageType.ERROR,
      encodeError({
        status: StatusCode.UNAVAILABLE,
        retryAfterMs: 9,
        messageId: 1n,
        message: "Test: no",
      }),
    )
  );
  assert.equal(refused.ending.type, "failed");
  assert.equal((refused.thrown as CallError).retryAfterMs, 9);
});

Deno.test("CallStream refuses answers of another form and bytes that are none", async () => {
  const value = await play((callee) =>
    send(
      callee,
      MessageType.RESPONSE,
      encodeResponse({ status: 0, contentType: 0, body: new Uint8Array(1) }),
    )
  );
  assert.equal((value.thrown as CallError).code, "UNIMPLEMENTED");
  const call = await play((callee) =>
    send(callee, MessageType.CALL, new Uint8Array(40))
  );
  assert.equal((call.thrown as CallError).code, "INTERNAL");
  const noise = await play(async (callee, stream) => {
    await chunk(callee, 0);
    await stream.write(new Uint8Array(40).fill(7));
  });
  assert.equal(noise.chunks, 1);
  assert.equal(noise.ending.type, "failed");
  assert.ok(noise.thrown instanceof CallError);
});

Deno.test("CallStream gives calls of next() that overlap the chunks in order, and then its end", async () => {
  const { stream, callee } = createRig();
  const iterator = stream[Symbol.asyncIterator]();
  const opening = readAtOnce(iterator, 2);
  await chunk(callee, 0);
  await chunk(callee, 1);
  assert.deepEqual(await opening, [0, 1]);
  const rest = readAtOnce(iterator, 4);
  for (const offset of [2, 3]) await chunk(callee, offset);
  await close(callee, StreamEnding.COMPLETED, { chunkCount: 4 });
  callee.finish();
  assert.deepEqual(await rest, [2, 3, "done", "done"]);
  assert.equal((await stream.ending).type, "completed");
});

Deno.test("CallStream tells the first call of next() that waits of its failure", async () => {
  const { stream, callee } = createRig();
  const iterator = stream[Symbol.asyncIterator]();
  await chunk(callee, 0);
  assert.deepEqual(await readAtOnce(iterator, 1), [0]);
  const reading = readAtOnce(iterator, 3);
  await chunk(callee, 1);
  callee.finish();
  assert.deepEqual(await reading, [1, "DATA_LOSS", "done"]);
});

Deno.test("CallStream that is left is done for whoever reads on, not for whoever waits", async () => {
  const left = createRig();
  const iterator = left.stream[Symbol.asyncIterator]();
  await iterator.return?.();
  assert.deepEqual(await readAtOnce(iterator, 2), ["done", "done"]);
  assert.equal((await left.stream.ending).type, "cancelled");
  const waiting = createRig();
  const other = waiting.stream[Symbol.asyncIterator]();
  const reading = readAtOnce(other, 1);
  await other.return?.();
  assert.deepEqual(await reading, ["CANCELLED"]);
  assert.deepEqual(await readAtOnce(other, 1), ["done"]);
});

Deno.test("CallStream whose batches are left is cancelled, before the first of them and while one is waited for", async () => {
  const left = createRig();
  const iterator = left.stream.batches()[Symbol.asyncIterator]();
  await iterator.return?.();
  assert.equal((await left.stream.ending).type, "cancelled");
  assert.equal((await iterator.next()).done, true);
  const { stream } = createRig();
  const other = stream.batches()[Symbol.asyncIterator]();
  const waiting = assert.rejects(other.next(), /cancelled by the caller/);
  assert.equal((await other.return?.())?.done, true);
  await waiting;
  assert.equal((await other.next()).done, true);
});
