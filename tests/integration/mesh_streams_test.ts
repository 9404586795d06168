import assert from "node:assert/strict";
import {
  type Agent,
  CallError,
  type CallRequest,
  type CallStream,
  type ChunkSource,
} from "../../mod.ts";
import { TransportError } from "../../transport/mod.ts";
import { scheduleMacrotask } from "../../transport/macrotask.ts";
import { collect, until, whenAborted, withMesh } from "../support/mesh.ts";
import { TimerClock } from "../support/timer_clock.ts";

const CALLEE = { name: "callee" };
const MIB = 1024 * 1024;

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number++) {
    await Promise.resolve();
    yield number;
  }
}

/** Reads to the end and gives what the loop threw. */
async function failureOf(stream: CallStream<unknown>): Promise<CallError> {
  try {
    await collect(stream);
  } catch (error) {
    assert.ok(error instanceof CallError, String(error));
    return error;
  }
  throw new Error("The stream completed");
}

Deno.test("Streams come in four forms", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onCall("one", (request) => request.value);
    callee.onStream("many", (request) => numbers(request.value as number));
    callee.onCall("sum", async (request) => {
      let sum = request.value as number;
      for await (const number of request.input) sum += number as number;
      return sum;
    });
    callee.onStream("double", async function* (request) {
      for await (const number of request.input) yield 2 * (number as number);
    });
    const caller = await connect();
    assert.equal(await caller.call(CALLEE, "one", 5), 5);
    assert.deepEqual(
      await collect(caller.stream(CALLEE, "many", 3)),
      [0, 1, 2],
    );
    assert.equal(
      await caller.call(CALLEE, "sum", 100, { input: numbers(5) }),
      110,
    );
    assert.deepEqual(
      await collect(
        caller.stream(CALLEE, "double", null, { input: numbers(4) }),
      ),
      [0, 2, 4, 6],
    );
  });
});

Deno.test("A stream both ways answers while the caller still sends", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("echo", (request) => request.input);
    const caller = await connect();
    let answered = Promise.resolve("first");
    let answer: (word: string) => void = () => {};
    async function* input(): AsyncGenerator<string> {
      for (;;) {
        const word = await answered;
        answered = new Promise((resolve) => answer = resolve);
        yield word;
      }
    }
    const stream = caller.stream<string>(CALLEE, "echo", null, {
      input: input(),
    });
    const seen: string[] = [];
    for await (const word of stream) {
      seen.push(word);
      if (seen.length === 3) break;
      answer(`after ${word}`);
    }
    assert.deepEqual(seen, ["first", "after first", "after after first"]);
  });
});

Deno.test("A stream that completes says so, with its chunk count", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("many", (request) => numbers(request.value as number));
    const caller = await connect();
    for (const count of [0, 1, 500]) {
      const stream = caller.stream(CALLEE, "many", count);
      assert.equal((await collect(stream)).length, count);
      assert.equal(stream.offset, count);
      assert.deepEqual(await stream.ending, {
        type: "completed",
        chunkCount: count,
      });
    }
  });
});

Deno.test("A stream whose handler throws fails with its code, after the chunks before", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("break", async function* () {
      yield "chunk";
      throw new CallError("DATA_LOSS", "Disk: gone", { retryAfterMs: 7 });
    });
    callee.onStream("refuse", () => {
      throw new Error("no");
    });
    const caller = await connect();
    const stream = caller.stream(CALLEE, "break");
    const error = await failureOf(stream);
    assert.equal(error.code, "DATA_LOSS");
    assert.equal(error.message, "Disk: gone");
    assert.equal(error.retryAfterMs, 7);
    assert.equal(error.method, "break");
    assert.deepEqual(await stream.ending, {
      type: "failed",
      code: "DATA_LOSS",
      message: "Disk: gone",
      chunkCount: 1,
    });
    const refused = caller.stream(CALLEE, "refuse");
    assert.equal((await failureOf(refused)).code, "INTERNAL");
    const unknown = caller.stream(CALLEE, "unknown");
    assert.equal((await failureOf(unknown)).code, "UNIMPLEMENTED");
    assert.equal((await unknown.ending).type, "failed");
    const nobody = caller.stream({ capability: "fly" }, "fly");
    assert.equal((await failureOf(nobody)).capability, "fly");
  });
});

