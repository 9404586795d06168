import assert from "node:assert/strict";
import {
  LOST_AFTER_MS,
  MAX_SENDING_MS,
  MAX_SENDING_MS_WITHOUT_SOCKET,
  scheduleFairTurn,
  type SelfSocket,
  sharedSocketTurns,
  SocketTurns,
} from "./socket_turns.ts";
import { measureWait, work } from "../tests/support/socket_wait.ts";
import { collectUncaught } from "../tests/support/uncaught_errors.ts";

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

  /** As that of the runtime it throws when it is called again. */
  close(): void {
    this.closeCount++;
    this.#socket.close();
  }
}

/** Turns with a new socket for each time that one is bound. */
function createTurnsOfMany(): [SocketTurns, UnreliableSocket[]] {
  const sockets: UnreliableSocket[] = [];
  const turns = new SocketTurns(() => {
    const socket = new UnreliableSocket();
    sockets.push(socket);
    return socket;
  });
  turns.acquire();
  return [turns, sockets];
}

function createTurns(): [SocketTurns, UnreliableSocket] {
  const socket = new UnreliableSocket();
  const turns = new SocketTurns(() => socket);
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

Deno.test("SocketTurns.schedule() runs a task after what came with the datagram", async () => {
  const own = Promise.withResolvers<[Uint8Array, Deno.Addr]>();
  const other = Promise.withResolvers<void>();
  const turns = new SocketTurns(() => ({
    addr: { transport: "udp", ...LOOPBACK },
    receive: () => own.promise,
    send: () => Promise.resolve(1),
    close: () => {},
  }));
  turns.acquire();
  const ran: string[] = [];
  const isOver = new Promise<void>((resolve) =>
    turns.schedule(() => {
      ran.push("turn");
      resolve();
    }, performance.now())
  );
  const received = other.promise.then(() => ran.push("received"));
  own.resolve([Uint8Array.of(1), { transport: "udp", ...LOOPBACK }]);
  other.resolve();
  await isOver;
  await received;
  assert.deepEqual(ran, ["received", "turn"]);
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

Deno.test("SocketTurns.schedule() runs the other tasks of a turn where one throws, which is uncaught", async () => {
  const [turns] = createTurns();
  const failure = new Error("task");
  let runCount = 0;
  const errors = await collectUncaught(async () => {
    for (let count = 0; count < 2; count++) {
      turns.schedule(() => {
        throw failure;
      }, performance.now());
      turns.schedule(() => {
        runCount++;
      }, performance.now());
      await turn(turns);
    }
  });
  assert.equal(runCount, 2);
  assert.deepEqual(errors, [failure, failure]);
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
  assert.equal(socket.closeCount, 1);
});

Deno.test("SocketTurns closes its socket once when several sends are refused", async () => {
  const [turns, socket] = createTurns();
  const refused = Promise.withResolvers<number>();
  socket.deliver = () => refused.promise;
  const ended = new Promise<void>((resolve) => turns.schedule(resolve, 0));
  turns.schedule(() => {}, LOST_AFTER_MS + 1);
  assert.equal(socket.sentCount, 2);
  refused.reject(new Error("forbidden"));
  await ended;
  assert.equal(turns.isQuick, false);
  await turns.release();
  assert.equal(socket.closeCount, 1);
});

Deno.test("SocketTurns closes a socket that cannot receive, and goes on with any turn", async () => {
  const [turns, socket] = createTurns();
  socket.receive = () => Promise.reject(new Error("broken"));
  await turn(turns);
  assert.equal(turns.isQuick, false);
  assert.equal(socket.closeCount, 1);
  await turn(turns);
  await turns.release();
  assert.equal(socket.closeCount, 1);
});

Deno.test("SocketTurns keeps the socket of a new user when a send of the last one's fails", async () => {
  const [turns, sockets] = createTurnsOfMany();
  await turn(turns);
  const late = Promise.withResolvers<number>();
  sockets[0]!.deliver = (send) => send().then(() => late.promise);
  await turn(turns);
  await turns.release();
  turns.acquire();
  await turn(turns);
  late.reject(new Error("closed"));
  await turn(turns);
  assert.equal(turns.isQuick, true);
  assert.deepEqual(sockets.map(({ closeCount }) => closeCount), [1, 0]);
  await turns.release();
});

Deno.test("SocketTurns takes any turn where no socket can be bound", async () => {
  let bindCount = 0;
  const turns = new SocketTurns(() => {
    bindCount++;
    throw new Error("no socket");
  });
  turns.acquire();
  await turn(turns);
  await turn(turns);
  assert.equal(bindCount, 1);
  await turns.release();
  const without = new SocketTurns();
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
  const turns = new SocketTurns(() => {
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
  const [turns, sockets] = createTurnsOfMany();
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
  // One, or more where the host stands still until it counts as lost.
  const first = socket.sentCount;
  assert.ok(first >= 1);
  await yieldAt(MAX_SENDING_MS - 1);
  assert.equal(socket.sentCount, first);
  await yieldAt(MAX_SENDING_MS);
  const second = socket.sentCount;
  assert.ok(second > first);
  await turns.release();
  await yieldAt(1_000);
  assert.equal(socket.sentCount, second);
});

Deno.test("SocketTurns keeps nobody waiting who has the sockets looked at when its datagram is lost, again and again", async () => {
  const [turns, socket] = createTurns();
  const lose = (times: number): void => {
    socket.deliver = (send) => times-- > 0 ? Promise.resolve(0) : send();
  };
  lose(3);
  await new Promise<void>((resolve) => turns.look(resolve, 0));
  // Or more, where the host stands still until the last one counts as lost.
  const first = socket.sentCount;
  assert.ok(first >= 4);
  lose(1);
  await new Promise<void>((resolve) => turns.yield(resolve, 1_000));
  const second = socket.sentCount;
  assert.ok(second >= first + 2);
  await turns.release();
  await new Promise<void>((resolve) => turns.look(resolve, 2_000));
  assert.equal(socket.sentCount, second);
});

/** Waits for a datagram beside a task of so many milliseconds that always goes on. */
async function measureFairWait(taskMs: number): Promise<number> {
  const ended = Promise.withResolvers<void>();
  let isStopped = false;
  const goOn = (): void => {
    work(taskMs);
    if (isStopped) ended.resolve();
    else scheduleFairTurn(goOn);
  };
  goOn();
  const waitMs = await measureWait();
  isStopped = true;
  await ended.promise;
  return waitMs;
}

Deno.test("scheduleFairTurn() gives sockets their turn beside a task that always goes on", async () => {
  const turns = sharedSocketTurns();
  turns.acquire();
  const waitMs = await measureFairWait(1);
  await turns.release();
  // 60 where one immediate follows the other.
  assert.ok(waitMs < 10 * MAX_SENDING_MS, `${waitMs} ms`);
});

Deno.test("scheduleFairTurn() gives sockets of others their turn in a process without transports", async () => {
  const waitMs = await measureFairWait(5);
  // 300 where one immediate follows the other.
  assert.ok(waitMs < 2 * MAX_SENDING_MS_WITHOUT_SOCKET, `${waitMs} ms`);
});
