import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { generateKeyPair } from "../crypto/mod.ts";
import { TimerQueue } from "../internal/timer_queue.ts";
import type {
  Carrier,
  DatagramHandler,
  OutgoingDatagram,
  PendingSend,
} from "./carrier/carrier.ts";
import type { Address } from "./core/address.ts";
import { Endpoint } from "./core/endpoint.ts";
import type { EndpointOptions } from "./core/endpoint_options.ts";
import { TransportError } from "./core/error.ts";
import {
  MAX_DATAGRAMS_PER_TURN,
  MAX_SENDS_IN_FLIGHT,
} from "./datagram_sender.ts";
import {
  Driver,
  type DriverOptions,
  MAX_CLOSE_ANSWER_MS,
  MAX_CLOSE_WAIT_MS,
  MAX_RECEIVE_BATCH_BYTES,
} from "./driver.ts";
import { MAX_LATE_MS } from "./late_look.ts";
import { scheduleMacrotask } from "./macrotask.ts";
import { systemRandom } from "./system_random.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";

/** A carrier whose sends are settled by hand. */
class ManualCarrier implements Carrier {
  readonly localAddress: Address = { hostname: "127.0.0.1", port: 1 };
  readonly maxDatagramBytes = 1_200;
  readonly stats = { sendErrorCount: 0, receiveErrorCount: 0 };
  readonly sent: Address[] = [];
  last: Uint8Array = new Uint8Array();
  readonly pending: PromiseWithResolvers<void>[] = [];
  isManual = true;
  isClosed = false;
  onDatagram: DatagramHandler = () => {};

  start(onDatagram: DatagramHandler): void {
    this.onDatagram = onDatagram;
  }

  send(datagram: Uint8Array, to: Address): Promise<void> | void {
    this.sent.push(to);
    this.last = datagram.slice();
    if (!this.isManual) return;
    const pending = Promise.withResolvers<void>();
    this.pending.push(pending);
    return pending.promise;
  }

  close(): void {
    this.isClosed = true;
  }

  settleAll(): void {
    for (const { resolve } of this.pending.splice(0)) resolve();
  }
}

/** One that takes several at once: all but the last leave, that one waits. */
class BatchCarrier extends ManualCarrier {
  readonly batches: number[] = [];

  sendBatch(datagrams: readonly OutgoingDatagram[]): readonly PendingSend[] {
    this.batches.push(datagrams.length);
    for (const { to } of datagrams.slice(0, -1)) this.sent.push(to);
    const { datagram, to } = datagrams.at(-1)!;
    return [{ to, sending: this.send(datagram, to) }];
  }
}

class ManualSocketTurns {
  readonly isQuick = true;
  readonly tasks: (() => void)[] = [];
  readonly yielded: (() => void)[] = [];
  readonly looks: (() => void)[] = [];
  userCount = 0;

  acquire(): void {
    this.userCount++;
  }

  release(): Promise<void> {
    this.userCount--;
    return Promise.resolve();
  }

  schedule(task: () => void): void {
    this.tasks.push(task);
  }

  yield(task: () => void): void {
    this.yielded.push(task);
  }

  look(task: () => void): void {
    this.looks.push(task);
  }
}

/** A turn is the next one, and nothing can be looked at. */
const PLAIN_TURNS: NonNullable<DriverOptions["turns"]> = {
  isQuick: false,
  acquire: () => {},
  release: () => Promise.resolve(),
  schedule: (task) => scheduleMacrotask(task),
  look: (task) => scheduleMacrotask(task),
  yield: (task) => scheduleMacrotask(task),
};

interface Rig {
  readonly carrier: ManualCarrier;
  readonly endpoint: Endpoint;
  readonly driver: Driver;
  readonly failures: TransportError[];
  readonly errors: unknown[];
  now: number;
}

