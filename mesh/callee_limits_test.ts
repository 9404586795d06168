import assert from "node:assert/strict";
import { TimerQueue } from "../internal/timer_queue.ts";
import { generateKeyPair } from "../crypto/mod.ts";
import {
  decodeError,
  decodeResponse,
  encodeCall,
  encodeCallData,
  encodeMessage,
  type Message,
  MessageType,
} from "../protocol/mod.ts";
import type { TransportConnection, TransportStream } from "../transport/mod.ts";
import {
  createStreamPair,
  type TestStream,
} from "../tests/support/byte_stream_pair.ts";
import { settle } from "../tests/support/node_rig.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { Callee } from "./callee.ts";
import { REQUEST_SILENCE_MS } from "./config.ts";
import { MessageChannel } from "./message_channel.ts";
import { MessageIds } from "./message_ids.ts";
import { StatusCode, statusName } from "./status_code.ts";
import { Tracing } from "./tracing.ts";

/** A connection to the callee. */
interface Caller {
  /** Opens a stream, and gives both its ends. */
  open(): [TestStream, TestStream & { onStopped?(code: number): void }];
  /** Ends the connection. */
  lose(): void;
}

/** A callee, and callers with any keys. */
class Rig {
  readonly clock: TimerClock = new TimerClock();
  readonly callee: Callee;
  /** Has every handler of `wait` answer. */
  readonly release: PromiseWithResolvers<string> = Promise.withResolvers();

  constructor(maxHandlersInFlight?: number) {
    const random = new SeededRandom(1);
    this.callee = new Callee({
      agentId: new Uint8Array(16).fill(1),
      keyPair: generateKeyPair(random),
      clock: new TimerQueue(this.clock),
      tracing: new Tracing("callee", new MessageIds(random)),
      maxHandlersInFlight,
    });
    this.callee.setMethod("wait", {
      kind: "call",
      handler: () => this.release.promise,
    });
    this.callee.setMethod("echo", {
      kind: "call",
      handler: (request) => request.bytes(),
    });
  }

  connect(key: number): Caller {
    const closed = Promise.withResolvers<unknown>();
    const connection = {
      closed: closed.promise,
      peerPublicKey: new Uint8Array(32).fill(key),
      remoteAddress: { hostname: "127.0.0.1", port: 1 },
      onStream: (_stream: TransportStream): void => {},
    };
    this.callee.serve(connection as unknown as TransportConnection);
    return {
      open: () => {
        const [ours, theirs] = createStreamPair();
        connection.onStream(theirs as unknown as TransportStream);
        return [ours, theirs];
      },
      lose: () => closed.resolve(undefined),
    };
  }
}

function callOf(method: string, size = 1, timeoutSeconds = 0): Uint8Array {
  const body = new Uint8Array(size);
  const data = encodeCallData({ contentType: 0, method, body });
  return encodeMessage({
    type: MessageType.CALL,
    flags: 0,
    messageId: 7n,
    traceId: 8n,
    payload: encodeCall({
      target: new Uint8Array(16),
      timeoutSeconds,
      data,
    }),
  });
}

function ask(caller: Caller, method: string): Promise<Message | undefined> {
  const [stream] = caller.open();
  stream.tryWrite(callOf(method), true);
  return new MessageChannel(stream).receive();
}

/** Checks that a caller gets its answer. */
async function assertServed(caller: Caller): Promise<void> {
  assertDone(await ask(caller, "echo"));
}

function assertDone(answer: Message | undefined): void {
  assert.equal(answer?.type, MessageType.RESPONSE);
  assert.equal(decodeResponse(answer.payload).status, StatusCode.OK);
}

async function statusOf(answer: Promise<Message | undefined>): Promise<string> {
  const { type, payload } = (await answer)!;
  return type === MessageType.ERROR
    ? statusName(decodeError(payload).status)
    : "OK";
}

function assertExhausted(answer: Message | undefined): void {
  assert.equal(answer?.type, MessageType.ERROR);
  const { status, retryAfterMs } = decodeError(answer.payload);
  assert.equal(statusName(status), "RESOURCE_EXHAUSTED");
  assert.ok(retryAfterMs > 0);
}

/** Has handlers run until the callee takes no more of them. */
async function occupy(rig: Rig, callers: Caller[], tries: number) {
  const before = rig.callee.runningCount;
  const answers: Promise<Message | undefined>[] = [];
  for (let count = 0; count < tries; count++) {
    answers.push(ask(callers[count % callers.length]!, "wait"));
    await settle();
  }
  return { answers, count: rig.callee.runningCount - before };
}

