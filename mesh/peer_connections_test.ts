import assert from "node:assert/strict";
import { type TransportConnection, TransportError } from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { MIN_PEER_CONNECT_MS, PEER_CONNECT_TIMEOUT_MS } from "./config.ts";
import { CallError } from "./error.ts";
import {
  type EarlyUse,
  type Peer,
  PeerConnections,
} from "./peer_connections.ts";

interface FakeConnection {
  isOpen: boolean;
  closeCount: number;
  end(code?: "CLOSED" | "CLOSED_BY_PEER" | "CONNECTION_LOST"): void;
}

function create(limits: { maxConnections?: number } = {}) {
  const clock = new TimerClock();
  const made: FakeConnection[] = [];
  const dials: PromiseWithResolvers<TransportConnection>[] = [];
  const earlies: EarlyUse[] = [];
  const closedNames: string[] = [];
  const peers = new PeerConnections({
    clock,
    idleTimeoutMs: 100,
    ...limits,
    dial: (_peer, _signal, onEarly) => {
      const dial = Promise.withResolvers<TransportConnection>();
      dials.push(dial);
      earlies.push(onEarly);
      return dial.promise;
    },
    onClosedByPeer: ({ name }) => closedNames.push(name),
  });
  const open = (index: number): void => {
    const closed = Promise.withResolvers<TransportError>();
    const connection: FakeConnection & Pick<TransportConnection, "closed"> & {
      close(): void;
    } = {
      isOpen: true,
      closeCount: 0,
      closed: closed.promise,
      end: (code = "CLOSED") => {
        connection.isOpen = false;
        closed.resolve(new TransportError(code, "Test: ended"));
      },
      close: () => {
        connection.closeCount++;
        connection.end();
      },
    };
    made.push(connection);
    dials[index]!.resolve(connection as unknown as TransportConnection);
  };
  return { clock, peers, dials, made, open, earlies, closedNames };
}

function peer(digit: number): Peer {
  return {
    agentId: new Uint8Array(16).fill(digit),
    name: `peer ${digit}`,
    hostname: "127.0.0.1",
    port: 1000 + digit,
    publicKey: new Uint8Array(32).fill(digit),
  };
}

Deno.test("PeerConnections.acquire() makes one connection for calls at the same time", async () => {
  const { peers, dials, open } = create();
  const both = [peers.acquire(peer(1)), peers.acquire(peer(1))];
  open(0);
  const [one, two] = await Promise.all(both);
  assert.equal(dials.length, 1);
  assert.equal(one!.connection, two!.connection);
  assert.equal((await peers.acquire(peer(1))).connection, one!.connection);
  assert.equal(peers.size, 1);
  peers.close("test");
});

Deno.test("PeerConnections.acquire() gives the connection early to all that want it so by then, once", async () => {
  const { peers, open, earlies } = create();
  const used: string[] = [];
  const acquire = (name: string) =>
    peers.acquire(peer(1), { onEarly: () => void used.push(name) });
  const all = [acquire("one"), peers.acquire(peer(1)), acquire("two")];
  const early = {} as TransportConnection;
  earlies[0]!(early);
  assert.deepEqual(used, ["one", "two"]);
  // The first datagram has left: who comes now waits with the others.
  all.push(acquire("late"));
  open(0);
  await Promise.all(all);
  await acquire("open already");
  earlies[0]!(early);
  assert.deepEqual(used, ["one", "two"]);
  assert.equal(earlies.length, 1);
  peers.close("test");
});

Deno.test("PeerConnections.acquire() keeps agents apart that share an address", async () => {
  const { peers, dials } = create();
  peers.acquire(peer(1)).catch(() => {});
  peers.acquire({ ...peer(1), agentId: new Uint8Array(16).fill(9) })
    .catch(() => {});
  peers.acquire({ ...peer(1), publicKey: undefined }).catch(() => {});
  assert.equal(dials.length, 3);
  for (const dial of dials) dial.reject(new Error("test"));
  await Promise.resolve();
});

Deno.test("PeerConnections.acquire() tries again after a failure and after a loss", async () => {
  const { peers, dials, made, open } = create();
  const failing = peers.acquire(peer(1));
  dials[0]!.reject(new Error("unreachable"));
  await assert.rejects(failing, /unreachable/);
  assert.equal(peers.size, 0);
  const first = peers.acquire(peer(1));
  open(1);
  (await first).release();
  made[0]!.end();
  const second = peers.acquire(peer(1));
  open(2);
  assert.notEqual((await second).connection, (await first).connection);
  peers.close("test");
});

const unanswered = () =>
  new TransportError("HANDSHAKE_TIMEOUT", "Test: no answer");

Deno.test("PeerConnections.acquire() tries once more, for all who joined an attempt that had not enough time left", async () => {
  const { clock, peers, dials, open } = create();
  const first = assert.rejects(peers.acquire(peer(1)), /no answer/);
  clock.advance(MIN_PEER_CONNECT_MS - 1);
  const soon = assert.rejects(peers.acquire(peer(1)), /no answer/);
  clock.advance(1);
  const later = peers.acquire(peer(1));
  clock.advance(PEER_CONNECT_TIMEOUT_MS - MIN_PEER_CONNECT_MS - 1);
  const last = peers.acquire(peer(1));
  clock.advance(1);
  dials[0]!.reject(unanswered());
  await Promise.all([first, soon]);
  assert.equal(dials.length, 2);
  open(1);
  assert.equal((await later).connection, (await last).connection);
  assert.equal(dials.length, 2);
  peers.close("test");
  assert.equal(clock.timerCount, 0);
});

