import assert from "node:assert/strict";
import {
  createStreamPair,
  type TestStream,
} from "../tests/support/byte_stream_pair.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { AbortRace } from "./abort.ts";
import { CHUNK_LOOK_MS, CHUNK_PATIENCE_MS, ChunkTurns } from "./chunk_turns.ts";
import { MessageChannel } from "./message_channel.ts";
import { RequestTurns } from "./request_turns.ts";

/** Turns for two chunks of a length, of which so many have left. */
function createRig(sentCount: number): {
  clock: TimerClock;
  chunks: ChunkTurns;
  streams: TestStream[];
  send: () => void;
  wait: (race?: AbortRace) => Promise<void>;
  order: string[];
} {
  const clock = new TimerClock();
  const chunks = new ChunkTurns(new RequestTurns(2_000), clock);
  const streams: TestStream[] = [];
  const order: string[] = [];
  const send = (): void => {
    const [stream] = createStreamPair();
    const channel = new MessageChannel(stream);
    const payload = new Uint8Array(1_000);
    channel.push({ type: 1, messageId: 1n, traceId: 1n, payload });
    stream.undeliveredBytes = channel.bytesSent;
    chunks.onSent(channel, payload.length);
    streams.push(stream);
  };
  const wait = async (race = new AbortRace()): Promise<void> => {
    await chunks.wait(race, 1_000, undefined);
    order.push("turn");
  };
  for (let count = 0; count < sentCount; count++) {
    assert.ok(chunks.tryTake(1_000));
    send();
  }
  return { clock, chunks, streams, send, wait, order };
}

/** Lets whatever has its turn go on. */
async function settle(): Promise<void> {
  for (let count = 0; count < 10; count++) await Promise.resolve();
}

Deno.test("ChunkTurns gives the turn of a chunk that has arrived to who waits, and looks at none while nobody does", async () => {
  const { clock, chunks, streams, send, wait, order } = createRig(2);
  assert.ok(!chunks.tryTake(1_000));
  assert.equal(clock.timerCount, 0);
  const waiting = wait();
  clock.advance(10 * CHUNK_PATIENCE_MS);
  await settle();
  assert.deepEqual(order, []);
  streams[0]!.undeliveredBytes = 0;
  clock.advance(CHUNK_LOOK_MS);
  await waiting;
  send();
  assert.equal(clock.timerCount, 0);
  // What arrives is noticed at once by whoever has to wait else.
  streams[1]!.undeliveredBytes = 0;
  await wait();
  assert.equal(clock.timerCount, 0);
});

Deno.test("ChunkTurns takes the turn of a chunk that its handler leaves alone, for as long as it does", async () => {
  const { clock, chunks, streams, send, wait } = createRig(2);
  for (const stream of streams) stream.isHeldBack = true;
  const waiting = [wait(), wait()];
  clock.advance(CHUNK_PATIENCE_MS + CHUNK_LOOK_MS);
  await Promise.all(waiting);
  send();
  send();
  streams[0]!.isHeldBack = false;
  const late = wait();
  // Two have turns of their own and one has its turn again: two have to arrive.
  streams[2]!.undeliveredBytes = 0;
  clock.advance(CHUNK_LOOK_MS);
  assert.equal(clock.timerCount, 1);
  streams[0]!.undeliveredBytes = 0;
  clock.advance(CHUNK_LOOK_MS);
  await late;
  send();
  // The turn that was taken from the other one is not given back twice.
  streams[1]!.undeliveredBytes = 0;
  const last = wait();
  assert.equal(clock.timerCount, 1);
  streams[3]!.undeliveredBytes = 0;
  clock.advance(CHUNK_LOOK_MS);
  await last;
  assert.ok(!chunks.tryTake(1_000));
});

Deno.test("ChunkTurns has a chunk that stands still for another reason keep its turn", async () => {
  const { clock, streams, wait, order } = createRig(2);
  const race = new AbortRace();
  const waiting = assert.rejects(wait(race), (reason) => reason === "enough");
  for (let count = 0; count < 4; count++) {
    streams[0]!.isHeldBack = true;
    clock.advance(CHUNK_PATIENCE_MS - 2 * CHUNK_LOOK_MS);
    streams[0]!.isHeldBack = false;
    clock.advance(2 * CHUNK_LOOK_MS);
  }
  await settle();
  assert.deepEqual(order, []);
  race.abort("enough");
  await waiting;
  clock.advance(CHUNK_LOOK_MS);
  assert.equal(clock.timerCount, 0);
});

Deno.test("ChunkTurns ends with its connection: nobody waits any more, nor does a timer", async () => {
  const { clock, chunks, send, wait } = createRig(2);
  const waiting = Array.from({ length: 4 }, async () => {
    await wait();
    send();
  });
  assert.equal(clock.timerCount, 1);
  chunks.end();
  await Promise.all(waiting);
  assert.equal(clock.timerCount, 0);
});