function createRig(
  carrier: ManualCarrier = new ManualCarrier(),
  options: Partial<EndpointOptions> = {},
  socketTurns: NonNullable<DriverOptions["turns"]> = PLAIN_TURNS,
  receiving?: DriverOptions["receiving"],
  timers?: TimerQueue,
): Rig {
  const endpoint = new Endpoint(
    { keyPair: generateKeyPair(systemRandom), ...options },
    systemRandom,
  );
  const failures: TransportError[] = [];
  const errors: unknown[] = [];
  const rig = { carrier, endpoint, failures, errors, now: 0 };
  const driver = new Driver({
    endpoint,
    carrier,
    clock: () => rig.now,
    onEvent: () => {},
    onSendFailed: (_to, error) => failures.push(error),
    onSendRefused: () => {},
    onError: (error) => errors.push(error),
    turns: socketTurns,
    receiving,
    ...(timers && { timers }),
  });
  return Object.assign(rig, { driver });
}

/** Starts handshakes: each has one datagram to send. */
function connectMany(rig: Rig, count: number): void {
  for (let index = 0; index < count; index++) {
    rig.endpoint.connect(rig.now, {
      hostname: "127.0.0.1",
      port: 1_000 + index,
    });
  }
  rig.driver.wake();
}

async function turns(count = 3): Promise<void> {
  for (let index = 0; index < count; index++) {
    await new Promise<void>((resolve) => scheduleMacrotask(resolve));
  }
}

Deno.test("Driver has a bounded number of sends under way", async () => {
  const rig = createRig();
  connectMany(rig, 100);
  await turns();
  assert.equal(rig.carrier.sent.length, MAX_SENDS_IN_FLIGHT);
  while (rig.carrier.pending.length > 0) {
    rig.carrier.settleAll();
    await turns();
    assert.ok(rig.carrier.pending.length <= MAX_SENDS_IN_FLIGHT);
  }
  assert.equal(rig.carrier.sent.length, 100);
  rig.carrier.isManual = false;
  await rig.driver.close();
  assert.deepEqual(rig.errors, []);
});

Deno.test("Driver fills batches for a carrier that takes them, and waits for what they leave", async () => {
  const carrier = new BatchCarrier();
  const rig = createRig(carrier);
  connectMany(rig, 100);
  await turns();
  assert.deepEqual(carrier.batches, [32, 32, 32, 4]);
  assert.equal(carrier.sent.length, 100);
  assert.equal(new Set(carrier.sent.map(({ port }) => port)).size, 100);
  assert.equal(carrier.pending.length, 4);
  const closing = rig.driver.close();
  await turns();
  assert.ok(!carrier.isClosed);
  const [first, ...rest] = carrier.pending.splice(0);
  first!.reject(new TransportError("CARRIER_FAILED", "Send: forbidden"));
  for (const { resolve } of rest) resolve();
  while (!carrier.isClosed) {
    carrier.settleAll();
    await turns(1);
  }
  await closing;
  assert.deepEqual(rig.failures.map(({ code }) => code), ["CARRIER_FAILED"]);
  assert.deepEqual(rig.errors, []);
});

Deno.test("Driver lets others run between bursts", async () => {
  const rig = createRig();
  rig.carrier.isManual = false;
  connectMany(rig, 3 * MAX_DATAGRAMS_PER_TURN);
  for (let index = 0; index < 20; index++) await Promise.resolve();
  assert.equal(rig.carrier.sent.length, MAX_DATAGRAMS_PER_TURN);
  await turns(1);
  assert.equal(rig.carrier.sent.length, 2 * MAX_DATAGRAMS_PER_TURN);
  await turns();
  assert.equal(rig.carrier.sent.length, 3 * MAX_DATAGRAMS_PER_TURN);
  await rig.driver.close();
});

Deno.test("Driver goes on after a burst when it is its turn again", async () => {
  const socketTurns = new ManualSocketTurns();
  const rig = createRig(undefined, {}, socketTurns);
  rig.carrier.isManual = false;
  connectMany(rig, 2 * MAX_DATAGRAMS_PER_TURN);
  await turns();
  assert.equal(rig.carrier.sent.length, MAX_DATAGRAMS_PER_TURN);
  assert.equal(socketTurns.yielded.length, 1);
  socketTurns.yielded[0]!();
  assert.equal(rig.carrier.sent.length, 2 * MAX_DATAGRAMS_PER_TURN);
  socketTurns.yielded[1]?.();
  await rig.driver.close();
});

