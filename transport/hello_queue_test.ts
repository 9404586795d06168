import assert from "node:assert/strict";
import fc from "fast-check";
import {
  HelloQueue,
  MAX_COUNTED_VAIN_MS,
  MAX_HELLO_TURN_MS,
  MAX_WAITING_HELLO_BYTES,
} from "./hello_queue.ts";

/** A queue whose hellos are a byte that names them, and take their time. */
class Rig {
  now = 1_000;
  readonly handled: number[] = [];
  readonly dropped: number[] = [];
  readonly queue: HelloQueue;

  constructor(
    options: {
      readonly maxWaitingHellos?: number;
      readonly vainHelloShare?: number;
      readonly costMs?: number;
      readonly isConnection?: boolean;
    } = {},
  ) {
    const { costMs = 0, isConnection = false } = options;
    this.queue = new HelloQueue({
      config: { maxWaitingHellos: 4, vainHelloShare: 0.25, ...options },
      clock: () => this.now,
      handle: ([name]) => {
        this.handled.push(name!);
        this.now += costMs;
        return isConnection;
      },
      drop: ([name]) => this.dropped.push(name!),
    });
  }

  push(
    name: number,
    hostname = "192.0.2.1",
    { byteCount = 1_200, port = name } = {},
  ): void {
    const hello = new Uint8Array(byteCount).fill(name);
    this.queue.push(hello, { hostname, port });
    // The socket reads the next one into the same memory.
    hello.fill(0);
  }

  /** What there is to be done, and a long rest before each part of it. */
  workOff(): void {
    while (this.queue.isWaiting) {
      this.now += 1_000;
      this.queue.handleWaiting(() => {});
    }
  }
}

Deno.test("HelloQueue handles the first of a turn at once, and keeps the others", () => {
  const rig = new Rig();
  for (const name of [1, 2, 3]) rig.push(name);
  assert.deepEqual(rig.handled, [1]);
  assert.ok(rig.queue.isWaiting);
  rig.queue.handleWaiting(() => {});
  assert.deepEqual(rig.handled, [1, 2, 3]);
  rig.push(4);
  rig.queue.beginTurn();
  // Not before those that have waited.
  rig.push(5);
  assert.deepEqual(rig.handled, [1, 2, 3]);
  rig.workOff();
  rig.queue.beginTurn();
  rig.push(6);
  assert.deepEqual(rig.handled, [1, 2, 3, 4, 5, 6]);
});

Deno.test("HelloQueue keeps maxWaitingHellos, then drops one of the busiest sender", () => {
  const rig = new Rig({ maxWaitingHellos: 3 });
  for (const name of [1, 2, 3, 4]) rig.push(name);
  assert.deepEqual(rig.dropped, []);
  rig.push(5);
  assert.deepEqual(rig.dropped, [5]);
  rig.push(6, "192.0.2.2");
  assert.deepEqual(rig.dropped, [5, 2]);
  // One network of a customer is one sender.
  rig.push(7, "2001:db8::1");
  rig.push(8, "2001:db8::2");
  assert.deepEqual(rig.dropped, [5, 2, 3, 8]);
  rig.workOff();
  assert.deepEqual(rig.handled, [1, 4, 6, 7]);
});

Deno.test("HelloQueue tells the processes of its own machine apart by their ports", () => {
  const rig = new Rig({ maxWaitingHellos: 3 });
  for (const name of [1, 2, 3, 4]) rig.push(name, "127.0.0.1", { port: 1 });
  rig.push(5, "127.0.0.1", { port: 2 });
  assert.deepEqual(rig.dropped, [2]);
  rig.workOff();
  assert.deepEqual(rig.handled, [1, 3, 5, 4]);
});

Deno.test("HelloQueue lets none wait that is larger than MAX_WAITING_HELLO_BYTES", () => {
  const rig = new Rig();
  rig.push(1, "192.0.2.1", { byteCount: 65_507 });
  assert.deepEqual(rig.handled, [1]);
  rig.push(2, "192.0.2.1", { byteCount: MAX_WAITING_HELLO_BYTES });
  rig.push(3, "192.0.2.1", { byteCount: MAX_WAITING_HELLO_BYTES + 1 });
  assert.deepEqual(rig.dropped, [3]);
  rig.workOff();
  assert.deepEqual(rig.handled, [1, 2]);
});