Deno.test("A stream that is cancelled runs the generator's finally", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    let done = Promise.withResolvers<unknown>();
    callee.onStream("endless", async function* (request) {
      try {
        for (let count = 0;; count++) yield count;
      } finally {
        done.resolve(request.signal.reason);
      }
    });
    const caller = await connect();
    const left = caller.stream(CALLEE, "endless");
    for await (const count of left) if (count === 3) break;
    assert.equal((await left.ending).type, "cancelled");
    assert.equal((await done.promise as CallError).code, "CANCELLED");

    done = Promise.withResolvers();
    const cancelled = caller.stream(CALLEE, "endless");
    cancelled.cancel();
    assert.equal((await failureOf(cancelled)).code, "CANCELLED");
    assert.deepEqual((await cancelled.ending).chunkCount, 0);

    done = Promise.withResolvers();
    const controller = new AbortController();
    const aborted = caller.stream(CALLEE, "endless", null, {
      signal: controller.signal,
    });
    await assert.rejects(async () => {
      for await (const count of aborted) {
        if (count === 3) controller.abort("enough");
      }
    }, (reason) => reason === "enough");
    assert.equal((await aborted.ending).type, "cancelled");
    await done.promise;
  });
});

Deno.test("Streams that their readers leave unread hold no short call up", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({ name: "callee" });
    const caller = await connect();
    callee.onStream("endless", function* () {
      for (;;) yield new Uint8Array(10_000);
    });
    callee.onCall("echo", (request) => request.value);
    const unread: CallStream[] = [];
    for (let count = 0; count < 20; count++) {
      const stream = caller.stream(CALLEE, "endless");
      unread.push(stream);
      // Each of them has begun.
      await stream[Symbol.asyncIterator]().next();
      assert.equal(await caller.call(CALLEE, "echo", count), count);
    }
    for (const stream of unread) stream.cancel();
    const answers = Array.from(
      { length: 20 },
      () => caller.call(CALLEE, "echo", new Uint8Array(1_000_000)),
    );
    for (const answer of await Promise.all(answers)) {
      assert.equal((answer as Uint8Array).length, 1_000_000);
    }
  });
});

Deno.test("What a handler gives to be streamed when its reader has gone is returned, unread", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    let started = Promise.withResolvers<void>();
    const log: string[] = [];
    const sources: Record<string, ChunkSource> = {
      iterator: {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            log.push("read");
            return Promise.resolve({ done: true, value: undefined });
          },
          return: () => {
            log.push("returned");
            return Promise.reject(new Error("heard by nobody"));
          },
        }),
      },
      stream: new ReadableStream({ cancel: () => void log.push("cancelled") }),
      none: 1 as unknown as ChunkSource,
    };
    callee.onStream("late", async (request) => {
      started.resolve();
      await whenAborted(request.signal);
      return sources[request.text()]!;
    });
    const caller = await connect();
    for (const name in sources) {
      started = Promise.withResolvers();
      const stream = caller.stream(CALLEE, "late", name);
      await started.promise;
      stream.cancel();
      assert.equal((await stream.ending).type, "cancelled");
    }
    await callee.drain();
    assert.deepEqual(log, ["returned", "cancelled"]);
  });
});