/** Wakes a driver some time after its endpoint had something to do. */
async function wakeLate(rig: Rig, lateMs: number): Promise<void> {
  rig.now = rig.endpoint.pollTimeout()! + lateMs;
  rig.driver.wake();
  await turns();
}

Deno.test("Driver has the socket looked at before it repeats what it should have long ago", async () => {
  const socketTurns = new ManualSocketTurns();
  const rig = createRig(undefined, {}, socketTurns);
  const { sent } = rig.carrier;
  rig.carrier.isManual = false;
  connectMany(rig, 1);
  await turns();
  assert.equal(sent.length, 1);
  await wakeLate(rig, MAX_LATE_MS);
  assert.equal(sent.length, 2);
  await wakeLate(rig, MAX_LATE_MS + 1);
  rig.driver.wake();
  await turns();
  assert.equal(sent.length, 2);
  assert.equal(socketTurns.looks.length, 1);
  socketTurns.looks[0]!();
  assert.equal(sent.length, 3);
  await wakeLate(rig, MAX_LATE_MS + 1);
  assert.equal(socketTurns.looks.length, 2);
  // Closed before it was looked at.
  await rig.driver.close();
  socketTurns.looks[1]!();
});

Deno.test("Driver looks itself before it repeats something late, where the carrier can", async () => {
  let lookCount = 0;
  const carrier = Object.assign(new ManualCarrier(), {
    receiveNow: () => lookCount++,
  });
  const rig = createRig(carrier, { busyPollMs: 0 }, new ManualSocketTurns());
  carrier.isManual = false;
  connectMany(rig, 1);
  await turns();
  await wakeLate(rig, MAX_LATE_MS + 1);
  assert.equal(lookCount, 1);
  assert.equal(carrier.sent.length, 2);
  await rig.driver.close();
});

Deno.test("Driver has the carrier wait when it is the turn of other sockets", async () => {
  const resting = Promise.resolve();
  const rests = [undefined, resting];
  const { carrier, driver } = createRig(undefined, {}, undefined, {
    rest: () => rests.shift(),
  });
  carrier.isManual = false;
  const receive = (): Promise<void> | void =>
    carrier.onDatagram(new Uint8Array(1), carrier.localAddress);
  assert.equal(receive(), undefined);
  assert.equal(receive(), resting);
  await driver.close();
});

/** Sends something, which is answered after a while. */
async function exchange(rig: Rig, silenceMs: number): Promise<void> {
  connectMany(rig, 1);
  await turns();
  rig.now += silenceMs;
  rig.carrier.onDatagram(new Uint8Array(1), rig.carrier.localAddress);
}

Deno.test("Driver keeps the event loop turning after it sent what is no hello, once four answers came soon", async () => {
  const socketTurns = new ManualSocketTurns();
  const rig = createRig(undefined, { busyPollMs: 2 }, socketTurns);
  rig.carrier.isManual = false;
  const to = { hostname: "127.0.0.1", port: 9 };
  let waitingCount = 0;
  rig.endpoint.pollTransmit = (_now, into) => {
    if (waitingCount === 0) return undefined;
    waitingCount--;
    into.fill(7, 0, 1_200);
    return { length: 1_200, to, isSeparate: false };
  };
  for (const tasks of [0, 0, 0, 0, 1]) {
    waitingCount++;
    rig.driver.wake();
    await turns();
    assert.equal(socketTurns.tasks.length, tasks);
    rig.now += 0.5;
    rig.carrier.onDatagram(new Uint8Array(1), rig.carrier.localAddress);
  }
  await rig.driver.close();
});

Deno.test("Driver keeps the event loop turning after it sent a hello, once an answer came soon", async () => {
  const socketTurns = new ManualSocketTurns();
  const rig = createRig(undefined, { busyPollMs: 2 }, socketTurns);
  rig.carrier.isManual = false;
  await exchange(rig, 0.5);
  assert.equal(socketTurns.tasks.length, 0);
  connectMany(rig, 1);
  await turns();
  assert.equal(socketTurns.tasks.length, 1);
  socketTurns.tasks[0]!();
  assert.equal(socketTurns.tasks.length, 2);
  rig.carrier.onDatagram(new Uint8Array(1), rig.carrier.localAddress);
  socketTurns.tasks[1]!();
  assert.equal(socketTurns.tasks.length, 2);
  assert.equal(socketTurns.userCount, 1);
  await rig.driver.close();
  assert.equal(socketTurns.userCount, 0);
});

