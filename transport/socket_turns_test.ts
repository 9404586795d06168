import assert from "node:assert/strict";
import { DenoUdpCarrier } from "./carrier/deno_udp.ts";
import {
  LOST_AFTER_MS,
  MAX_RECEIVING_MS,
  MAX_SENDING_MS,
  scheduleFairTurn,
  type SelfSocket,
  sharedSocketTurns,
  SocketTurns,
} from "./socket_turns.ts";
import { systemClock } from "./system_clock.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

function turn(turns: SocketTurns): Promise<void> {
  return new Promise((resolve) => turns.schedule(resolve, performance.now()));
}

/** A real socket whose sends can be lost, repeated or refused. */
class UnreliableSocket implements SelfSocket {
  readonly #socket = Deno.listenDatagram({ transport: "udp", ...LOOPBACK });
  readonly addr = this.#socket.addr;
  sentCount = 0;
  closeCount = 0;
  deliver: (send: () => Promise<number>) => Promise<number> = (send) => send();

  receive(buffer: Uint8Array): Promise<[Uint8Array, Deno.Addr]> {
    return this.#socket.receive(buffer);
  }

  send(datagram: Uint8Array, to: Deno.Addr): Promise<number> {
    this.sentCount++;
    return this.deliver(() => this.#socket.send(datagram.slice(), to));
  }

  close(): void {
    if (this.closeCount++ === 0) this.#socket.close();
  }
}

function createTurns(clock = systemClock): [SocketTurns, UnreliableSocket] {
  const socket = new UnreliableSocket();
  const turns = new SocketTurns(clock, () => socket);
  turns.acquire();
  return [turns, socket];
}

Deno.test("SocketTurns: what has come to another socket is read within a few turns", async () => {
  const turns = sharedSocketTurns();
  turns.acquire();
  const socket = Deno.listenDatagram({ transport: "udp", ...LOOPBACK });
  let receivedCount = 0;
  const receiving = (async () => {
    for await (const _ of socket) receivedCount++;
  })();
  for (let index = 1; index <= 20; index++) {
    await socket.send(new Uint8Array(1), socket.addr);
    for (let count = 0; count < 3; count++) await turn(turns);
    assert.equal(receivedCount, index);
  }
  socket.close();
  await receiving;
  await turns.release();
});

Deno.test("SocketTurns.schedule() runs all tasks of a turn in order, for one datagram", async () => {
  const [turns, socket] = createTurns();
  const ran: number[] = [];
  for (const task of [1, 2, 3]) {
    turns.schedule(() => ran.push(task), performance.now());
  }
  await turn(turns);
  assert.deepEqual(ran, [1, 2, 3]);
  assert.equal(socket.sentCount, 1);
  await turns.release();
});

Deno.test("SocketTurns.schedule() runs a task once however often it was asked, and again when asked again", async () => {
  const [turns] = createTurns();
  let runCount = 0;
  const task = (): void => {
    runCount++;
  };
  for (let count = 0; count < 10; count++) {
    turns.schedule(task, performance.now());
  }
  await turn(turns);
  assert.equal(runCount, 1);
  turns.schedule(task, performance.now());
  await turn(turns);
  assert.equal(runCount, 2);
  await turns.release();
});

Deno.test("SocketTurns sends again when its datagram was lost, and is not confused if that comes late", async () => {
  const [turns, socket] = createTurns();
  let late = (): Promise<number> => Promise.resolve(0);
  socket.deliver = (send) => {
    late = send;
    return Promise.resolve(0);
  };
  const ran: string[] = [];
  turns.schedule(() => ran.push("first"), 0);
  turns.schedule(() => ran.push("second"), LOST_AFTER_MS);
  assert.equal(socket.sentCount, 1);
  socket.deliver = (send) => send();
  turns.schedule(() => ran.push("third"), LOST_AFTER_MS + 1);
  assert.equal(socket.sentCount, 2);
  await turn(turns);
  assert.deepEqual(ran, ["first", "second", "third"]);
  await late();
  for (let count = 0; count < 3; count++) await turn(turns);
  await turns.release();
});

Deno.test("SocketTurns passes over what others send to its socket, a few datagrams in a turn", async () => {
  const [turns, socket] = createTurns();
  const stranger = Deno.listenDatagram({ transport: "udp", ...LOOPBACK });
  for (let count = 0; count < 50; count++) {
    await stranger.send(new Uint8Array([0, count]), socket.addr);
    await stranger.send(new Uint8Array(), socket.addr);
  }
  for (let count = 0; count < 30; count++) await turn(turns);
  assert.equal(socket.sentCount, 30);
  stranger.close();
  await turns.release();
});

Deno.test("SocketTurns goes on with any turn where its socket is refused", async () => {
  const [turns, socket] = createTurns();
  socket.deliver = () => Promise.reject(new Error("forbidden"));
  await turn(turns);
  assert.equal(turns.isQuick, false);
  await turn(turns);
  assert.equal(socket.sentCount, 1);
  assert.equal(socket.closeCount, 1);
  await turns.release();
});

Deno.test("SocketTurns takes any turn where no socket can be bound", async () => {
  let bindCount = 0;
  const turns = new SocketTurns(systemClock, () => {
    bindCount++;
    throw new Error("no socket");
  });
  turns.acquire();
  await turn(turns);
  await turn(turns);
  assert.equal(bindCount, 1);
  await turns.release();
  const without = new SocketTurns(systemClock);
  without.acquire();
  assert.equal(without.isQuick, false);
  await turn(without);
  await without.release();
});

Deno.test("SocketTurns.release() closes the socket with the last user, in the middle of a turn too", async () => {
  const [turns, socket] = createTurns();
  turns.acquire();
  const last = turn(turns);
  await turns.release();
  assert.equal(socket.closeCount, 0);
  await last;
  socket.deliver = () => Promise.resolve(0);
  const lost = turn(turns);
  await turns.release();
  assert.equal(socket.closeCount, 1);
  await lost;
});

Deno.test("SocketTurns binds nothing for what a task asks after the last user is gone", async () => {
  let bindCount = 0;
  const turns = new SocketTurns(systemClock, () => {
    bindCount++;
    return new UnreliableSocket();
  });
  turns.acquire();
  let runCount = 0;
  const again = (): void => {
    runCount++;
    turns.schedule(again, performance.now());
  };
  again();
  await turn(turns);
  await turns.release();
  const before = runCount;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(runCount, before);
  assert.equal(bindCount, 1);
});

Deno.test("SocketTurns goes on for a new user who comes while the last one's socket is being closed", async () => {
  const sockets: UnreliableSocket[] = [];
  const turns = new SocketTurns(systemClock, () => {
    const socket = new UnreliableSocket();
    sockets.push(socket);
    return socket;
  });
  turns.acquire();
  const last = turn(turns);
  const released = turns.release();
  turns.acquire();
  await released;
  await last;
  await turn(turns);
  assert.equal(turns.isQuick, true);
  assert.deepEqual(sockets.map(({ closeCount }) => closeCount), [1, 0]);
  await turns.release();
});

Deno.test("SocketTurns.yield() takes any turn as long as the sockets were looked at a moment ago", async () => {
  const [turns, socket] = createTurns();
  const yieldAt = (now: number): Promise<void> =>
    new Promise((resolve) => turns.yield(resolve, now));
  await yieldAt(0);
  assert.equal(socket.sentCount, 1);
  await yieldAt(MAX_SENDING_MS - 1);
  assert.equal(socket.sentCount, 1);
  await yieldAt(MAX_SENDING_MS);
  assert.equal(socket.sentCount, 2);
  await turns.release();
  await yieldAt(1_000);
  assert.equal(socket.sentCount, 2);
});

Deno.test("SocketTurns.rest() has all who receive wait, once it is due, until nobody new comes", async () => {
  let now = 0;
  const [turns, socket] = createTurns(() => now);
  const rest = turns.rest(now);
  assert.ok(rest !== undefined);
  assert.equal(turns.rest(now), rest);
  await rest;
  // One more look, for those who stand behind the second one.
  assert.equal(socket.sentCount, 2);
  now += MAX_RECEIVING_MS - 1;
  assert.equal(turns.rest(now), undefined);
  now += 1;
  await turns.rest(now);
  assert.equal(socket.sentCount, 3);
  await turns.release();
  now += 1_000;
  assert.equal(turns.rest(now), undefined);
});

Deno.test("SocketTurns.rest() leaves as much time for reading as it takes", async () => {
  let now = 0;
  const [turns] = createTurns(() => now);
  const rest = turns.rest(now);
  now += 300;
  await rest;
  assert.equal(turns.rest(now + 299), undefined);
  assert.ok(turns.rest(now + 300) !== undefined);
  await turns.release();
});

Deno.test("SocketTurns.rest() ends though somebody goes on reading", async () => {
  const [turns, socket] = createTurns(() => 0);
  let isOver = false;
  socket.deliver = (send) => {
    turns.rest(0);
    return send();
  };
  await turns.rest(0)?.then(() => isOver = true);
  assert.ok(isOver);
  await turns.release();
});

Deno.test("SocketTurns keeps nobody waiting who rests or yields when its datagram is lost, again and again", async () => {
  const [turns, socket] = createTurns();
  const lose = (times: number): void => {
    socket.deliver = (send) => times-- > 0 ? Promise.resolve(0) : send();
  };
  lose(3);
  await turns.rest(0);
  assert.equal(socket.sentCount, 4);
  lose(1);
  await new Promise<void>((resolve) => turns.yield(resolve, 1_000));
  assert.equal(socket.sentCount, 6);
  await turns.release();
});

Deno.test("SocketTurns.release() lets those go who rest", async () => {
  const [turns, socket] = createTurns();
  socket.deliver = () => Promise.resolve(0);
  const rest = turns.rest(0);
  await turns.release();
  await rest;
  assert.equal(socket.sentCount, 1);
});

function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** @returns How long datagrams wait at a socket, in milliseconds: the usual case. */
async function measureWait(): Promise<number> {
  const sender = new DenoUdpCarrier(LOOPBACK);
  const receiver = new DenoUdpCarrier(LOOPBACK);
  let heard = Promise.withResolvers<void>();
  receiver.start(() => heard.resolve(), assert.fail);
  const waitsMs: number[] = [];
  for (let count = 0; count < 9; count++) {
    heard = Promise.withResolvers();
    const sentAt = performance.now();
    await sender.send(new Uint8Array(1), receiver.localAddress);
    await heard.promise;
    waitsMs.push(performance.now() - sentAt);
  }
  await Promise.all([sender.close(), receiver.close()]);
  return waitsMs.sort((a, b) => a - b)[4]!;
}

Deno.test("SocketTurns.rest() gives others their turn beside a socket that is never empty", async () => {
  const turns = sharedSocketTurns();
  turns.acquire();
  const busy = new DenoUdpCarrier(LOOPBACK);
  let isStopped = false;
  const sendAgain = (): void => {
    if (!isStopped) void busy.send(new Uint8Array(1), busy.localAddress);
  };
  busy.start(() => {
    work(0.1);
    sendAgain();
    return turns.rest(performance.now());
  }, assert.fail);
  for (let count = 0; count < 8; count++) sendAgain();
  const waitMs = await measureWait();
  isStopped = true;
  await busy.close();
  await turns.release();
  // 200 where nobody rests.
  assert.ok(waitMs < 5 * MAX_RECEIVING_MS, `${waitMs} ms`);
});

/** @returns How often that socket is served that is served least, of many that are never empty. */
async function serveMany(
  rest: () => Promise<void> | void,
): Promise<number> {
  const counts: number[] = Array.from({ length: 300 }, () => 0);
  const done = Promise.withResolvers<void>();
  let left = 6_000;
  const carriers = counts.map((_, index) => {
    const carrier = new DenoUdpCarrier(LOOPBACK);
    carrier.start(() => {
      counts[index]!++;
      if (--left <= 0) return done.resolve();
      work(0.02);
      void carrier.send(new Uint8Array(1), carrier.localAddress);
      return rest();
    }, assert.fail);
    return carrier;
  });
  for (const carrier of carriers) {
    void carrier.send(new Uint8Array(1), carrier.localAddress);
  }
  await done.promise;
  await Promise.all(carriers.map((carrier) => carrier.close()));
  return Math.min(...counts);
}

Deno.test("SocketTurns.rest() has hundreds of sockets served that are never empty", async () => {
  const turns = sharedSocketTurns();
  turns.acquire();
  const leastCount = await serveMany(() => turns.rest(systemClock()));
  await turns.release();
  // 20 on average; where nobody rests, some are not served at all.
  assert.ok(leastCount >= 5, `${leastCount} of 20`);
});

Deno.test("scheduleFairTurn() gives sockets their turn beside a task that always goes on", async () => {
  const turns = sharedSocketTurns();
  turns.acquire();
  let isStopped = false;
  const goOn = (): void => {
    work(1);
    if (!isStopped) scheduleFairTurn(goOn);
  };
  goOn();
  const waitMs = await measureWait();
  isStopped = true;
  await turns.release();
  // 60 where one immediate follows the other.
  assert.ok(waitMs < 10 * MAX_SENDING_MS, `${waitMs} ms`);
});
