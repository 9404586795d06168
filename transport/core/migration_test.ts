/**
 * A peer that changes its address, and others who pretend to be it, between two
 * endpoints on virtual time (RFC 9000 §9).
 */
import assert from "node:assert/strict";
import {
  HOSTILE_ADDRESS,
  HostilePeer,
} from "../../tests/support/hostile_peer.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  readAll,
  SERVER_ADDRESS,
} from "../../tests/support/pair.ts";
import { ResumptionPair } from "../../tests/support/resumption.ts";
import { connectionIdKey } from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import { ETHERNET_IPV4_BYTES, MAX_PROBES } from "./mtu_discovery.ts";

const TRANSFER_BYTES = 1_000_000;
const OTHER_PORT: Address = { ...CLIENT_ADDRESS, port: 50_000 };
const OTHER_HOST: Address = { hostname: "10.0.9.9", port: 50_001 };
/** Slow enough for a transfer to be seen on every path that it takes. */
const SLOW_LINK = {
  latencyMs: 10,
  bandwidthBytesPerSecond: 2_000_000,
  queueBytes: 64_000,
};
const LOOPBACK: Address = { hostname: "127.0.0.1", port: 4_001 };
const ATTACKER: Address = { hostname: "10.6.6.6", port: 666 };

/** The server sends a lot to the client, which answers with acknowledgements only. */
function download(
  pair: Pair,
  server: Connection,
  byteCount = TRANSFER_BYTES,
): { receivedBytes: number } {
  const progress = { receivedBytes: 0 };
  const id = server.openStream({ priority: 2 })!;
  let rest = new Uint8Array(byteCount).fill(3);
  const pump = (): void => {
    rest = rest.subarray(server.writeStream(id, rest));
  };
  pump();
  pair.server.onEvent = (_connection, event) => {
    if (event.type === "stream-writable") pump();
  };
  pair.client.onEvent = (connection, event) => {
    if (event.type === "stream-readable") {
      progress.receivedBytes += readAll(connection, event.id).length;
    }
  };
  return progress;
}

for (
  const [name, address] of [["port", OTHER_PORT], ["host", OTHER_HOST]] as const
) {
  Deno.test(`A transfer goes on when the client's ${name} changes in the middle of it`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const { client, server } = pair.connect();
    const progress = download(pair, server);
    pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
    pair.network.rebind(CLIENT_ADDRESS, address);
    client.ping();
    pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
    assert.deepEqual(server.remoteAddress, address);
    assert.equal(client.state, "established");
    assert.equal(server.state, "established");
  });
}

/** Too little for the reader to grant more: all that it says is acknowledgements. */
const SMALL_BYTES = 100_000;

for (const [silenceMs, latencyMs] of [[5_000, 10], [6_500, 100]] as const) {
  Deno.test(`A client that only receives is found where it is now, ${silenceMs} ms after it moved to where nothing arrives; ${latencyMs} ms away`, () => {
    const pair = new Pair({ link: { latencyMs } });
    const { client, server } = pair.connect();
    const progress = download(pair, server, SMALL_BYTES);
    pair.runUntil(() => progress.receivedBytes > SMALL_BYTES / 4);
    pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
    const movedAt = pair.now;
    pair.network.filter = (_datagram, from) =>
      from.port !== SERVER_ADDRESS.port || pair.now > movedAt + silenceMs;
    pair.runUntil(() => progress.receivedBytes === SMALL_BYTES);
    assert.deepEqual(server.remoteAddress, OTHER_HOST);
    // It goes on when the client speaks next, within the longest probe timeout.
    assert.ok(pair.now - movedAt < silenceMs + 4_500, `${pair.now - movedAt}`);
    assert.equal(client.state, "established");
  });
}

Deno.test("A transfer goes on soon after a move although every third datagram is lost", () => {
  const gaps: number[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const pair = new Pair({ seed, link: { latencyMs: 5 + seed } });
    const { client, server } = pair.connect();
    const progress = download(pair, server, SMALL_BYTES);
    pair.runUntil(() => progress.receivedBytes > SMALL_BYTES / 4);
    const goal = progress.receivedBytes + 20_000;
    const movedAt = pair.now;
    pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
    pair.network.configure({ lossRate: 0.3 });
    client.ping();
    pair.runUntil(() => progress.receivedBytes > goal, 60_000);
    gaps.push(Math.round(pair.now - movedAt));
  }
  const long = gaps.filter((gapMs) => gapMs > 2_000);
  assert.ok(long.length <= 2, `${long} ms`);
});