Deno.test("Driver looks itself for what has come where the carrier can, and not after it was closed", async () => {
  const carrier = new ManualCarrier();
  let lookCount = 0;
  const looking = Object.assign(carrier, { receiveNow: () => lookCount++ });
  const socketTurns = new ManualSocketTurns();
  const rig = createRig(looking, { busyPollMs: 1 }, socketTurns);
  rig.carrier.isManual = false;
  await exchange(rig, 0.5);
  assert.equal(lookCount, 0);
  connectMany(rig, 1);
  await turns(5);
  assert.ok(lookCount >= 2, `${lookCount} looks`);
  rig.now += 1;
  await turns();
  const before = lookCount;
  await turns();
  assert.equal(lookCount, before);
  connectMany(rig, 1);
  await rig.driver.close();
  const atClose = lookCount;
  await turns();
  assert.equal(lookCount, atClose);
  assert.equal(socketTurns.tasks.length, 0);
});

Deno.test("Driver never polls with a busyPollMs of 0", async () => {
  const socketTurns = new ManualSocketTurns();
  const rig = createRig(undefined, { busyPollMs: 0 }, socketTurns);
  rig.carrier.isManual = false;
  for (let index = 0; index < 20; index++) await exchange(rig, 0.05);
  assert.equal(socketTurns.tasks.length, 0);
  await rig.driver.close();
});

Deno.test("Driver takes a datagram that is too large as lost, and reports other failures", async () => {
  const rig = createRig();
  connectMany(rig, 3);
  await turns();
  const [first, second, third] = rig.carrier.pending;
  first!.reject(new TransportError("DATAGRAM_TOO_LARGE", "Send: too large"));
  second!.reject(new TransportError("CARRIER_FAILED", "Send: forbidden"));
  third!.reject(new Error("unexpected"));
  await turns();
  assert.deepEqual(
    rig.failures.map(({ code }) => code),
    ["CARRIER_FAILED", "CARRIER_FAILED"],
  );
  rig.carrier.isManual = false;
  await rig.driver.close();
  assert.deepEqual(rig.errors, []);
});

for (const name of ["send", "sendBatch"] as const) {
  Deno.test(`Driver takes a ${name} that throws as one that rejects, and comes back to it`, async () => {
    const failure = new Error("carrier");
    const carrier = Object.assign(new ManualCarrier(), {
      [name]: () => {
        throw failure;
      },
    });
    const clock = new TimerClock();
    const timers = new TimerQueue(clock);
    const rig = createRig(carrier, {}, undefined, undefined, timers);
    connectMany(rig, 2);
    await turns();
    assert.deepEqual(rig.failures.map(({ cause }) => cause), [
      failure,
      failure,
    ]);
    assert.equal(clock.timerCount, 1);
    await rig.driver.close();
    assert.deepEqual(rig.errors, []);
  });
}

Deno.test("Driver.close() waits for the sends under way, then closes the carrier", async () => {
  const rig = createRig();
  connectMany(rig, 5);
  await turns();
  let isOver = false;
  const closing = rig.driver.close().then(() => isOver = true);
  await turns();
  assert.equal(rig.carrier.isClosed || isOver, false);
  rig.carrier.settleAll();
  await closing;
  assert.equal(rig.carrier.isClosed, true);
  // Nothing happens any more.
  rig.carrier.onDatagram(new Uint8Array(1_200), rig.carrier.localAddress);
  rig.driver.wake();
  await turns();
  assert.equal(rig.carrier.sent.length, 5);
});