Deno.test("HelloQueue looks up from the hellos after MAX_HELLO_TURN_MS", () => {
  const rig = new Rig({
    maxWaitingHellos: 100,
    costMs: MAX_HELLO_TURN_MS / 4,
  });
  for (let name = 0; name < 100; name++) rig.push(name);
  rig.now += 1_000;
  rig.queue.handleWaiting(() => {});
  // The first one was handled when it came.
  assert.equal(rig.handled.length, 1 + 4);
});

Deno.test("HelloQueue gives hellos in vain vainHelloShare of the time, and what they are answered counts", () => {
  const rig = new Rig({ maxWaitingHellos: 10_000, costMs: 0.05 });
  for (let name = 0; name < 10_000; name++) rig.push(name % 256);
  const startedAt = rig.now;
  let sendMs = 0;
  while (rig.now < startedAt + 1_000) {
    rig.queue.handleWaiting(() => {
      rig.now += 0.1;
      sendMs += 0.1;
    });
    rig.now += 0.1;
  }
  const spentMs = rig.handled.length * 0.05 + sendMs;
  assert.ok(sendMs > 10);
  assert.ok(Math.abs(spentMs - 250) < 5, `${spentMs} ms`);
});

Deno.test("HelloQueue lets hellos in soon after the process has stood still over one in vain", () => {
  const rig = new Rig({ costMs: 3_000 });
  rig.push(1);
  rig.push(2);
  const shut = (): number => {
    const since = rig.now;
    const { length } = rig.handled;
    while (rig.handled.length === length && rig.now < since + 20_000) {
      rig.now += 1;
      const before = rig.now;
      rig.queue.handleWaiting(() => {});
      if (rig.handled.length > length) return before - since;
    }
    return Infinity;
  };
  assert.ok(shut() <= 4 * MAX_COUNTED_VAIN_MS);
  rig.push(3);
  assert.ok(shut() <= 4 * MAX_COUNTED_VAIN_MS);
});

Deno.test("HelloQueue does not count the time of hellos that become connections", () => {
  const rig = new Rig({
    maxWaitingHellos: 1_000,
    costMs: 0.3,
    isConnection: true,
  });
  for (let name = 0; name < 1_000; name++) rig.push(name % 256);
  const startedAt = rig.now;
  while (rig.queue.isWaiting) rig.queue.handleWaiting(() => {});
  assert.equal(rig.handled.length, 1_000);
  assert.ok(rig.now - startedAt < 1_000 * 0.3 + 1);
});

Deno.test("HelloQueue handles or drops every hello once, with its own bytes and sender", () => {
  const step = fc.oneof(
    fc.record({
      sender: fc.integer({ min: 1, max: 4 }),
      byteCount: fc.integer({ min: 2, max: MAX_WAITING_HELLO_BYTES + 1 }),
    }),
    fc.record({ restMs: fc.double({ min: 0, max: 8, noNaN: true }) }),
    fc.constant("turn" as const),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: "max" }),
      fc.integer({ min: 1, max: 6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (steps, maxWaitingHellos, costMs) => {
        let now = 0;
        const open = new Map<string, string>();
        const take = (hello: Uint8Array, port: number): void => {
          const name = `${port} ${hello[0]}`;
          assert.equal(open.get(name), hello.join(), name);
          open.delete(name);
        };
        const queue = new HelloQueue({
          config: { maxWaitingHellos, vainHelloShare: 0.25 },
          clock: () => now,
          handle: (hello, { port }) => {
            take(hello, port);
            now += costMs;
            return hello[0]! % 2 === 0;
          },
          drop: (hello, { port }) => take(hello, port),
        });
        for (const [index, each] of steps.entries()) {
          if (each === "turn") queue.beginTurn();
          else if ("restMs" in each) {
            now += each.restMs;
            if (queue.isWaiting) queue.handleWaiting(() => now += costMs);
          } else {
            const { sender, byteCount } = each;
            const hello = new Uint8Array(byteCount).fill(index);
            open.set(`${sender} ${index}`, hello.join());
            queue.push(hello, { hostname: "127.0.0.1", port: sender });
            hello.fill(0);
          }
          assert.ok(open.size <= maxWaitingHellos);
        }
        while (queue.isWaiting) {
          now += 1_000;
          queue.handleWaiting(() => {});
        }
        assert.deepEqual([...open.keys()], []);
      },
    ),
  );
});