Deno.test("An idle client whose address changed is found again by its keep-alive", () => {
  const pair = new Pair();
  const { server } = pair.connect();
  pair.runFor(1_000);
  pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
  pair.runFor(20_000);
  assert.equal(server.state, "established");
  assert.deepEqual(server.remoteAddress, OTHER_HOST);
});

Deno.test("Ten changes of address under loss lose nothing", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const pair = new Pair({
      seed,
      link: { latencyMs: 5, lossRate: 0.03, jitterMs: 5 },
    });
    const { client, server } = pair.connect();
    const progress = download(pair, server);
    for (let i = 1; i <= 10; i++) {
      pair.runUntil(
        () => progress.receivedBytes >= TRANSFER_BYTES * i / 11,
        120_000,
      );
      pair.network.rebind(CLIENT_ADDRESS, {
        hostname: `10.0.8.${i}`,
        port: 1_000 + i,
      });
      client.ping();
    }
    pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES, 120_000);
  }
});

/** Lets an attacker who sees the client's datagrams send them from elsewhere, first. */
function steal(pair: Pair): { toAttacker: number; fromAttacker: number } {
  const bytes = { toAttacker: 0, fromAttacker: 0 };
  pair.network.filter = (datagram, from, to) => {
    if (to.hostname === ATTACKER.hostname) {
      bytes.toAttacker += datagram.length;
      return false;
    }
    if (from.port !== CLIENT_ADDRESS.port) return true;
    bytes.fromAttacker += datagram.length;
    pair.server.endpoint.handleDatagram(pair.now, ATTACKER, datagram.slice());
    return false;
  };
  return bytes;
}

Deno.test("Whoever sends the client's packets from elsewhere gets three times their size at most", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  const stolen = steal(pair);
  client.ping();
  pair.runFor(300);
  assert.ok(stolen.fromAttacker > 0 && stolen.toAttacker > 0);
  assert.ok(
    stolen.toAttacker <= 3 * stolen.fromAttacker,
    `${stolen.toAttacker} bytes for ${stolen.fromAttacker}`,
  );
  // The theft ends: the proven address is in use again, and nothing is lost.
  pair.network.filter = undefined;
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
});

Deno.test("An address that never answers a challenge is given up for the proven one", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  pair.runFor(100);
  const stolen = steal(pair);
  client.ping();
  pair.runFor(20);
  assert.deepEqual(server.remoteAddress, ATTACKER);
  pair.network.filter = (_datagram, from) => from.port !== CLIENT_ADDRESS.port;
  pair.runFor(5_000);
  assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
  assert.ok(stolen.toAttacker <= 3 * stolen.fromAttacker);
});

for (
  const [which, share, maxMoves] of [
    ["all", 1, 20],
    ["every second one", 2, 40],
  ] as const
) {
  Deno.test(`Where ${which} of the client's packets come from an address that never answers, it is tried ever less often (RFC 9000 §8.2.1)`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const { client, server } = pair.connect();
    pair.runFor(1_000);
    let sent = 0;
    let awayTurns = 0;
    pair.network.filter = (datagram, from, to) => {
      if (to.hostname === ATTACKER.hostname) return false;
      if (from.port !== CLIENT_ADDRESS.port || sent++ % share > 0) return true;
      pair.server.endpoint.handleDatagram(pair.now, ATTACKER, datagram.slice());
      return false;
    };
    for (let i = 0; i < 60 * 50; i++) {
      client.sendDatagram(Uint8Array.of(1));
      pair.runFor(20);
      if (server.remoteAddress.hostname === ATTACKER.hostname) awayTurns++;
    }
    const { moves } = server.stats;
    assert.ok(moves > 3 && moves < maxMoves, `${moves} moves in 60 s`);
    // Where it was the client answers, so that the address has 3 s only once.
    assert.ok(awayTurns < 0.1 * 60 * 50, `away in ${awayTurns} turns`);
    // Once the theft is over, nothing is left of it.
    pair.network.filter = undefined;
    pair.runFor(4_000);
    pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
    client.ping();
    pair.runFor(100);
    assert.deepEqual(server.remoteAddress, OTHER_HOST);
  });
}