for (const count of [1, MAX_SENDS_IN_FLIGHT + 1]) {
  Deno.test(`Driver.close() closes a carrier that settles none of ${count} sends`, async () => {
    const clock = new TimerClock();
    const timers = new TimerQueue(clock);
    const rig = createRig(undefined, {}, undefined, undefined, timers);
    connectMany(rig, count);
    await turns();
    const closing = rig.driver.close();
    await turns();
    clock.advance(MAX_CLOSE_WAIT_MS - 1);
    await turns();
    assert.equal(rig.carrier.isClosed, false);
    clock.advance(1);
    await closing;
    assert.equal(rig.carrier.isClosed, true);
    assert.equal(clock.timerCount, 0);
    // As a carrier does in the end.
    rig.carrier.settleAll();
    await turns();
    assert.deepEqual(rig.errors, []);
  });
}

Deno.test("Driver.close() closes and releases the rest when a carrier cannot be closed", async () => {
  const failure = new Error("carrier");
  const broken = (isAsync: boolean) =>
    Object.assign(new ManualCarrier(), {
      isManual: false,
      close: (): Promise<void> => {
        if (!isAsync) throw failure;
        return Promise.reject(failure);
      },
    });
  for (const isAsync of [false, true]) {
    const socketTurns = new ManualSocketTurns();
    const rig = createRig(broken(isAsync), {}, socketTurns);
    const next = Object.assign(new ManualCarrier(), { isManual: false });
    rig.driver.replaceCarrier(next, false);
    await rig.driver.close();
    assert.equal(next.isClosed, true);
    assert.deepEqual(rig.errors, [failure]);
    assert.equal(socketTurns.userCount, 0);

    const other = createRig(broken(isAsync), {}, socketTurns);
    await assert.rejects(other.driver.close(), failure);
    assert.equal(socketTurns.userCount, 0);
  }
});

Deno.test("Driver.close() gives up a carrier that never says that it is closed, and closes the rest", async () => {
  const hanging = () =>
    Object.assign(new ManualCarrier(), {
      isManual: false,
      close: () => new Promise<void>(() => {}),
    });
  const isGivenUp = (error: unknown): boolean =>
    error instanceof TransportError && error.code === "CARRIER_FAILED";
  const clock = new TimerClock();
  const socketTurns = new ManualSocketTurns();
  const timers = new TimerQueue(clock);
  const rig = createRig(hanging(), {}, socketTurns, undefined, timers);
  rig.driver.replaceCarrier(hanging(), false);
  let outcome: unknown;
  const closing = rig.driver.close().catch((error) => outcome = error);
  // The one before first, then the one that took its place.
  for (const errorCount of [0, 1]) {
    await turns();
    clock.advance(MAX_CLOSE_WAIT_MS - 1);
    await turns();
    assert.equal(outcome, undefined);
    assert.equal(rig.errors.length, errorCount);
    assert.equal(socketTurns.userCount, 1);
    clock.advance(1);
  }
  await closing;
  assert.ok(isGivenUp(outcome), String(outcome));
  assert.ok(rig.errors.every(isGivenUp), String(rig.errors));
  assert.equal(socketTurns.userCount, 0);
  assert.equal(clock.timerCount, 0);
});

Deno.test("Driver.replaceCarrier() replaces nothing by a carrier that cannot start", async () => {
  const failure = new Error("carrier");
  const first = Object.assign(new ManualCarrier(), { isManual: false });
  const rig = createRig(first);
  const broken = Object.assign(new ManualCarrier(), {
    start: () => {
      throw failure;
    },
  });
  assert.throws(() => rig.driver.replaceCarrier(broken, false), failure);
  connectMany(rig, 1);
  await turns();
  assert.equal(first.sent.length, 1);
  await rig.driver.close();
  assert.equal(first.isClosed, true);
  assert.equal(broken.isClosed, false);
});

Deno.test("Driver.replaceCarrier() reports a carrier that cannot be closed, and goes on", async () => {
  const failure = new Error("carrier");
  const rig = createRig(
    Object.assign(new ManualCarrier(), {
      isManual: false,
      close: () => Promise.reject(failure),
    }),
  );
  const second = Object.assign(new ManualCarrier(), { isManual: false });
  const third = Object.assign(new ManualCarrier(), { isManual: false });
  rig.driver.replaceCarrier(second, false);
  rig.driver.replaceCarrier(third, false);
  await turns();
  assert.deepEqual(rig.errors, [failure]);
  connectMany(rig, 1);
  await turns();
  assert.equal(third.sent.length, 1);
  await rig.driver.close();
  assert.equal(second.isClosed && third.isClosed, true);
});