Deno.test("Callee works on the calls of a key up to its share, however many connections it has, and on those of others", async () => {
  const rig = new Rig(256);
  const greedy = [rig.connect(2), rig.connect(2)];
  const { answers, count } = await occupy(rig, greedy, 257);
  assert.equal(count, 128);
  assertExhausted(await answers.at(-1));
  assert.equal(rig.callee.load, 1);
  await assertServed(rig.connect(3));
  const other = await occupy(rig, [rig.connect(3)], 257);
  assert.equal(other.count, 43);
  assertExhausted(await other.answers.at(-1));
  for (const [key, count] of [[4, 14], [5, 8], [6, 8]] as const) {
    const few = await occupy(rig, [rig.connect(key)], 15);
    assert.equal(few.count, count);
    answers.push(...few.answers);
  }
  await assertServed(rig.connect(7));
  rig.release.resolve("done");
  for (
    const answer of [...answers.slice(0, 256), ...other.answers.slice(0, 256)]
  ) {
    assertDone(await answer);
  }
  await Promise.all(answers);
  await settle();
  assert.equal(rig.callee.runningCount, 0);
  assert.equal(rig.callee.load, 0);
  await assertServed(greedy[0]!);
});

/** A method that takes a while, and notes how much time its calls have left. */
function setSlow(rig: Rig): {
  durationMs: number;
  readonly remaining: (number | undefined)[];
} {
  const slow = { durationMs: 900, remaining: [] as (number | undefined)[] };
  rig.callee.setMethod("slow", {
    kind: "call",
    handler: (request) => {
      slow.remaining.push(request.remainingMs);
      return new Promise((resolve) => {
        rig.clock.schedule(slow.durationMs, () => resolve("done"));
      });
    },
  });
  return slow;
}

Deno.test("Callee counts a call's wait for others as its own time, and begins none that comes too late", async () => {
  const rig = new Rig(128);
  const caller = rig.connect(2);
  const slow = setSlow(rig);
  const { remaining } = slow;
  const askAll = async (count: number, timeoutSeconds: number) => {
    const answers: Promise<string>[] = [];
    for (let index = 0; index < count; index++) {
      const [stream] = caller.open();
      stream.tryWrite(callOf("slow", 1, timeoutSeconds), true);
      answers.push(statusOf(new MessageChannel(stream).receive()));
    }
    await settle();
    return answers;
  };
  const advance = async (ms: number): Promise<void> => {
    rig.clock.advance(ms);
    await settle();
  };
  const assertAll = async (answers: Promise<string>[], status: string) => {
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([status]));
  };
  // 64 run, and 64 wait for them.
  const patient = await askAll(128, 3);
  await advance(900);
  assert.equal(rig.callee.runningCount, 64);
  await advance(900);
  await assertAll(patient, "OK");
  assert.deepEqual(remaining.slice(0, 64), Array(64).fill(3_000));
  assert.deepEqual(remaining.slice(64), Array(64).fill(2_100));

  // By now it knows that 900 ms are needed, and some: beside others. Who is alone
  // may be served faster, also where the value is decoded in a turn of its own.
  slow.durationMs = 500;
  const [large] = caller.open();
  large.tryWrite(callOf("slow", 20_000, 1), true);
  const alone = statusOf(new MessageChannel(large).receive());
  for (let turn = 0; turn < 5; turn++) await settle();
  await advance(500);
  await assertAll([alone], "OK");

  const running = await askAll(64, 30);
  await assertAll(await askAll(10, 1), "DEADLINE_EXCEEDED");
  const waiting = [...await askAll(10, 2), ...await askAll(10, 30)];
  await advance(500);
  await assertAll(running, "OK");
  await advance(500);
  await assertAll(waiting, "OK");
  slow.durationMs = 1_500;
  const long = await askAll(64, 30);
  const late = await askAll(10, 2);
  const count = remaining.length;
  await advance(1_500);
  await assertAll(long, "OK");
  await assertAll(late, "DEADLINE_EXCEEDED");
  assert.equal(remaining.length, count);
  assert.equal(rig.callee.load, 0);
});

