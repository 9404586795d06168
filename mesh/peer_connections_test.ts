import assert from "node:assert/strict";
import {
  CloseCode,
  type TransportConnection,
  TransportError,
} from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { AbortRace } from "./abort.ts";
import {
  DIAL_PATIENCE_MS,
  MAX_CALLS_WITHOUT_PLACE,
  MIN_PEER_CONNECT_MS,
  PEER_CONNECT_TIMEOUT_MS,
  REFUSED_MIN_MS,
  SILENT_PROBE_COUNT,
} from "./config.ts";
import { CallError } from "./error.ts";
import {
  type EarlyUse,
  isOutOfConnections,
  type Peer,
  PeerConnections,
  type PeerLease,
} from "./peer_connections.ts";

interface FakeConnection {
  isOpen: boolean;
  unansweredProbes: number;
  closeCount: number;
  end(
    code?: "CLOSED" | "CLOSED_BY_PEER" | "CONNECTION_LOST",
    closeCode?: number,
  ): void;
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
      unansweredProbes: 0,
      closeCount: 0,
      closed: closed.promise,
      end: (code = "CLOSED", closeCode = 0) => {
        connection.isOpen = false;
        closed.resolve(new TransportError(code, "Test: ended", { closeCode }));
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
  await assert.rejects(peers.acquire(peer(4)), isOutOfConnections);
  peers.close("test");
});

/** As many as there may be, all in use: those of the peers 1, 2, … */
async function fill(count: number) {
  const created = create({ maxConnections: count });
  const leases: PeerLease[] = [];
  for (let index = 0; index < count; index++) {
    const acquiring = created.peers.acquire(peer(index + 1));
    created.open(index);
    leases.push(await acquiring);
  }
  const waitFor = (digit: number, race = new AbortRace()) =>
    created.peers.waitForPlace([peer(digit)], race);
  /** Opens it once it is being made. */
  const openNext = async (index: number): Promise<void> => {
    while (created.dials.length <= index) await Promise.resolve();
    created.open(index);
  };
  return { ...created, openNext, leases, waitFor };
}

Deno.test("PeerConnections.waitForPlace() gives what becomes idle to the peer that was waited for first, and to all who wait for it", async () => {
  const { peers, dials, made, openNext, leases, waitFor } = await fill(2);
  const order: number[] = [];
  const waiting = [3, 4, 3, 5].map(async (digit) => {
    const place = await waitFor(digit);
    order.push(digit);
    const lease = await peers.acquire(place.peer);
    place.release();
    return lease;
  });
  const closeCounts = () => made.map(({ closeCount }) => closeCount);
  assert.deepEqual(closeCounts(), [0, 0]);
  leases[1]!.release();
  assert.deepEqual(closeCounts(), [0, 1]);
  // It is free no more, and nobody overtakes those who wait.
  await assert.rejects(peers.acquire(peer(6)), isOutOfConnections);
  await openNext(2);
  const thirds = await Promise.all([waiting[0], waiting[2]]);
  assert.equal(dials.length, 3);
  assert.equal(thirds[0]!.connection, thirds[1]!.connection);
  thirds[0]!.release();
  assert.deepEqual(closeCounts(), [0, 1, 0]);
  thirds[1]!.release();
  assert.deepEqual(closeCounts(), [0, 1, 1]);
  await openNext(3);
  const fourth = await waiting[1]!;
  // One that ends by itself makes room as well.
  made[0]!.end("CONNECTION_LOST");
  await leases[0]!.connection.closed;
  await openNext(4);
  await waiting[3];
  assert.deepEqual(order, [3, 3, 4, 5]);
  // Nobody waits: what is idle is kept.
  fourth.release();
  assert.deepEqual(closeCounts(), [0, 1, 1, 0, 0]);
  peers.close("test");
});

Deno.test("PeerConnections.waitForPlace() gives the place of a peer that cannot be reached to the next one", async () => {
  const { peers, dials, open, leases, waitFor } = await fill(1);
  const waiting = [2, 3].map((digit) => waitFor(digit));
  leases[0]!.release();
  const second = await waiting[0]!;
  const acquiring = assert.rejects(peers.acquire(second.peer), /unreachable/);
  second.release();
  dials[1]!.reject(new Error("unreachable"));
  await acquiring;
  const third = await waiting[1]!;
  const acquired = peers.acquire(third.peer);
  third.release();
  open(2);
  assert.ok((await acquired).connection.isOpen);
  peers.close("test");
});