Deno.test("Packets from ever other addresses that never answer do not have each of them challenged", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  pair.runFor(1_000);
  let port = 1_000;
  pair.network.filter = (datagram, from, to) => {
    if (to.hostname === ATTACKER.hostname) return false;
    if (from.port !== CLIENT_ADDRESS.port) return true;
    const address = { ...ATTACKER, port: port++ };
    pair.server.endpoint.handleDatagram(pair.now, address, datagram.slice());
    return false;
  };
  for (let i = 0; i < 20 * 50; i++) {
    client.sendDatagram(Uint8Array.of(1));
    pair.runFor(20);
  }
  assert.ok(server.stats.moves < 20, `${server.stats.moves} moves in 20 s`);
});

for (
  const [whence, addressOf] of [
    ["where it was before", () => CLIENT_ADDRESS],
    ["ever other addresses", (port: number) => ({ ...ATTACKER, port })],
  ] as const
) {
  Deno.test(`A peer that has moved is followed though some of its packets come first from ${whence} (RFC 9000 §9.3.3)`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const { client, server } = pair.connect();
    pair.runFor(1_000);
    pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
    let copies = 0;
    let copyAt = pair.now;
    pair.network.filter = (datagram, from, to) => {
      if (to.hostname === ATTACKER.hostname) return false;
      // Each time the server is where the peer is, and waits for it to prove that.
      if (
        from.hostname === OTHER_HOST.hostname && pair.now >= copyAt &&
        server.remoteAddress.hostname === OTHER_HOST.hostname
      ) {
        copyAt = pair.now + 200;
        const copy = datagram.slice();
        pair.server.endpoint.handleDatagram(
          pair.now,
          addressOf(++copies),
          copy,
        );
      }
      return true;
    };
    let reached = 0;
    const turns = 20 * 50;
    for (let i = 0; i < turns; i++) {
      client.sendDatagram(Uint8Array.of(1));
      pair.runFor(20);
      if (server.remoteAddress.hostname === OTHER_HOST.hostname) reached++;
    }
    assert.ok(copies > 1, `${copies} copies`);
    assert.ok(
      reached > 0.8 * turns,
      `at the peer ${reached} times of ${turns}`,
    );
  });
}

/** The client moves to where nothing arrives, and is heard from there for 5 s. */
function moveToSilence(pair: Pair, client: Connection): void {
  pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
  pair.network.filter = (_datagram, _from, to) =>
    to.hostname !== OTHER_HOST.hostname &&
    to.hostname !== CLIENT_ADDRESS.hostname;
  for (let i = 0; i < 50; i++) {
    client.ping();
    pair.runFor(100);
  }
}

Deno.test("A peer that moves to where nothing arrives at first is followed once it does", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  moveToSilence(pair, client);
  assert.ok(server.stats.moves >= 2);
  pair.network.filter = undefined;
  const healedAt = pair.now;
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.deepEqual(server.remoteAddress, OTHER_HOST);
  assert.ok(pair.now - healedAt < 6_000, `${pair.now - healedAt} ms`);
});

Deno.test("A peer that could not be reached where this side was is followed at once where it is now", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  moveToSilence(pair, client);
  assert.ok(server.stats.moves >= 2, `${server.stats.moves} moves`);
  pair.runUntil(() => server.remoteAddress.port === CLIENT_ADDRESS.port);
  pair.network.filter = undefined;
  pair.server.endpoint.handleLocalMove(pair.now, true);
  client.ping();
  pair.runFor(100);
  assert.deepEqual(server.remoteAddress, OTHER_HOST);
});