Deno.test("A stream is limited in total and in silence, and progress extends the silence", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const stopped: Promise<unknown>[] = [];
    callee.onStream("silence", async function* (request) {
      yield "chunk";
      const reason = whenAborted(request.signal);
      stopped.push(reason);
      await reason;
    });
    let tick: (() => void) | undefined;
    callee.onStream("ticks", async function* (request) {
      for (let count = 0; count < (request.value as number); count++) {
        await new Promise<void>((resolve) => tick = resolve);
        tick = undefined;
        yield count;
      }
    });
    // The callee's clock is another one: there the hour of a stream is long.
    const clock = new TimerClock();
    const caller = await connect({ clock });
    const idle = caller.stream(CALLEE, "silence", null, { idleTimeoutMs: 200 });
    const failing = failureOf(idle);
    await until(() => idle.offset === 1);
    clock.advance(200);
    const error = await failing;
    assert.equal(error.code, "DEADLINE_EXCEEDED");
    assert.match(error.message, /no progress within 200 ms/);
    assert.deepEqual(
      { ...await idle.ending, message: "" },
      { type: "failed", code: "DEADLINE_EXCEEDED", message: "", chunkCount: 1 },
    );
    await Promise.all(stopped);
    /** Lets some of the chunks come, each so long after the one before. */
    const progress = async (
      stream: CallStream<unknown>,
      count: number,
      afterMs: number,
    ): Promise<void> => {
      for (let read = 0; read < count; read++) {
        await until(() => stream.offset === read && tick !== undefined);
        clock.advance(afterMs);
        tick!();
      }
    };
    const ticks = caller.stream(CALLEE, "ticks", 8, { idleTimeoutMs: 300 });
    const reading = collect(ticks);
    await progress(ticks, 8, 299);
    assert.equal((await reading).length, 8);
    const total = caller.stream(CALLEE, "ticks", 1_000, {
      idleTimeoutMs: 1_800_000,
      timeoutMs: 3_600_000,
    });
    const ending = failureOf(total);
    await progress(total, 2, 1_799_999);
    await until(() => total.offset === 2);
    clock.advance(2);
    assert.match((await ending).message, /not finished within 3600000/);
  });
});

Deno.test("The time that the caller's own input takes is not silence of the callee", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("echo", async function* (request) {
      yield* request.input;
      await whenAborted(request.signal);
    });
    const clock = new TimerClock();
    const caller = await connect({ clock });
    async function* input(): AsyncGenerator<number> {
      for (let number = 0; number < 3; number++) {
        yield number;
        // The one before is answered: both ends wait for this one.
        await until(() => stream.offset > number);
        clock.advance(150);
      }
    }
    const stream = caller.stream(CALLEE, "echo", null, {
      idleTimeoutMs: 100,
      input: input(),
    });
    const failing = failureOf(stream);
    let hasEnded = false;
    stream.ending.then(() => hasEnded = true);
    await until(() => hasEnded || stream.offset === 3);
    // With the input at its end it is the callee that says nothing.
    await until(() => {
      clock.advance(50);
      return hasEnded;
    });
    assert.equal((await failing).code, "DEADLINE_EXCEEDED");
    assert.equal(stream.offset, 3);
  });
});

Deno.test("A stream whose process is killed ends as lost, never as completed", async () => {
  await withMesh(async ({ node, connect }) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        new URL("../support/endless_agent.ts", import.meta.url).pathname,
        node.url,
      ],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    try {
      const caller = await connect({ transport: { idleTimeoutMs: 2_000 } });
      while ((await caller.discover({ name: "endless" })).length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const target = { name: "endless" };
      const stream = caller.stream<number>(target, "count");
      const call = caller.call(target, "never");
      const lost = assert.rejects(
        call,
        (error) =>
          error instanceof CallError && error.code === "CONNECTION_LOST",
      );
      const seen: number[] = [];
      await assert.rejects(async () => {
        for await (const count of stream) {
          seen.push(count);
          if (count === 9) child.kill("SIGKILL");
        }
      }, (error) => {
        assert.ok(error instanceof CallError);
        assert.equal(error.code, "CONNECTION_LOST");
        return true;
      });
      assert.equal(seen.length, 10);
      const ending = await stream.ending;
      assert.equal(ending.type, "lost");
      assert.equal(ending.chunkCount, 10);
      await lost;
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended, as it should.
      }
      await child.status;
    }
  });
});