Deno.test("Callee serves the newest of a caller's calls first once it came too late for one that waited", async () => {
  const rig = new Rig(128);
  const caller = rig.connect(2);
  const slow = setSlow(rig);
  const { remaining } = slow;
  const ask = (timeoutSeconds: number): Promise<string> => {
    const [stream] = caller.open();
    stream.tryWrite(callOf("slow", 1, timeoutSeconds), true);
    return statusOf(new MessageChannel(stream).receive());
  };
  const advance = async (ms: number): Promise<void> => {
    rig.clock.advance(ms);
    await settle();
  };
  const answers = Array.from({ length: 128 }, () => ask(30));
  await settle();
  await advance(900);
  await advance(900);
  // Now 900 ms are known to be needed. Of 64 that run one ends, and then another.
  answers.push(ask(30));
  await settle();
  slow.durationMs = 1_500;
  answers.push(ask(30));
  await settle();
  slow.durationMs = 5_000;
  for (let count = 0; count < 62; count++) answers.push(ask(30));
  await settle();
  assert.equal(rig.callee.runningCount, 64);
  const inOrder = ask(20);
  const late = ask(2);
  answers.push(ask(12), ask(15), inOrder);
  await settle();
  remaining.length = 0;
  await advance(900);
  assert.deepEqual(remaining, [19_100]);
  await advance(600);
  assert.equal(await late, "DEADLINE_EXCEEDED");
  assert.deepEqual(remaining, [19_100, 13_500]);
  await advance(3_500);
  assert.deepEqual(remaining, [19_100, 13_500, 7_000]);
  await advance(6_000);
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["OK"]));
  assert.equal(rig.callee.load, 0);
});

/** A method whose handler takes as many milliseconds as the value has bytes; one answers at once. */
function setTimed(rig: Rig): (
  caller: Caller,
  durationMs: number,
  timeoutSeconds: number,
) => Promise<string> {
  rig.callee.setMethod("timed", {
    kind: "call",
    handler: (request) => {
      const durationMs = request.bytes().length;
      if (durationMs === 1) return "done";
      return new Promise((resolve) => {
        rig.clock.schedule(durationMs, () => resolve("done"));
      });
    },
  });
  return (caller, durationMs, timeoutSeconds) => {
    const [stream] = caller.open();
    stream.tryWrite(callOf("timed", durationMs, timeoutSeconds), true);
    return statusOf(new MessageChannel(stream).receive());
  };
}

Deno.test("Callee takes the calls of a caller that has room, however long those of another take", async () => {
  const rig = new Rig();
  const ask = setTimed(rig);
  const [greedy, other] = [rig.connect(2), rig.connect(3)];
  for (let round = 0; round < 3; round++) {
    const long = Array.from({ length: 400 }, () => ask(greedy, 1_500, 30));
    await settle();
    const short = ask(other, 5, 1);
    await settle();
    rig.clock.advance(5);
    assert.equal(await short, "OK");
    rig.clock.advance(1_495);
    assert.deepEqual(new Set(await Promise.all(long)), new Set(["OK"]));
  }
});

Deno.test("Callee begins calls that have waited when others of their method were answered at once", async () => {
  for (const hasQuick of [true, false]) {
    const rig = new Rig(128);
    const ask = setTimed(rig);
    const [busy, other] = [rig.connect(2), rig.connect(3)];
    const { answers } = await occupy(rig, [busy], 64);
    for (let round = 0; round < 20; round++) {
      const all = Array.from({ length: 7 }, () => ask(other, 900, 30));
      if (hasQuick) all.push(ask(other, 1, 30));
      await settle();
      rig.clock.advance(900);
      assert.deepEqual(new Set(await Promise.all(all)), new Set(["OK"]));
    }
    const waiting = ask(busy, 1, 1);
    await settle();
    rig.release.resolve("done");
    assert.equal(await waiting, hasQuick ? "OK" : "DEADLINE_EXCEEDED");
    await Promise.all(answers);
  }
});

Deno.test("Callee forgets calls that wait for others of their caller when it gives them up or is lost", async () => {
  const rig = new Rig(256);
  const callers = [rig.connect(2), rig.connect(2)];
  const { answers, count } = await occupy(rig, [callers[0]!], 140);
  assert.equal(count, 128);
  for (const answer of answers) answer.catch(() => {});
  const given = callers[1]!.open();
  given[0].tryWrite(callOf("wait"), true);
  await settle();
  assert.equal(rig.callee.load, 141 / 256);
  given[1].onStopped!(StatusCode.CANCELLED);
  await settle();
  assert.equal(rig.callee.load, 140 / 256);
  callers[0]!.lose();
  await settle();
  // Those that run go on, as handlers do.
  assert.equal(rig.callee.load, 128 / 256);
  rig.release.resolve("done");
  await settle();
  assert.equal(rig.callee.load, 0);
  await assertServed(callers[1]!);
});

Deno.test("Callee answers calls that wait for others before it is drained, and refuses them when it is aborted", async () => {
  for (const isAborted of [false, true]) {
    const rig = new Rig(256);
    const { answers } = await occupy(rig, [rig.connect(2)], 256);
    const drained = rig.callee.drain();
    if (isAborted) rig.callee.abort();
    else rig.release.resolve("done");
    const statuses = await Promise.all(answers.map(statusOf));
    await (isAborted ? undefined : drained);
    assert.deepEqual(
      new Set(statuses.slice(128)),
      new Set([isAborted ? "UNAVAILABLE" : "OK"]),
    );
    rig.release.resolve("done");
    await drained;
  }
});