/** A client that moved while it resumed: its server knows no address that is proven. */
function resumeElsewhere(): { pair: Pair; client: Connection } {
  const { pair } = new ResumptionPair({
    client: { keepAliveIntervalMs: 0, idleTimeoutMs: 60_000 },
    server: { keepAliveIntervalMs: 0, idleTimeoutMs: 60_000 },
  });
  // Not where its ticket was made: no address of it is proven.
  pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
  const client = pair.dial({ isEarlyWanted: true });
  const early = client.openStream({ priority: 1, isEarly: true })!;
  client.writeStream(early, new Uint8Array(10));
  pair.runFor(25);
  pair.network.rebind(CLIENT_ADDRESS, { hostname: "10.0.9.10", port: 50_002 });
  pair.runUntil(() => client.state === "established");
  return { pair, client };
}

Deno.test("A client that moves while it resumes, to where nothing arrives at first, is challenged until it answers", () => {
  const { pair } = resumeElsewhere();
  let challengeCount = 0;
  pair.network.filter = (_datagram, from) => {
    if (from.port !== SERVER_ADDRESS.port) return true;
    challengeCount++;
    return false;
  };
  pair.runFor(20_000);
  const server = pair.server.incoming.at(-1)!;
  assert.equal(server.isConfirmed, true);
  assert.ok(challengeCount < 30, `${challengeCount} datagrams`);
  pair.network.filter = undefined;
  pair.runFor(5_000);
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES, 2_000);
});

Deno.test("A client that moved while it resumed is challenged at once when it is heard again", () => {
  const { pair, client } = resumeElsewhere();
  pair.network.filter = (_datagram, from) => from.port !== SERVER_ADDRESS.port;
  pair.runFor(20_000);
  const server = pair.server.incoming.at(-1)!;
  const { packetsSent } = server.stats;
  pair.runUntil(() => server.stats.packetsSent > packetsSent);
  pair.runFor(1_500);
  // The next challenge is seconds away: what the client sends allows for three times
  // as much, and it is soon silent.
  pair.network.filter = undefined;
  client.ping();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES, 2_000);
});

Deno.test("An old or forged packet from elsewhere moves nobody", () => {
  const pair = new Pair();
  const { client, server } = pair.connect();
  const recorded: Uint8Array[] = [];
  pair.network.filter = (datagram, from) => {
    if (from.port === CLIENT_ADDRESS.port) recorded.push(datagram.slice());
    // The first one is held back: it arrives late, from elsewhere.
    return from.port !== CLIENT_ADDRESS.port || recorded.length > 1;
  };
  client.sendDatagram(Uint8Array.of(1));
  pair.flush();
  client.sendDatagram(Uint8Array.of(2));
  pair.runFor(100);
  assert.ok(recorded.length >= 2);
  for (const datagram of recorded) {
    pair.server.endpoint.handleDatagram(pair.now, ATTACKER, datagram);
    const forged = datagram.slice();
    forged[40]! ^= 1;
    pair.server.endpoint.handleDatagram(pair.now, ATTACKER, forged);
  }
  assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
});

/** Ids that were seen on the way from and to each address of the client, from now on. */
interface SeenIds {
  readonly from: Map<string, Set<number>>;
  readonly to: Map<string, Set<number>>;
}

function observeIds(pair: Pair): SeenIds {
  const seen: SeenIds = { from: new Map(), to: new Map() };
  const note = (
    where: Map<string, Set<number>>,
    { hostname, port }: Address,
    datagram: Uint8Array,
  ): void => {
    const ids = where.get(`${hostname}:${port}`) ?? new Set();
    where.set(`${hostname}:${port}`, ids.add(connectionIdKey(datagram)));
  };
  pair.network.filter = (datagram, from) => {
    if (from.port !== SERVER_ADDRESS.port) note(seen.from, from, datagram);
    return true;
  };
  const { network } = pair;
  const send = network.send.bind(network);
  network.send = (now, datagram, path) => {
    if (path.from === SERVER_ADDRESS) note(seen.to, path.to, datagram);
    send(now, datagram, path);
  };
  return seen;
}

/** The initiator goes to another address and knows it. */
function moveOnPurpose(pair: Pair, address: Address): void {
  pair.network.rebind(CLIENT_ADDRESS, address);
  const isOtherHost = address.hostname !== CLIENT_ADDRESS.hostname;
  pair.client.endpoint.handleLocalMove(pair.now, isOtherHost);
}

