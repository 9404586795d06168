import assert from "node:assert/strict";
import { type Appender, ByteBudget, LogSink } from "./log_sink.ts";

/** A disk that is done when the test says so. */
class SlowDisk implements Appender {
  readonly written: Uint8Array[] = [];
  closeCount = 0;
  #waiting: PromiseWithResolvers<void> | undefined;

  append(bytes: Uint8Array): Promise<void> {
    assert.equal(this.#waiting, undefined, "One append at a time");
    this.written.push(bytes);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  close(): Promise<void> {
    this.closeCount++;
    return Promise.resolve();
  }

  async finish(error?: Error): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(error);
    // Lets the sink go on: it takes a few reactions to do so.
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

interface Setting {
  readonly sink: LogSink;
  readonly disk: SlowDisk;
  readonly errors: unknown[];
  readonly turn: () => void;
}

function setUp(
  options: {
    maxQueuedBytes?: number;
    maxFileBytes?: number;
    budget?: ByteBudget;
  } = {},
): Setting {
  const disk = new SlowDisk();
  const errors: unknown[] = [];
  const tasks: (() => void)[] = [];
  const sink = new LogSink({
    appender: disk,
    maxQueuedBytes: 100,
    maxFileBytes: 1000,
    onError: (error) => errors.push(error),
    schedule: (task) => tasks.push(task),
    ...options,
  });
  const turn = (): void => tasks.splice(0).forEach((task) => task());
  return { sink, disk, errors, turn };
}

const RECORD: Uint8Array = new Uint8Array(40);

Deno.test("LogSink gathers records and appends them in order", async () => {
  const { sink, disk, turn } = setUp();
  sink.write(Uint8Array.of(1));
  sink.write(Uint8Array.of(2, 3));
  assert.equal(disk.written.length, 0, "Nothing is written in the same turn");
  turn();
  sink.write(Uint8Array.of(4));
  assert.deepEqual(disk.written, [Uint8Array.of(1, 2, 3)]);
  await disk.finish();
  assert.deepEqual(disk.written[1], Uint8Array.of(4));
  await disk.finish();
  await sink.close();
  assert.equal(disk.closeCount, 1);
});

Deno.test("LogSink drops and counts while the disk is slow, and never waits", async () => {
  const { sink, disk, turn } = setUp();
  assert.ok(sink.write(RECORD));
  turn();
  // 40 bytes are on their way and still count: 60 are left.
  assert.ok(sink.write(RECORD));
  assert.ok(!sink.write(RECORD));
  assert.equal(sink.stats.recordsDropped, 1);
  await disk.finish();
  assert.ok(sink.write(RECORD), "There is room again");
  await disk.finish();
  await disk.finish();
  await sink.close();
  assert.deepEqual(sink.stats, {
    recordsWritten: 3,
    bytesWritten: 120,
    recordsDropped: 1,
  });
});

Deno.test("LogSink ends at the size of its file, for shorter records too", async () => {
  const { sink, disk, turn } = setUp({ maxFileBytes: 50 });
  assert.ok(sink.write(RECORD));
  assert.ok(!sink.write(new Uint8Array(11)));
  assert.ok(!sink.write(new Uint8Array(1)));
  turn();
  await disk.finish();
  await sink.close();
  assert.equal(sink.stats.bytesWritten, 40);
  assert.equal(sink.stats.recordsDropped, 2);
});

Deno.test("LogSink shares a budget with others", async () => {
  const budget = new ByteBudget(70);
  const [first, second] = [setUp({ budget }), setUp({ budget })];
  assert.ok(first.sink.write(RECORD));
  assert.ok(!second.sink.write(RECORD));
  assert.ok(!first.sink.write(RECORD));
  first.turn();
  await first.disk.finish();
  await first.sink.close();
  await second.sink.close();
});

Deno.test("LogSink says once that its file failed, and drops from then on", async () => {
  const { sink, disk, errors, turn } = setUp();
  sink.write(RECORD);
  turn();
  sink.write(RECORD);
  assert.equal(sink.stats.bytesWritten, 0, "It is on its way");
  await disk.finish(new Error("No space left"));
  assert.equal(errors.length, 1);
  assert.ok(!sink.write(RECORD));
  // The one that failed, the one that waited, and the one after.
  assert.deepEqual(sink.stats, {
    recordsWritten: 0,
    bytesWritten: 0,
    recordsDropped: 3,
  });
  await sink.close();
  assert.equal(errors.length, 1);
  assert.equal(disk.closeCount, 1);
});

Deno.test("LogSink.close() writes what waits, and takes nothing more", async () => {
  const { sink, disk, turn } = setUp();
  sink.write(RECORD);
  const closing = sink.close();
  assert.ok(!sink.write(RECORD));
  turn();
  assert.equal(disk.closeCount, 0);
  await disk.finish();
  await closing;
  assert.equal(sink.close(), sink.close());
  assert.equal(disk.closeCount, 1);
});