Deno.test("Callee holds no more of requests that wait than a caller may have held", async () => {
  const rig = new Rig(256);
  const caller = rig.connect(2);
  await occupy(rig, [caller], 128);
  const answers: Promise<string>[] = [];
  for (let count = 0; count < 20; count++) {
    const [stream] = caller.open();
    stream.tryWrite(callOf("wait", 10_000_000), true);
    answers.push(statusOf(new MessageChannel(stream).receive()));
    await settle();
  }
  rig.release.resolve("done");
  const statuses = await Promise.all(answers);
  assert.deepEqual(statuses.slice(0, 11), Array(11).fill("OK"));
  assert.deepEqual(
    new Set(statuses.slice(13)),
    new Set(["RESOURCE_EXHAUSTED"]),
  );
});

Deno.test("Callee counts handlers that go on when their caller has gone, also if it comes again", async () => {
  const rig = new Rig(256);
  const first = rig.connect(2);
  const { answers, count } = await occupy(rig, [first], 128);
  first.lose();
  for (const answer of answers) answer.catch(() => {});
  await settle();
  assert.equal(rig.callee.runningCount, count);
  const again = await occupy(rig, [rig.connect(2)], 129);
  assert.equal(again.count, 0);
  assertExhausted(await again.answers.at(-1));
  await assertServed(rig.connect(3));
  rig.release.resolve("done");
  await Promise.all(again.answers);
  await rig.callee.drain();
});

Deno.test("Callee with few handlers gives one caller all of them", async () => {
  for (const maxHandlersInFlight of [1, 8, 64]) {
    const rig = new Rig(maxHandlersInFlight);
    const { count, answers } = await occupy(rig, [rig.connect(2)], 65);
    assert.equal(count, maxHandlersInFlight);
    rig.release.resolve("done");
    await Promise.all(answers);
  }
});

Deno.test("Callee takes requests from others while some leave as much unfinished as they can, and from them again later", async () => {
  const rig = new Rig();
  // A quarter of it takes memory for all of it, at little cost.
  const large = callOf("echo", 16_000_000).subarray(0, 4_010_000);
  const hogs = [2, 3, 4, 5, 6].map((key) => rig.connect(key));
  for (const hog of hogs) {
    for (let count = 0; count < 8; count++) {
      const [stream] = hog.open();
      stream.tryWrite(large.subarray(0, 32));
      await settle();
      stream.tryWrite(large.subarray(32));
      await settle();
    }
    const [stream] = hog.open();
    stream.tryWrite(large, false);
    assertExhausted(await new MessageChannel(stream).receive());
  }
  const honest = rig.connect(7);
  await assertServed(honest);
  const [stream] = honest.open();
  const request = callOf("echo", 100_000);
  stream.tryWrite(request.subarray(0, 50_000));
  await settle();
  stream.tryWrite(request.subarray(50_000), true);
  const answer = await new MessageChannel(stream).receive();
  assert.equal(answer?.type, MessageType.RESPONSE);

  for (let times = 0; times < 2; times++) {
    rig.clock.advance(REQUEST_SILENCE_MS);
    await settle();
  }
  const [late] = hogs[0]!.open();
  const whole = callOf("echo", 16_000_000);
  late.tryWrite(whole.subarray(0, 5_000_000));
  await settle();
  late.tryWrite(whole.subarray(5_000_000), true);
  const served = await new MessageChannel(late).receive();
  assert.equal(served?.type, MessageType.RESPONSE);
  assert.equal(rig.clock.timerCount, 0);
});

Deno.test("Callee gives up a request that has fallen silent, and waits for one that comes slowly", async () => {
  const rig = new Rig();
  const caller = rig.connect(2);
  const request = callOf("echo", 100);
  const [slow] = caller.open();
  const [, silent] = caller.open();
  const [started, cut] = caller.open();
  started.tryWrite(request.subarray(0, 50));
  for (let offset = 0; offset < request.length - 1; offset++) {
    slow.tryWrite(request.subarray(offset, offset + 1));
    await settle();
    rig.clock.advance(REQUEST_SILENCE_MS - 1);
    await settle();
  }
  assert.equal(silent.resetCode, StatusCode.DEADLINE_EXCEEDED);
  assert.equal(cut.resetCode, StatusCode.DEADLINE_EXCEEDED);
  assert.equal(cut.stopCode, StatusCode.DEADLINE_EXCEEDED);
  slow.tryWrite(request.subarray(-1), true);
  const answer = await new MessageChannel(slow).receive();
  assert.equal(answer?.type, MessageType.RESPONSE);
  assert.equal(rig.clock.timerCount, 0);
});