Deno.test("No connection id is seen on two paths of a client that moves on purpose (RFC 9000 §9.5)", () => {
  const pair = new Pair({ link: SLOW_LINK });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  const seen = observeIds(pair);
  for (let i = 1; i <= 4; i++) {
    pair.runUntil(() => progress.receivedBytes > i * TRANSFER_BYTES / 5);
    moveOnPurpose(pair, { hostname: `10.0.7.${i}`, port: 5_000 + i });
  }
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.equal(seen.from.size, 5);
  assert.equal(seen.to.size, 5);
  const all = [...seen.from.values(), ...seen.to.values()]
    .flatMap((ids) => [...ids]);
  assert.equal(new Set(all).size, all.length, "an id on two paths");
  assert.equal(server.stats.moves, 4);
  assert.ok(client.stats.connectionIdChanges >= 4);
});

Deno.test("A client that does not know of its new address keeps its connection id, and the responder takes another one", () => {
  const pair = new Pair({ link: SLOW_LINK });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  const seen = observeIds(pair);
  pair.runFor(50);
  pair.network.rebind(CLIENT_ADDRESS, OTHER_PORT);
  client.ping();
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  const [before, after] = [CLIENT_ADDRESS, OTHER_PORT].map(
    ({ hostname, port }) => `${hostname}:${port}`,
  );
  assert.deepEqual(seen.from.get(after!), seen.from.get(before!));
  const [idBefore] = seen.to.get(before!)!;
  assert.equal(seen.to.get(after!)!.has(idBefore!), false);
});

Deno.test("With one connection id for all paths a connection still moves", () => {
  const one = { maxConnectionIds: 1 };
  const pair = new Pair({ link: { latencyMs: 10 }, client: one, server: one });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  moveOnPurpose(pair, OTHER_HOST);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  assert.deepEqual(server.remoteAddress, OTHER_HOST);
  assert.equal(client.stats.connectionIdsIssued, 1);
  assert.equal(server.stats.connectionIdsIssued, 1);
});

Deno.test("A hundred moves leave no more ids behind than one connection may have", () => {
  const pair = new Pair({ link: { latencyMs: 1 } });
  const { client, server } = pair.connect();
  for (let i = 1; i <= 100; i++) {
    moveOnPurpose(pair, { hostname: `10.0.6.${i}`, port: 6_000 });
    pair.runFor(50);
  }
  assert.equal(server.stats.moves, 100);
  assert.ok(client.stats.connectionIdChanges >= 100);
  for (const end of [pair.client, pair.server]) {
    const { connectionIdCount } = end.endpoint.stats;
    assert.ok(connectionIdCount <= 12, `${connectionIdCount} ids`);
  }
  client.close(pair.now);
  pair.runFor(20_000);
  for (const end of [pair.client, pair.server]) {
    assert.equal(end.endpoint.stats.connectionIdCount, 0);
  }
});

Deno.test("Another host begins with the window of a new connection, another port does not (RFC 9000 §9.4)", () => {
  for (const address of [OTHER_PORT, OTHER_HOST]) {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const { client, server } = pair.connect();
    const initialBytes = server.stats.congestionWindowBytes;
    const progress = download(pair, server);
    pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 2);
    assert.ok(server.stats.congestionWindowBytes > initialBytes);
    pair.network.rebind(CLIENT_ADDRESS, address);
    client.ping();
    pair.runUntil(() => server.stats.moves === 1);
    assert.equal(
      server.stats.congestionWindowBytes === initialBytes,
      address === OTHER_HOST,
    );
  }
});

Deno.test("What was lost on the path before does not shrink the window of the new one (RFC 9000 §9.4)", () => {
  const pair = new Pair({ link: { latencyMs: 20 } });
  const { server } = pair.connect();
  const initialBytes = server.stats.congestionWindowBytes;
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 2);
  // The path dies with a whole window on it; then the client is elsewhere.
  pair.network.filter = () => false;
  pair.runFor(30);
  pair.network.filter = undefined;
  moveOnPurpose(pair, OTHER_HOST);
  let lowestBytes = Infinity;
  while (progress.receivedBytes < TRANSFER_BYTES) {
    pair.runFor(10);
    if (server.stats.moves === 0) continue;
    lowestBytes = Math.min(lowestBytes, server.stats.congestionWindowBytes);
  }
  assert.ok(server.stats.packetsLost > 0);
  assert.ok(lowestBytes >= initialBytes, `${lowestBytes} of ${initialBytes}`);
});