Deno.test("PeerConnections.acquire() takes no longer than one attempt when nobody answers", async () => {
  const { clock, peers, dials, made, open } = create();
  const first = assert.rejects(peers.acquire(peer(1)), /no answer/);
  clock.advance(1_000);
  let isOver = false;
  const joined = assert.rejects(peers.acquire(peer(1)), /no answer/)
    .finally(() => isOver = true);
  clock.advance(PEER_CONNECT_TIMEOUT_MS - 1_000);
  dials[0]!.reject(unanswered());
  await first;
  await Promise.resolve();
  clock.advance(999);
  await Promise.resolve();
  assert.ok(!isOver);
  clock.advance(1);
  await joined;
  // Who comes too late for it finds it there, and nobody holds it.
  open(1);
  const lease = await peers.acquire(peer(1));
  lease.release();
  clock.advance(200);
  assert.equal(made[0]!.closeCount, 1);
  assert.equal(dials.length, 2);
  peers.close("test");
});

Deno.test("PeerConnections.acquire() does not try again for who has given up, or after a refusal", async () => {
  for (const isRefused of [false, true]) {
    const { clock, peers, dials } = create();
    const first = assert.rejects(peers.acquire(peer(1)), TransportError);
    clock.advance(1_000);
    const joined = assert.rejects(
      peers.acquire(peer(1), { isWanted: () => isRefused }),
      TransportError,
    );
    clock.advance(PEER_CONNECT_TIMEOUT_MS - 1_000);
    dials[0]!.reject(
      isRefused
        ? new TransportError("PEER_KEY_MISMATCH", "Test: refused")
        : unanswered(),
    );
    await Promise.all([first, joined]);
    assert.equal(dials.length, 1);
    peers.close("test");
  }
});

Deno.test("PeerConnections closes a connection that nobody uses, and no other", async () => {
  const { clock, peers, made, open } = create();
  const used = peers.acquire(peer(1));
  open(0);
  await used;
  const unused = peers.acquire(peer(2));
  open(1);
  const lease = await unused;
  lease.release();
  lease.release();
  clock.advance(99);
  assert.deepEqual(made.map(({ closeCount }) => closeCount), [0, 0]);
  clock.advance(51);
  assert.deepEqual(made.map(({ closeCount }) => closeCount), [0, 1]);
  assert.equal(peers.size, 1);
  peers.close("test");
  assert.equal(clock.timerCount, 0);
});

Deno.test("PeerConnections closes the longest idle at its bound, and refuses when all are used", async () => {
  const { clock, peers, made, open } = create({ maxConnections: 2 });
  for (const digit of [1, 2]) {
    const acquiring = peers.acquire(peer(digit));
    open(digit - 1);
    (await acquiring).release();
    clock.advance(1);
  }
  const third = peers.acquire(peer(3));
  open(2);
  await third;
  assert.deepEqual(made.map(({ closeCount }) => closeCount), [1, 0, 0]);
  await peers.acquire(peer(2));
  await assert.rejects(
    peers.acquire(peer(4)),
    (error) =>
      error instanceof CallError && error.code === "RESOURCE_EXHAUSTED",
  );
  peers.close("test");
});

Deno.test("PeerConnections.close() closes everything, also what is being made", async () => {
  const { peers, made, open } = create();
  const open1 = peers.acquire(peer(1));
  open(0);
  await open1;
  const pending = peers.acquire(peer(2));
  peers.close("test");
  open(1);
  await pending;
  assert.deepEqual(made.map(({ closeCount }) => closeCount), [1, 1]);
  await assert.rejects(peers.acquire(peer(3)), CallError);
});

Deno.test("PeerConnections tells of peers that closed their connections, and of no other end", async () => {
  const { peers, made, open, closedNames } = create();
  const codes = ["CONNECTION_LOST", "CLOSED_BY_PEER", "CLOSED"] as const;
  for (const [index, code] of codes.entries()) {
    const acquiring = peers.acquire(peer(index));
    open(index);
    const { connection } = await acquiring;
    made[index]!.end(code);
    await connection.closed;
  }
  assert.deepEqual(closedNames, ["peer 1"]);
  assert.equal(peers.size, 0);
  peers.close("test");
});

Deno.test("PeerConnections.findEnding() waits until it was told how a connection ended", async () => {
  const { peers, made, open, closedNames } = create();
  assert.equal(peers.findEnding(peer(1)), undefined);
  const acquiring = peers.acquire(peer(1));
  assert.equal(peers.findEnding(peer(1)), undefined);
  open(0);
  await acquiring;
  assert.equal(peers.findEnding(peer(1)), undefined);
  made[0]!.end("CLOSED_BY_PEER");
  await peers.findEnding(peer(1));
  assert.deepEqual(closedNames, ["peer 1"]);
  assert.equal(peers.findEnding(peer(1)), undefined);
  peers.close("test");
});