Deno.test("An endless stream with a slow reader stays under 32 MiB of growth", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    let produced = 0;
    callee.onStream("endless", async function* () {
      const chunk = new Uint8Array(16 * 1024);
      for (;;) {
        produced += chunk.length;
        yield chunk;
      }
    });
    const caller = await connect();
    const stream = caller.stream<Uint8Array>(CALLEE, "endless");
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const before = memoryBytes();
    let readBytes = 0;
    for (let read = 0; read < 20; read++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      readBytes += (await iterator.next()).value!.length;
    }
    const growth = memoryBytes() - before;
    assert.ok(growth < 32 * MIB, `memory grew by ${growth} bytes`);
    // Both ends are in this process: what was produced waits in it.
    assert.ok(produced - readBytes < 8 * MIB, `${produced} bytes produced`);
    stream.cancel();
  });
});

Deno.test("An endless input waits for a callee that reads slowly", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onCall("first", async ({ input }) => {
      const iterator = input[Symbol.asyncIterator]();
      const { value } = await iterator.next();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return (value as Uint8Array).length;
    });
    const caller = await connect();
    let produced = 0;
    const ended = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          produced++;
          yield new Uint8Array(64 * 1024);
        }
      } finally {
        ended.resolve();
      }
    }
    assert.equal(
      await caller.call(CALLEE, "first", null, { input: endless() }),
      64 * 1024,
    );
    assert.ok(produced < 128, `${produced} chunks`);
    await ended.promise;
  });
});

Deno.test("An input that throws fails the call with what it threw, at both ends", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const started = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<unknown>();
    callee.onCall("sum", async ({ input }) => {
      started.resolve();
      await collect(input).catch(failed.resolve);
    });
    const caller = await connect();
    async function* input(): AsyncGenerator<number> {
      yield 1;
      await started.promise;
      throw new RangeError("broken");
    }
    await assert.rejects(
      caller.call(CALLEE, "sum", null, { input: input() }),
      RangeError,
    );
    assert.equal((await failed.promise as CallError).code, "CANCELLED");
  });
});

Deno.test("An input that throws nothing fails the call all the same", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("echo", ({ input }) => input);
    callee.onCall("sum", async ({ input }) => (await collect(input)).length);
    const caller = await connect();
    async function* input(): AsyncGenerator<number> {
      yield 1;
      throw undefined;
    }
    const cancelled = (error: unknown): boolean =>
      error instanceof CallError && error.code === "CANCELLED";
    await assert.rejects(
      caller.call(CALLEE, "sum", null, { input: input() }),
      cancelled,
    );
    const stream = caller.stream(CALLEE, "echo", null, { input: input() });
    await assert.rejects(collect(stream), cancelled);
    assert.equal((await stream.ending).type, "cancelled");
  });
});

Deno.test("An input is read by one loop at a time, and by the next one where that was left", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onCall("both", async ({ input }) => {
      const first = collect(input);
      await assert.rejects(
        collect(input),
        (error) =>
          error instanceof CallError && error.code === "FAILED_PRECONDITION",
      );
      return await first;
    });
    callee.onCall("in turn", async ({ input }) => {
      const values: unknown[] = [];
      for await (const value of input) {
        values.push(value);
        if (values.length === 2) break;
      }
      return [...values, ...await collect(input), ...await collect(input)];
    });
    const caller = await connect();
    for (const method of ["both", "in turn"]) {
      assert.deepEqual(
        await caller.call(CALLEE, method, null, { input: numbers(5) }),
        [0, 1, 2, 3, 4],
        method,
      );
    }
  });
});