Deno.test("Driver.schedule() calls at its time, unless cancelled", async () => {
  const rig = createRig();
  const calls: string[] = [];
  rig.driver.schedule(10, () => calls.push("ten"));
  const cancel = rig.driver.schedule(10, () => calls.push("cancelled"));
  cancel();
  cancel();
  rig.driver.wake();
  await turns();
  assert.deepEqual(calls, []);
  rig.now = 10;
  rig.driver.wake();
  await turns();
  assert.deepEqual(calls, ["ten"]);
  await rig.driver.close();
});

Deno.test("Driver hands what the endpoint threw to onError and goes on", async () => {
  const rig = createRig();
  rig.carrier.isManual = false;
  const original = rig.endpoint.pollTimeout;
  rig.endpoint.pollTimeout = () => {
    throw new Error("endpoint");
  };
  rig.driver.wake();
  await turns();
  assert.equal(rig.errors.length, 1);
  rig.endpoint.pollTimeout = original;
  connectMany(rig, 1);
  await turns();
  assert.equal(rig.carrier.sent.length, 1);
  await rig.driver.close();
});

Deno.test("Driver answers half a window of large datagrams at once, and waits for more of less", async () => {
  const rig = createRig();
  rig.carrier.isManual = false;
  const from = { hostname: "127.0.0.1", port: 2 };
  const datagram = new Uint8Array(MAX_RECEIVE_BATCH_BYTES / 2);
  rig.endpoint.connect(rig.now, from);
  rig.carrier.onDatagram(datagram, from);
  assert.equal(rig.carrier.sent.length, 0);
  rig.carrier.onDatagram(datagram, from);
  assert.equal(rig.carrier.sent.length, 1);
  await turns();
  rig.endpoint.connect(rig.now, from);
  rig.carrier.onDatagram(datagram, from);
  assert.equal(rig.carrier.sent.length, 1);
  await turns();
  assert.equal(rig.carrier.sent.length, 2);
  await rig.driver.close();
});

Deno.test("Driver.close() takes no more connections while it sends what is left", async () => {
  const rig = createRig();
  const stranger = new Endpoint(
    { keyPair: generateKeyPair(systemRandom) },
    systemRandom,
  );
  const hello = new Uint8Array(1_200);
  stranger.connect(0, rig.carrier.localAddress);
  stranger.pollTransmit(0, hello);
  connectMany(rig, 2 * MAX_SENDS_IN_FLIGHT);
  await turns();
  // One that is answered at once, and one that waits.
  rig.carrier.onDatagram(hello, { hostname: "127.0.0.1", port: 3 });
  rig.carrier.onDatagram(hello, { hostname: "127.0.0.1", port: 4 });
  const closing = rig.driver.close();
  await turns();
  rig.carrier.onDatagram(hello, { hostname: "127.0.0.1", port: 2 });
  assert.equal(rig.endpoint.stats.connectionCount, 0);
  rig.carrier.isManual = false;
  rig.carrier.settleAll();
  await closing;
  assert.ok(rig.carrier.isClosed);
});

Deno.test("Driver handles one hello of a batch at once, lets some wait, and drops the rest", async () => {
  const rig = createRig(new ManualCarrier(), { maxWaitingHellos: 8 });
  rig.carrier.isManual = false;
  const stranger = new Endpoint(
    { keyPair: generateKeyPair(systemRandom) },
    systemRandom,
  );
  const hello = new Uint8Array(1_200);
  for (let port = 1; port <= 20; port++) {
    stranger.connect(0, { hostname: "127.0.0.1", port });
    stranger.pollTransmit(0, hello);
    rig.carrier.onDatagram(hello, { hostname: "127.0.0.1", port });
  }
  assert.equal(rig.endpoint.stats.halfOpenCount, 1);
  await turns();
  const { halfOpenCount, datagramsReceived, drops } = rig.endpoint.stats;
  assert.equal(halfOpenCount, 1 + 8);
  assert.equal(datagramsReceived, 20);
  assert.deepEqual(drops, { "hello-overflow": 11 });
  assert.equal(new Set(rig.carrier.sent.map(({ port }) => port)).size, 9);
  await rig.driver.close();
  assert.deepEqual(rig.errors, []);
});