Deno.test("PeerConnections.waitForPlace() does not wait where there is room by now, or a connection", async () => {
  const { peers, made, leases, waitFor } = await fill(2);
  const race = new AbortRace();
  const any = await peers.waitForPlace([peer(3), peer(2)], race);
  assert.deepEqual(any.peer, peer(2));
  any.release();
  leases[0]!.release();
  const place = await waitFor(3);
  assert.deepEqual(made.map(({ closeCount }) => closeCount), [1, 0]);
  assert.equal(peers.size, 2);
  // It was not used.
  place.release();
  assert.equal(peers.size, 1);
  peers.close("test");
});

Deno.test("PeerConnections.waitForPlace() has those who can do with either of two peers share one", async () => {
  const { peers, dials, leases } = await fill(1);
  const both = [[peer(2), peer(3)], [peer(3), peer(2)]]
    .map((some) => peers.waitForPlace(some, new AbortRace()));
  leases[0]!.release();
  for (const place of await Promise.all(both)) {
    assert.deepEqual(place.peer, peer(2));
    peers.acquire(place.peer).catch(() => {});
    place.release();
  }
  assert.equal(dials.length, 2);
  dials[1]!.reject(new Error("test"));
  await Promise.resolve();
  peers.close("test");
});

Deno.test("PeerConnections.waitForPlace() loses no place to who gives up, whenever that is", async () => {
  const { peers, leases, waitFor } = await fill(1);
  const races = [new AbortRace(), new AbortRace()];
  const givenUp = races.map((race, index) =>
    assert.rejects(waitFor(2 + index, race), (reason) => reason === "enough")
  );
  const last = waitFor(4);
  races[0]!.abort("enough");
  leases[0]!.release();
  // In the moment in which its turn came.
  races[1]!.abort("enough");
  await Promise.all(givenUp);
  (await last).release();
  assert.equal(peers.size, 0);
  peers.close("test");
});

Deno.test("PeerConnections.waitForPlace() refuses who comes when too many wait, and names the limit", async () => {
  const { peers, waitFor } = await fill(1);
  const waiting = Array.from(
    { length: MAX_CALLS_WITHOUT_PLACE },
    () => waitFor(2),
  );
  await assert.rejects(waitFor(2), (error) => {
    assert.ok(error instanceof CallError);
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert.match(error.message, /all 1 .*limits\.maxPeerConnections/);
    assert.ok(error.retryAfterMs! > 0);
    return true;
  });
  peers.close("test");
  for (
    const { reason } of await Promise.allSettled(
      waiting,
    ) as PromiseRejectedResult[]
  ) {
    assert.equal((reason as CallError).code, "CANCELLED");
  }
  await assert.rejects(waitFor(2), CallError);
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

Deno.test("PeerConnections.acquire() leaves a peer alone for a moment that takes no more connections, and closes none for it", async () => {
  const { clock, peers, dials, made, open } = create({ maxConnections: 2 });
  const idling = peers.acquire(peer(2));
  open(0);
  (await idling).release();
  const refused = CloseCode.CONNECTION_REFUSED;
  const acquiring = peers.acquire(peer(1));
  open(1);
  const { connection } = await acquiring;
  made[1]!.end("CLOSED_BY_PEER", refused);
  const error = await connection.closed;
  const filling = peers.acquire(peer(3));
  open(2);
  await filling;
  await assert.rejects(peers.acquire(peer(1)), (thrown) => thrown === error);
  assert.equal(dials.length, 3);
  assert.equal(made[0]!.closeCount, 0, "the idle one gave way");
  assert.equal(peers.isSilent(peer(1)), true, "others are called first");
  clock.advance(REFUSED_MIN_MS);
  assert.equal(peers.isSilent(peer(1)), false);
  const again = peers.acquire(peer(1));
  assert.equal(dials.length, 4);
  open(3);
  (await again).release();
  made[3]!.end("CLOSED_BY_PEER");
  await again;
  const after = peers.acquire(peer(1));
  assert.equal(dials.length, 5, "who leaves has refused nobody");
  open(4);
  await after;
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

Deno.test("PeerConnections.isSilent() tells who does not answer, to a hello or on its connection", async () => {
  const { clock, peers, made, open } = create();
  assert.equal(peers.isSilent(peer(1)), false);
  const acquiring = peers.acquire(peer(1));
  assert.equal(peers.isSilent(peer(1)), false);
  clock.advance(DIAL_PATIENCE_MS);
  assert.equal(peers.isSilent(peer(1)), true);
  open(0);
  await acquiring;
  assert.equal(peers.isSilent(peer(1)), false);
  made[0]!.unansweredProbes = SILENT_PROBE_COUNT - 1;
  assert.equal(peers.isSilent(peer(1)), false);
  made[0]!.unansweredProbes = SILENT_PROBE_COUNT;
  assert.equal(peers.isSilent(peer(1)), true);
  made[0]!.end("CONNECTION_LOST");
  await Promise.resolve();
  assert.equal(peers.isSilent(peer(1)), false);
  peers.close("test");
});