for (const outcome of ["arrives", "is lost"]) {
  Deno.test(`A probe for larger datagrams that ${outcome} on the path before says nothing about the new one (RFC 9000 §9.4)`, () => {
    for (let waitMs = 0; waitMs < 6; waitMs++) {
      const pair = new Pair({ link: { latencyMs: 2 } });
      // Within one machine far larger ones are tried than beyond it.
      pair.network.rebind(CLIENT_ADDRESS, LOOPBACK);
      const { client, server } = pair.connect();
      const largeSizes: number[] = [];
      pair.network.filter = ({ length }, from) => {
        if (from !== SERVER_ADDRESS || length <= 1_200) return true;
        if (server.stats.moves === 0) return outcome === "arrives";
        largeSizes.push(length);
        return false;
      };
      const progress = download(pair, server);
      pair.runFor(waitMs);
      pair.network.rebind(CLIENT_ADDRESS, OTHER_HOST);
      client.ping();
      pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
      assert.equal(server.stats.moves, 1);
      assert.equal(Math.max(...largeSizes), ETHERNET_IPV4_BYTES);
      const tries = largeSizes.filter((size) => size === ETHERNET_IPV4_BYTES);
      assert.equal(tries.length, MAX_PROBES);
    }
  });
}

Deno.test("A responder that was restarted resets a connection whose client is at another host since (RFC 9000 §10.3)", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 2);
  moveOnPurpose(pair, OTHER_HOST);
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
  pair.server.restart();
  client.sendDatagram(new Uint8Array(100));
  pair.runFor(100);
  assert.equal(client.state, "closed");
  assert.equal(pair.client.closeError(client).code, "CONNECTION_LOST");
});

Deno.test("A new port is proven although what is in flight fills the window (RFC 9000 §8.2.1)", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  const progress = download(pair, server);
  pair.runUntil(() => progress.receivedBytes > TRANSFER_BYTES / 4);
  // Nothing of the server arrives, until its window is full and nothing but
  // probes leaves, seldom.
  pair.network.filter = (_datagram, from) => from.port === CLIENT_ADDRESS.port;
  pair.runFor(7_000);
  assert.ok(server.stats.bytesInFlight >= server.stats.congestionWindowBytes);
  pair.network.filter = undefined;
  pair.network.rebind(CLIENT_ADDRESS, OTHER_PORT);
  client.ping();
  pair.runFor(100);
  assert.deepEqual(server.remoteAddress, OTHER_PORT);
  pair.runFor(300);
  assert.deepEqual(server.remoteAddress, OTHER_PORT, "it was proven");
  pair.runUntil(() => progress.receivedBytes === TRANSFER_BYTES);
});

Deno.test("An acknowledgement that does not fit what may be sent to a new address is cut, and no timer stays in the past", () => {
  for (let paddingBytes = 0; paddingBytes < 20; paddingBytes++) {
    const peer = new HostilePeer();
    const ping = new Uint8Array(2 + paddingBytes);
    ping.set([0x50, 1]);
    const offer = (from: Address, packet: Uint8Array): void => {
      peer.endpoint.handleDatagram(peer.now, from, packet);
      peer.received();
      const next = peer.endpoint.pollTimeout() ?? Infinity;
      assert.ok(next > peer.now, `a timer in the past, ${paddingBytes}`);
    };
    // Every second one is late: an ack of many ranges.
    const late: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      late.push(peer.seal(ping));
      offer(HOSTILE_ADDRESS, peer.seal(ping));
    }
    // The late ones are acknowledged at once, and add nothing to what may be
    // sent to the new address.
    while (late.length > 20) {
      // Another one each time: where it was in vain is not moved to at once.
      offer({ ...ATTACKER, port: late.length }, peer.seal(ping));
      offer(HOSTILE_ADDRESS, late.pop()!);
      offer(HOSTILE_ADDRESS, late.pop()!);
    }
  }
});