Deno.test("An input is read by one loop at a time while a value waits to be decoded, too", async () => {
  const large = Array.from({ length: 20_000 }, () => ({}));
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onCall("count", async ({ input }) => {
      let refusedCount = 0;
      let isOver = false;
      const reading = collect(input).finally(() => isOver = true);
      while (!isOver) {
        await new Promise<void>((resolve) => scheduleMacrotask(resolve));
        if (isOver) break;
        await assert.rejects(
          collect(input),
          (error) =>
            error instanceof CallError && error.code === "FAILED_PRECONDITION",
        );
        refusedCount++;
      }
      assert.ok(refusedCount > 0);
      return (await reading).length;
    });
    const caller = await connect();
    const input = (async function* () {
      for (let count = 0; count < 20; count++) yield large;
    })();
    assert.equal(await caller.call(CALLEE, "count", null, { input }), 20);
  });
});

Deno.test("A call ends as it does, whatever the return of its input throws", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onCall("first", async ({ input }) => {
      for await (const value of input) return value;
    });
    callee.onStream("echo", ({ input }) => input);
    callee.onCall("all", async ({ input }) => (await collect(input)).length);
    const caller = await connect();
    const broken = (): never => {
      throw new Error("Test: closed already");
    };
    const next = () => Promise.resolve({ done: false, value: 1 });
    const silent = () => new Promise<never>(() => {});
    const endings = [
      { return: broken },
      { return: () => Promise.reject(new Error("Test: closed already")) },
      {
        get return() {
          return broken();
        },
      },
    ];
    for (const ending of endings) {
      const inputOf = (
        source: () => Promise<IteratorResult<number>>,
      ): { input: AsyncIterable<number> } => {
        const iterator = Object.defineProperties(
          { next: source },
          Object.getOwnPropertyDescriptors(ending),
        );
        return { input: { [Symbol.asyncIterator]: () => iterator } };
      };
      assert.equal(await caller.call(CALLEE, "first", null, inputOf(next)), 1);
      await assert.rejects(
        caller.call(CALLEE, "all", null, {
          ...inputOf(silent),
          timeoutMs: 50,
        }),
        (error) =>
          error instanceof CallError && error.code === "DEADLINE_EXCEEDED",
      );
      const stream = caller.stream(CALLEE, "echo", null, inputOf(next));
      for await (const value of stream) {
        assert.equal(value, 1);
        break;
      }
      assert.equal((await stream.ending).type, "cancelled");
      const failing = () => Promise.reject(new RangeError("broken"));
      await assert.rejects(
        caller.call(CALLEE, "all", null, inputOf(failing)),
        RangeError,
      );
    }
  });
});

Deno.test("An input that throws an error of another connection fails its call, at both ends", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const started = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<unknown>();
    callee.onCall("sum", async ({ input }) => {
      started.resolve();
      await collect(input).catch(failed.resolve);
    });
    const caller = await connect();
    async function* input(): AsyncGenerator<number> {
      yield 1;
      await started.promise;
      throw new TransportError("CONNECTION_LOST", "Test: another one");
    }
    await assert.rejects(
      caller.call(CALLEE, "sum", null, { input: input() }),
      (error) => error instanceof CallError && error.code === "CONNECTION_LOST",
    );
    assert.equal((await failed.promise as CallError).code, "CANCELLED");
  });
});