Deno.test("Driver delivers and sends in its own asynchronous context, not in that of whoever woke it", async () => {
  const storage = new AsyncLocalStorage<string>();
  const { carrier, endpoint, driver } = createRig();
  carrier.isManual = false;
  const contexts: (string | undefined)[] = [];
  const send = carrier.send.bind(carrier);
  carrier.send = (datagram, to) => {
    contexts.push(storage.getStore());
    return send(datagram, to);
  };
  for (const name of ["first", "second"]) {
    endpoint.connect(0, { hostname: "127.0.0.1", port: 9 });
    storage.run(name, () => driver.wake());
    await new Promise<void>((resolve) => scheduleMacrotask(resolve));
  }
  assert.deepEqual(contexts, [undefined, undefined]);
  await driver.close();
});

Deno.test("Driver makes keys ahead once it has sent what there was", async () => {
  const rig = createRig();
  rig.carrier.isManual = false;
  connectMany(rig, 1);
  await Promise.resolve();
  assert.equal(rig.carrier.sent.length, 0);
  await turns(5);
  assert.equal(rig.carrier.sent.length, 1);
  assert.equal(rig.endpoint.isPreparationDue, false);
  connectMany(rig, 2);
  rig.endpoint.pollTransmit(rig.now, new Uint8Array(1_200));
  assert.equal(rig.endpoint.isPreparationDue, true);
  await rig.driver.close();
  assert.equal(rig.endpoint.isPreparationDue, false);
  assert.deepEqual(rig.errors, []);
});

for (const carrier of [new ManualCarrier(), new BatchCarrier()]) {
  Deno.test(`Driver sends an urgent answer before it does anything else: ${carrier.constructor.name}`, async () => {
    const clock = new TimerClock();
    const timers = new TimerQueue(clock);
    const rig = createRig(carrier, {}, undefined, undefined, timers);
    carrier.isManual = false;
    const client = new Endpoint(
      { keyPair: generateKeyPair(systemRandom) },
      systemRandom,
    );
    const address = { hostname: "127.0.0.1", port: 2 };
    const into = new Uint8Array(1_200);
    const target = {
      remoteStaticPublicKey: rig.endpoint.config.keyPair.publicKey,
      isEarlyWanted: true,
    };
    const send = (): void => {
      const { length } = client.pollTransmit(rig.now, into)!;
      carrier.onDatagram(into.slice(0, length), address);
    };
    const first = client.connect(rig.now, carrier.localAddress, target);
    while (client.stats.tickets.stored === 0) {
      if (client.pollTimeout() !== undefined) send();
      await turns();
      client.handleDatagram(rig.now, carrier.localAddress, carrier.last);
      while (client.pollEvent() !== undefined);
    }
    assert.equal(first.state, "established");
    const second = client.connect(rig.now, carrier.localAddress, target);
    const id = second.openStream({ priority: 1, isEarly: true })!;
    second.writeStream(id, new Uint8Array(1));
    const sentBefore = carrier.sent.length;
    while (carrier.sent.length === sentBefore) send();
    client.handleDatagram(rig.now, carrier.localAddress, carrier.last);
    assert.equal(second.state, "established", "in the same turn");
    assert.equal(rig.endpoint.stats.tickets.accepted, 1);
    // Nobody says that he knows of that.
    const closing = rig.driver.close();
    await turns();
    clock.advance(MAX_CLOSE_ANSWER_MS - 1);
    await turns();
    assert.equal(carrier.isClosed, false);
    clock.advance(1);
    await closing;
    assert.equal(carrier.isClosed, true);
    assert.equal(clock.timerCount, 0);
    assert.deepEqual(rig.errors, []);
  });
}
