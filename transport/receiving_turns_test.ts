import assert from "node:assert/strict";
import { measureWait } from "../tests/support/socket_wait.ts";
import { DenoUdpCarrier } from "./carrier/deno_udp.ts";
import {
  MAX_COUNTED_PAUSE_MS,
  MAX_RECEIVING_MS,
  ReceivingTurns,
} from "./receiving_turns.ts";
import { sharedSocketTurns } from "./socket_turns.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** Looks that are given by hand. */
class Rig {
  now = 0;
  isInUse = true;
  isQuick = true;
  readonly looks: (() => void)[] = [];
  readonly receiving = new ReceivingTurns(this, () => this.now);

  look(task: () => void): void {
    this.looks.push(task);
  }

  rest(): Promise<void> | undefined {
    return this.receiving.rest(this.now);
  }

  /** Datagrams come without a pause until a rest is due. */
  receiveUntilRest(): { rest: Promise<void>; ms: number } {
    const begunAt = this.now;
    for (let count = 0; count < 10_000; count++) {
      const rest = this.rest();
      if (rest !== undefined) return { rest, ms: this.now - begunAt };
      this.now += MAX_COUNTED_PAUSE_MS / 2;
    }
    assert.fail("never");
  }
}

Deno.test("ReceivingTurns.rest() has all who receive wait, once it is due, until nobody new comes", async () => {
  const rig = new Rig();
  const { rest } = rig.receiveUntilRest();
  assert.equal(rig.rest(), rest);
  rig.looks[0]!();
  assert.equal(rig.looks.length, 2);
  assert.equal(rig.rest(), rest);
  rig.looks[1]!();
  assert.equal(rig.looks.length, 3);
  rig.looks[2]!();
  assert.equal(rig.looks.length, 3);
  await rest;
  assert.equal(rig.receiveUntilRest().ms, MAX_RECEIVING_MS);
});

Deno.test("ReceivingTurns.rest() is not due where datagrams come now and then, but after a while", () => {
  const rig = new Rig();
  let pauses = 0;
  for (; rig.rest() === undefined; pauses++) rig.now += 20;
  assert.equal(pauses, MAX_RECEIVING_MS / MAX_COUNTED_PAUSE_MS);
});

Deno.test("ReceivingTurns.rest() leaves as much time for reading as it takes", () => {
  const rig = new Rig();
  rig.receiveUntilRest();
  rig.now += 300;
  rig.looks[0]!();
  assert.equal(rig.receiveUntilRest().ms, 300);
});

Deno.test("ReceivingTurns.rest() ends though somebody goes on reading, and when nobody is left", async () => {
  const rig = new Rig();
  const { rest } = rig.receiveUntilRest();
  for (let count = 0; count < rig.looks.length; count++) {
    assert.ok(count < 1_000);
    rig.rest();
    rig.looks[count]!();
  }
  await rest;
  const last = rig.receiveUntilRest().rest;
  rig.rest();
  rig.isInUse = false;
  rig.looks.at(-1)!();
  await last;
  assert.throws(() => rig.receiveUntilRest(), /never/);
});

Deno.test("ReceivingTurns.rest() comes more rarely where a look takes long", () => {
  const rig = new Rig();
  rig.isQuick = false;
  rig.receiveUntilRest();
  rig.looks[0]!();
  assert.equal(rig.receiveUntilRest().ms, 5 * MAX_RECEIVING_MS);
});

/** Time that passes while datagrams are handled, and at no other: a host may stand still. */
class HandlingClock {
  #now = 0;
  readonly read = (): number => this.#now;

  work(ms: number): void {
    this.#now += ms;
  }
}

Deno.test("ReceivingTurns.rest() gives others their turn beside a socket that is never empty", async () => {
  const turns = sharedSocketTurns();
  const clock = new HandlingClock();
  const receiving = new ReceivingTurns(turns, clock.read);
  turns.acquire();
  const busy = new DenoUdpCarrier(LOOPBACK);
  let isStopped = false;
  const sends: (Promise<void> | undefined)[] = [];
  const sendAgain = (): void => {
    if (!isStopped) sends.push(busy.send(new Uint8Array(1), busy.localAddress));
  };
  busy.start(() => {
    clock.work(0.1);
    sendAgain();
    return receiving.rest(clock.read());
  }, assert.fail);
  for (let count = 0; count < 8; count++) sendAgain();
  const waitMs = await measureWait(clock.read);
  isStopped = true;
  await Promise.all(sends);
  await busy.close();
  await turns.release();
  // 200 where nobody rests.
  assert.ok(waitMs < 5 * MAX_RECEIVING_MS, `${waitMs} ms`);
});

/** @returns How often that socket is served that is served least, of many that are never empty. */
async function serveMany(
  handle: () => Promise<void> | void,
): Promise<number> {
  const counts: number[] = Array.from({ length: 300 }, () => 0);
  const done = Promise.withResolvers<void>();
  let left = 6_000;
  const sends: (Promise<void> | undefined)[] = [];
  const send = (carrier: DenoUdpCarrier): void => {
    sends.push(carrier.send(new Uint8Array(1), carrier.localAddress));
  };
  const carriers = counts.map((_, index) => {
    const carrier = new DenoUdpCarrier(LOOPBACK);
    carrier.start(() => {
      counts[index]!++;
      if (--left <= 0) return done.resolve();
      send(carrier);
      return handle();
    }, assert.fail);
    return carrier;
  });
  for (const carrier of carriers) send(carrier);
  await done.promise;
  await Promise.all(sends);
  await Promise.all(carriers.map((carrier) => carrier.close()));
  return Math.min(...counts);
}

Deno.test("ReceivingTurns.rest() has hundreds of sockets served that are never empty", async () => {
  const turns = sharedSocketTurns();
  const clock = new HandlingClock();
  const receiving = new ReceivingTurns(turns, clock.read);
  turns.acquire();
  const leastCount = await serveMany(() => {
    clock.work(0.05);
    return receiving.rest(clock.read());
  });
  await turns.release();
  // 20 on average; where nobody rests, some are not served at all.
  assert.ok(leastCount >= 5, `${leastCount} of 20`);
});