Deno.test("A call that is given up with what nobody can look at ends all the same, at both ends", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    let startedCount = 0;
    let stoppedCount = 0;
    const wait = async ({ signal }: CallRequest): Promise<never> => {
      startedCount++;
      await whenAborted(signal);
      stoppedCount++;
      throw signal.reason;
    };
    callee.onCall("wait", wait);
    callee.onStream("wait to stream", wait);
    callee.onCall("all", async ({ input }) => (await collect(input)).length);
    const caller = await connect();
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const isCancelled = (reason: unknown) => (error: unknown): boolean =>
      error instanceof CallError && error.code === "CANCELLED" &&
      error.cause === reason;
    for (const reason of [Object.create(null), revoked.proxy]) {
      const aborting = new AbortController();
      const { signal } = aborting;
      const count = startedCount + 2;
      const call = assert.rejects(
        caller.call(CALLEE, "wait", null, { signal }),
        isCancelled(reason),
      );
      const stream = caller.stream(CALLEE, "wait to stream", null, { signal });
      const reading = assert.rejects(collect(stream), isCancelled(reason));
      await until(() => startedCount === count);
      aborting.abort(reason);
      await Promise.all([call, reading]);
      assert.equal((await stream.ending).type, "cancelled");
      await until(() => stoppedCount === count);
      const late = caller.stream(CALLEE, "wait to stream", null, { signal });
      assert.equal((await late.ending).type, "cancelled");
      const input = (async function* (): AsyncGenerator<number> {
        yield 1;
        throw reason;
      })();
      await assert.rejects(
        caller.call(CALLEE, "all", null, { input }),
        isCancelled(reason),
      );
    }
  });
});

Deno.test("A stream is read by one loop only, and tells its end when nobody reads", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("many", (request) => numbers(request.value as number));
    const caller: Agent = await connect();
    const stream = caller.stream(CALLEE, "many", 1);
    await collect(stream);
    assert.throws(() => stream[Symbol.asyncIterator](), CallError);
    const unread = caller.stream(CALLEE, "unknown");
    assert.equal((await unread.ending).code, "UNIMPLEMENTED");
  });
});

function memoryBytes(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

Deno.test("A generator that is not asynchronous streams as well, and stops with its reader", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    let produced = 0;
    let over = (): void => {};
    callee.onStream("count", function* (request) {
      try {
        for (let index = 0; index < (request.value as number); index++) {
          produced++;
          yield index;
        }
      } finally {
        over();
      }
    });
    callee.onStream("list", () => ["a", null, new Uint8Array([1])]);
    const caller = await connect();
    const all = await collect(caller.stream(CALLEE, "count", 5_000));
    assert.deepEqual(all, Array.from({ length: 5_000 }, (_, index) => index));
    assert.deepEqual(
      await collect(caller.stream(CALLEE, "list")),
      ["a", null, new Uint8Array([1])],
    );
    const isOver = new Promise<void>((resolve) => over = resolve);
    produced = 0;
    let read = 0;
    for await (const _ of caller.stream(CALLEE, "count", 1e9)) {
      if (++read === 10) break;
    }
    await isOver;
    assert.ok(produced < 1e6, `${produced} produced for 10 that were read`);
  });
});

Deno.test("A stream that is read in batches gives every chunk once and in order, and its failure after them", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("numbers", function* (request) {
      const count = request.value as number;
      for (let index = 0; index < count; index++) {
        yield index % 7 === 3 ? null : index;
      }
      if (count % 2 === 1) throw new CallError("ABORTED", "Enough");
    });
    const caller = await connect();
    for (const count of [0, 1, 1_024, 1_025, 9_999]) {
      const stream = caller.stream(CALLEE, "numbers", count);
      const seen: unknown[] = [];
      let batchCount = 0;
      let failure: unknown;
      try {
        for await (const batch of stream.batches()) {
          batchCount++;
          assert.ok(batch.length >= 1 && batch.length <= 1_024);
          seen.push(...batch);
        }
      } catch (error) {
        failure = error;
      }
      assert.deepEqual(
        seen,
        Array.from({ length: count }, (_, i) => i % 7 === 3 ? null : i),
      );
      assert.ok(batchCount <= Math.max(1, count / 2), `${batchCount} batches`);
      const { type, chunkCount } = await stream.ending;
      assert.equal(chunkCount, count);
      assert.equal(type, count % 2 === 1 ? "failed" : "completed");
      assert.equal(
        failure instanceof CallError ? failure.code : failure,
        count % 2 === 1 ? "ABORTED" : undefined,
      );
    }
  });
});

Deno.test("Chunks and inputs arrive in order, whether they are decoded at once or take turns", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const caller = await connect();
    const values = Array.from(
      { length: 30 },
      (_, index) => ({ index, list: Array(index % 3 * 10_000).fill(index) }),
    );
    callee.onStream("both", async function* ({ input, sealedBy }) {
      assert.ok(sealedBy);
      for await (const value of input) yield value as object;
    });
    callee.onStream("plain", () => values);
    const sealFor = [callee.publicKey];
    const sealed = caller.stream(CALLEE, "both", 0, {
      input: (async function* () {
        for (const value of values) {
          await Promise.resolve();
          yield value;
        }
      })(),
      sealFor,
    });
    assert.deepEqual(await collect(sealed), values);
    for (const compress of [true, false]) {
      const plain = () => caller.stream(CALLEE, "plain", 0, { compress });
      assert.deepEqual(await collect(plain()), values);
      const batches = await collect(plain().batches());
      assert.deepEqual(batches.flat(), values);
    }
  });
});

Deno.test("Leaving a loop over batches cancels the stream", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    callee.onStream("endless", function* () {
      for (;;) yield "again";
    });
    const caller = await connect();
    const stream = caller.stream(CALLEE, "endless");
    for await (const batch of stream.batches()) {
      assert.equal(batch[0], "again");
      break;
    }
    assert.equal((await stream.ending).type, "cancelled");
    assert.throws(() => stream.batches(), { code: "FAILED_PRECONDITION" });
  });
});

Deno.test("A stream handler that gives text, bytes or nothing fails its call", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    for (const value of ["text", new Uint8Array(3), undefined, 7]) {
      callee.onStream(`gives ${typeof value}`, () => value as never);
    }
    const caller = await connect();
    for (const kind of ["string", "object", "undefined", "number"]) {
      const failure = await failureOf(caller.stream(CALLEE, `gives ${kind}`));
      assert.equal(failure.code, "INTERNAL");
    }
  });
});

Deno.test("Many streams that never wait leave the event loop its turns", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    let madeCount = 0;
    callee.onStream("endless", function* () {
      for (;;) yield madeCount++;
    });
    callee.onStream("endless later", async function* () {
      for (;;) {
        await Promise.resolve();
        yield madeCount++;
      }
    });
    const caller = await connect();
    const streams = ["endless", "endless later"].flatMap((method) =>
      Array.from({ length: 20 }, () => caller.stream(CALLEE, method))
    );
    let mostInTurn = 0;
    for (let before = 0; madeCount < 10_000;) {
      await new Promise<void>((resolve) => scheduleMacrotask(resolve));
      mostInTurn = Math.max(mostInTurn, madeCount - before);
      before = madeCount;
    }
    // Two allowances: an old one that is used up, and a new one.
    assert.ok(mostInTurn < 700, `${mostInTurn} chunks in one turn`);
    for (const stream of streams) stream.cancel();
  });
});

Deno.test("Inputs of large chunks that begin together all arrive, by calls and by streams", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const length = async (request: CallRequest): Promise<number> => {
      let byteCount = 0;
      for await (const value of request.input) {
        byteCount += (value as Uint8Array).length;
      }
      return byteCount;
    };
    callee.onCall("length", length);
    callee.onStream("length as a stream", async function* (request) {
      yield await length(request);
    });
    const caller = await connect();
    async function* input(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(MIB);
      await Promise.resolve();
      yield new Uint8Array(1);
    }
    // More than a callee holds of what one caller has not sent in full.
    const lengths = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const options = { input: input(), timeoutMs: 120_000 };
        return index % 2 === 0
          ? [await caller.call(CALLEE, "length", null, options)]
          : collect(
            caller.stream(CALLEE, "length as a stream", null, options),
          );
      }),
    );
    assert.deepEqual(lengths, Array(300).fill([MIB + 1]));
  });
});

Deno.test("Large chunks of inputs that handlers leave alone, or that wait for an answer, keep no others from leaving", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const caller = await connect();
    const release = Promise.withResolvers<void>();
    callee.onStream("lengths", async function* (request) {
      if (request.value === "later") await release.promise;
      for await (const value of request.input) {
        yield (value as Uint8Array).length;
      }
    });
    async function* large(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 2; count++) yield new Uint8Array(15 * MIB);
    }
    // More than may be under way at a time.
    const later = Array.from({ length: 4 }, () =>
      collect(
        caller.stream(CALLEE, "lengths", "later", { input: large() }),
      ));
    const talks = Array.from({ length: 40 }, async () => {
      let answered = Promise.withResolvers<void>();
      async function* input(): AsyncGenerator<Uint8Array> {
        for (let count = 0; count < 3; count++) {
          yield new Uint8Array(MIB);
          await answered.promise;
          answered = Promise.withResolvers<void>();
        }
      }
      const stream = caller.stream(CALLEE, "lengths", "now", {
        input: input(),
      });
      for await (const length of stream) {
        assert.equal(length, MIB);
        answered.resolve();
      }
    });
    await Promise.all(talks);
    release.resolve();
    for (const lengths of await Promise.all(later)) {
      assert.deepEqual(lengths, Array(2).fill(15 * MIB));
    }
  });
});

Deno.test("Large requests that wait for a stream keep no chunk from leaving of the input that has it", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect({
      ...CALLEE,
      transport: { maxBidiStreams: 1 },
    });
    callee.onCall("length", async (request) => {
      let byteCount = request.bytes().length;
      for await (const value of request.input) {
        byteCount += (value as Uint8Array).length;
      }
      return byteCount;
    });
    const caller = await connect();
    const released = Promise.withResolvers<void>();
    async function* input(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      await released.promise;
      yield new Uint8Array(2 * MIB);
    }
    const timeoutMs = 120_000;
    const first = caller.call(CALLEE, "length", new Uint8Array(0), {
      input: input(),
      timeoutMs,
    });
    // Its input has begun once the only stream is taken.
    await assert.rejects(
      caller.call(CALLEE, "length", new Uint8Array(1), { timeoutMs: 50 }),
      (error) => (error as CallError).code === "DEADLINE_EXCEEDED",
    );
    // As much as may be under way at a time.
    const large = Array.from(
      { length: 2 },
      () =>
        caller.call(CALLEE, "length", new Uint8Array(16_000_000), {
          timeoutMs,
        }),
    );
    released.resolve();
    assert.deepEqual(
      await Promise.all([first, ...large]),
      [2 * MIB + 1, 16_000_000, 16_000_000],
    );
  });
});

Deno.test("A call whose input waits for its turn can be given up, and answered without it", async () => {
  await withMesh(async ({ connect }) => {
    const callee = await connect(CALLEE);
    const caller = await connect();
    const release = Promise.withResolvers<void>();
    let begunCount = 0;
    callee.onCall("wait", () => {
      begunCount++;
      return release.promise;
    });
    let endedCount = 0;
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(MIB);
      } finally {
        endedCount++;
      }
    }
    const given = new AbortController();
    const { signal } = given;
    const calls = Array.from({ length: 80 }, (_, index) => {
      const options = { input: input(), timeoutMs: 120_000 };
      const calling = caller.call(CALLEE, "wait", null, {
        ...options,
        ...(index % 2 === 0 ? {} : { signal }),
      });
      return index % 2 === 0
        ? calling
        : assert.rejects(calling, (reason) => reason === "enough");
    });
    await until(() => begunCount === 80);
    given.abort("enough");
    release.resolve();
    await Promise.all(calls);
    await until(() => endedCount === 80);
  });
});
