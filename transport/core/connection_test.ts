/**
 * Pair tests: two endpoints on virtual time. No socket, no sleep.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import { CLIENT_ADDRESS, Pair, readAll } from "../../tests/support/pair.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Connection } from "./connection.ts";
import { Endpoint } from "./endpoint.ts";

const text = new TextEncoder();

/** Makes the server echo every stream, with backpressure, and counts what it saw. */
function echo(pair: Pair): void {
  const waiting = new Map<number, Uint8Array>();
  const pump = (connection: Connection, streamId: number): void => {
    for (;;) {
      const rest = waiting.get(streamId) ?? connection.readStream(streamId);
      if (rest === undefined) break;
      const accepted = connection.writeStream(streamId, rest);
      if (accepted < rest.length) {
        waiting.set(streamId, rest.subarray(accepted));
        return;
      }
      waiting.delete(streamId);
    }
    if (connection.streamState(streamId)?.isFinished) {
      connection.finishStream(streamId);
    }
  };
  pair.server.onEvent = (connection, event) => {
    if (event.type === "stream-readable" || event.type === "stream-writable") {
      pump(connection, event.id);
    }
  };
}

/** Sends bytes on a new stream and collects the answer. */
class Exchange {
  readonly id: number;
  readonly received: Uint8Array[] = [];
  isFinished = false;
  #rest: Uint8Array;

  constructor(readonly connection: Connection, payload: Uint8Array) {
    this.id = connection.openStream({ priority: 1 })!;
    this.#rest = payload;
    this.pump();
  }

  pump(): void {
    const { connection, id } = this;
    if (this.#rest.length > 0) {
      this.#rest = this.#rest.subarray(connection.writeStream(id, this.#rest));
      if (this.#rest.length === 0) connection.finishStream(id);
    }
    const bytes = readAll(connection, id);
    if (bytes.length > 0) this.received.push(bytes);
    if (connection.streamState(id)?.isFinished) this.isFinished = true;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.received.flatMap((part) => Array.from(part)));
  }
}

function exchange(
  pair: Pair,
  connection: Connection,
  payload: Uint8Array,
): Exchange {
  const made = new Exchange(connection, payload);
  const previous = pair.client.onEvent;
  pair.client.onEvent = (at, event) => {
    previous?.(at, event);
    if ("id" in event && event.id === made.id && at === connection) made.pump();
  };
  return made;
}

Deno.test("A connection is established with one round trip and three handshake messages (IK)", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const startedAt = pair.now;
  const connection = pair.dial();
  pair.runUntil(() => connection.state === "established");
  assert.equal(pair.now - startedAt, 20);
  assert.deepEqual(
    connection.peerStaticPublicKey,
    pair.server.keyPair.publicKey,
  );
  pair.runUntil(() => pair.server.incoming.length === 1);
  assert.deepEqual(
    pair.server.incoming[0]!.peerStaticPublicKey,
    pair.client.keyPair.publicKey,
  );
});

Deno.test("XX learns the static keys of both ends", () => {
  const pair = new Pair();
  const { client, server } = pair.connect({ remoteStaticPublicKey: null });
  assert.deepEqual(client.peerStaticPublicKey, pair.server.keyPair.publicKey);
  assert.deepEqual(server.peerStaticPublicKey, pair.client.keyPair.publicKey);
});

Deno.test("The first call travels in the same datagram as the finish", () => {
  const pair = new Pair();
  echo(pair);
  const connection = pair.dial();
  let isOpened = false;
  pair.client.onEvent = (_connection, event) => {
    if (event.type !== "established") return;
    const id = connection.openStream({ priority: 1 })!;
    connection.writeStream(id, text.encode("first call"));
    connection.finishStream(id);
  };
  pair.server.onEvent = (_connection, event) => {
    if (event.type === "stream-opened") isOpened = true;
  };
  pair.runUntil(() => isOpened);
  // One hello, then finish and call together.
  assert.equal(pair.client.sentSizes.length, 2);
});

Deno.test("A hello is padded to 1,200 bytes and answered with at most three times its size", () => {
  const pair = new Pair();
  pair.network.filter = (_datagram, from) =>
    from.port !== CLIENT_ADDRESS.port || pair.client.sentSizes.length <= 1;
  pair.dial();
  pair.runFor(200);
  assert.equal(pair.client.sentSizes[0], 1_200);
  const answered = pair.server.sentSizes.reduce((sum, size) => sum + size, 0);
  assert.ok(answered > 0 && answered <= 3 * 1_200, `${answered} bytes`);
});

Deno.test("A lost finish is repeated until the responder has it", () => {
  const pair = new Pair();
  // The hello passes, the next three datagrams of the client do not.
  let sent = 0;
  pair.network.filter = (_datagram, from) =>
    from.port !== CLIENT_ADDRESS.port || ++sent === 1 || sent > 4;
  const connection = pair.dial();
  pair.runUntil(() => pair.server.incoming.length === 1);
  assert.ok(sent > 4);
  assert.equal(connection.state, "established");
});

Deno.test("A wrong key ends as PEER_KEY_MISMATCH, nobody listening as HANDSHAKE_TIMEOUT", () => {
  const pair = new Pair();
  const wrong = pair.dial({
    remoteStaticPublicKey: pair.client.keyPair.publicKey,
  });
  pair.runUntil(() => wrong.state === "closed");
  assert.equal(pair.client.closeError(wrong).code, "PEER_KEY_MISMATCH");
  pair.network.filter = () => false;
  const lonely = pair.dial({ handshakeTimeoutMs: 3_000 });
  const startedAt = pair.now;
  pair.runUntil(() => lonely.state === "closed");
  assert.equal(pair.now - startedAt, 3_000);
  assert.equal(pair.client.closeError(lonely).code, "HANDSHAKE_TIMEOUT");
});

Deno.test("The hello is repeated after pauses that double, and halfway to the end where that comes sooner", () => {
  for (
    const [handshakeTimeoutMs, expectedMs] of [
      [3_000, [0, 250, 750, 1_750, 2_375, 2_687.5]],
      [5_000, [0, 250, 750, 1_750, 3_750, 4_375, 4_687.5]],
      [10_000, [0, 250, 750, 1_750, 3_750, 6_750, 9_750]],
      [400, [0, 250]],
      [200, [0]],
    ] as const
  ) {
    const pair = new Pair();
    const startedAt = pair.now;
    const sentMs: number[] = [];
    pair.network.filter = () => {
      sentMs.push(pair.now - startedAt);
      return false;
    };
    const connection = pair.dial({ handshakeTimeoutMs });
    pair.runUntil(() => connection.state === "closed");
    assert.equal(pair.now - startedAt, handshakeTimeoutMs);
    assert.deepEqual(sentMs, expectedMs);
  }
});

Deno.test("A forged refusal does not stop a genuine answer", () => {
  const pair = new Pair();
  const connection = pair.dial();
  pair.flush();
  connection.handleRefusal();
  pair.runUntil(() => connection.state === "established");
});

Deno.test("Echoes of every size arrive whole", () => {
  const pair = new Pair({ link: { latencyMs: 5 } });
  echo(pair);
  const { client } = pair.connect();
  for (const size of [1, 255, 1_100, 1_200, 4_096, 300_000]) {
    const payload = new Uint8Array(size).map((_, i) => i * 31 + size);
    const made = exchange(pair, client, payload);
    pair.runUntil(() => made.isFinished);
    assert.deepEqual(made.bytes, payload);
  }
  assert.equal(client.stats.packetsLost, 0);
});

Deno.test("Loss, duplication, reordering and flipped bits cost time, never bytes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (seed) => {
      // Seed 1221963441 loses five hellos in a row: more time than ten seconds.
      const handshakeTimeoutMs = 60_000;
      const pair = new Pair({
        seed,
        link: {
          latencyMs: 5,
          jitterMs: 8,
          lossRate: 0.05,
          duplicateRate: 0.05,
          corruptRate: 0.1,
        },
        client: { handshakeTimeoutMs },
        server: { handshakeTimeoutMs },
      });
      echo(pair);
      const { client } = pair.connect();
      const random = new SeededRandom(seed);
      const exchanges = Array.from({ length: 8 }, () => {
        const payload = new Uint8Array(1 + random.nextInteger(60_000));
        random.fillPublic(payload);
        return { payload, made: exchange(pair, client, payload) };
      });
      pair.runUntil(
        () => exchanges.every(({ made }) => made.isFinished),
        120_000,
      );
      for (const { payload, made } of exchanges) {
        assert.deepEqual(made.bytes, payload);
      }
      assert.equal(client.state, "established");
    }),
    { numRuns: 12, examples: [[1_221_963_441]] },
  );
});

Deno.test("No plaintext is visible on the wire", () => {
  const pair = new Pair();
  echo(pair);
  const marker = text.encode("very secret marker");
  let seen = 0;
  pair.network.filter = (datagram) => {
    if (new TextDecoder("latin1").decode(datagram).includes("very secret")) {
      seen++;
    }
    return true;
  };
  const { client } = pair.connect();
  const made = exchange(pair, client, marker);
  pair.runUntil(() => made.isFinished);
  assert.deepEqual(made.bytes, marker);
  assert.equal(seen, 0);
});

Deno.test("A replayed datagram is dropped and counted", () => {
  const pair = new Pair();
  echo(pair);
  const { client } = pair.connect();
  const recorded: Uint8Array[] = [];
  pair.network.filter = (datagram, from) => {
    if (from.port === CLIENT_ADDRESS.port) recorded.push(datagram.slice());
    return true;
  };
  const made = exchange(pair, client, text.encode("once"));
  pair.runUntil(() => made.isFinished);
  // What is still on its way would not be a replay.
  pair.runFor(100);
  const before = pair.server.events.length;
  for (const datagram of recorded) {
    pair.server.endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, datagram);
  }
  pair.flush();
  assert.equal(pair.server.events.length, before);
  assert.equal(pair.server.endpoint.stats.drops.replayed, recorded.length);
});

Deno.test("Garbage is dropped without an answer, an exception or a connection", () => {
  const pair = new Pair();
  const { client } = pair.connect();
  const random = new SeededRandom(3);
  const sentBefore = pair.server.sentSizes.length;
  for (let i = 0; i < 5_000; i++) {
    const datagram = new Uint8Array(random.nextInteger(1_400));
    random.fillPublic(datagram);
    if (i % 3 === 0) datagram.fill(0, 0, Math.min(8, datagram.length));
    pair.server.endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, datagram);
  }
  pair.flush();
  assert.equal(pair.server.sentSizes.length, sentBefore);
  assert.equal(pair.server.endpoint.stats.connectionCount, 1);
  assert.equal(client.state, "established");
});

Deno.test("An unknown version gets a version negotiation, smaller than the hello", () => {
  const pair = new Pair();
  let hello: Uint8Array | undefined;
  pair.network.filter = (datagram) => {
    hello ??= datagram.slice();
    return false;
  };
  pair.dial();
  pair.flush();
  hello![33] = 99;
  pair.server.endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, hello!);
  pair.flush();
  assert.equal(pair.server.sentSizes.length, 1);
  assert.ok(pair.server.sentSizes[0]! < 100);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
});

Deno.test("A polite close reaches the peer with its code and reason, after the data", () => {
  const pair = new Pair();
  const { client, server } = pair.connect();
  client.close(pair.now, 0x101, "done here");
  pair.runUntil(() => server.state === "closed" && client.state === "closed");
  const error = pair.server.closeError(server) as Error & {
    code: string;
    closeCode?: number;
  };
  assert.equal(error.code, "CLOSED_BY_PEER");
  assert.equal(error.closeCode, 0x101);
  assert.match(error.message, /done here/);
  assert.equal(pair.client.closeError(client).code, "CLOSED");
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  assert.equal(pair.client.endpoint.stats.connectionCount, 0);
});

Deno.test("A silent peer is lost after the idle timeout", () => {
  const pair = new Pair({ client: { idleTimeoutMs: 1_000 } });
  const { client } = pair.connect();
  pair.network.filter = () => false;
  const startedAt = pair.now;
  pair.runUntil(() => client.state === "closed");
  assert.equal(pair.client.closeError(client).code, "CONNECTION_LOST");
  assert.ok(pair.now - startedAt < 2_500, `${pair.now - startedAt} ms`);
});

Deno.test("Keep-alive holds an idle connection open for an hour", () => {
  const pair = new Pair();
  const { client, server } = pair.connect();
  pair.runFor(3_600_000);
  assert.equal(client.state, "established");
  assert.equal(server.state, "established");
});

Deno.test("Without keep-alive an idle connection ends on both sides", () => {
  const pair = new Pair({
    client: { keepAliveIntervalMs: 0 },
    server: { keepAliveIntervalMs: 0 },
  });
  const { client, server } = pair.connect();
  pair.runFor(60_000);
  assert.equal(client.state, "closed");
  assert.equal(server.state, "closed");
});

Deno.test("A ping is answered at once and measures the round trip", () => {
  const pair = new Pair({ link: { latencyMs: 15 } });
  const { client } = pair.connect();
  pair.runFor(100);
  client.ping();
  pair.runFor(40);
  const pong = pair.client.events.find((entry) => entry.event.type === "pong");
  assert.ok(pong !== undefined && pong.event.type === "pong");
  assert.equal(pong.event.rttMs, 30);
});

Deno.test("A ping is answered by its own acknowledgement alone", () => {
  const pair = new Pair({ link: { latencyMs: 15 } });
  const { client } = pair.connect();
  pair.runUntil(() => client.state === "established");
  // The ping that confirms the handshake is under way.
  pair.runFor(1);
  client.ping();
  const askedAt = pair.now;
  const pongs = () =>
    pair.client.events.filter((entry) => entry.event.type === "pong");
  pair.runUntil(() => pongs().length > 0);
  assert.ok(pair.now - askedAt >= 30, `${pair.now - askedAt} ms`);
  pair.runFor(1_000);
  assert.equal(pongs().length, 1);
});

for (
  const [name, dropped] of [
    ["packet", 1],
    ["packet and the first of its two probes", 2],
  ] as const
) {
  Deno.test(`A lone lost ${name} is repaired by one probe timeout, with its data (RFC 9002 §6.2.4)`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    echo(pair);
    const { client } = pair.connect();
    const warm = exchange(pair, client, text.encode("warm up"));
    pair.runUntil(() => warm.isFinished);
    pair.runFor(500);
    const before = client.stats.probeTimeouts;
    let sentCount = 0;
    pair.network.filter = (_datagram, from) =>
      from.port !== CLIENT_ADDRESS.port || ++sentCount > dropped;
    const startedAt = pair.now;
    const made = exchange(pair, client, text.encode("lost once"));
    pair.runUntil(() => made.isFinished);
    assert.equal(client.stats.probeTimeouts, before + 1);
    assert.ok(pair.now - startedAt < 150, `${pair.now - startedAt} ms`);
  });
}

Deno.test("Datagram frames arrive at most once and are never repeated", () => {
  const pair = new Pair({ link: { latencyMs: 5 } });
  const { client } = pair.connect();
  client.sendDatagram(text.encode("one"));
  pair.runFor(50);
  pair.network.filter = (_datagram, from) => from.port !== CLIENT_ADDRESS.port;
  client.sendDatagram(text.encode("lost"));
  pair.runFor(5);
  pair.network.filter = undefined;
  pair.runFor(2_000);
  const received = pair.server.events.flatMap(({ event }) =>
    event.type === "datagram-received"
      ? [new TextDecoder().decode(event.data)]
      : []
  );
  assert.deepEqual(received, ["one"]);
  assert.throws(() => client.sendDatagram(new Uint8Array(2_000)), {
    code: "DATAGRAM_TOO_LARGE",
  });
});

Deno.test("Datagrams are copied when they are sent, also where they are a Buffer", () => {
  const pair = new Pair({ link: { latencyMs: 5 } });
  const { client } = pair.connect();
  const data = Buffer.from("one");
  client.sendDatagram(data);
  data.fill(0);
  pair.runFor(50);
  const received = pair.server.events.flatMap(({ event }) =>
    event.type === "datagram-received" ? [event.data] : []
  );
  assert.deepEqual(received, [text.encode("one")]);
});

Deno.test("A reader that does not read holds back the sender, and memory stays bounded", () => {
  const pair = new Pair({ server: { maxStreamDataBytes: 64 * 1024 } });
  const { client, server } = pair.connect();
  const id = client.openStream({ priority: 1 })!;
  let accepted = 0;
  for (let i = 0; i < 200; i++) {
    accepted += client.writeStream(id, new Uint8Array(16 * 1024));
    pair.runFor(20);
  }
  // Send buffer and window are full: 1 MiB here, 64 KiB there.
  assert.ok(accepted <= (1_024 + 64) * 1024, `${accepted} bytes`);
  const received = readAll(server, id).length;
  assert.equal(received, 64 * 1024);
  pair.runFor(500);
  assert.ok(client.writeStream(id, new Uint8Array(16 * 1024)) > 0);
});

Deno.test("The congestion window bounds what is in flight", () => {
  const pair = new Pair({ link: { latencyMs: 50 } });
  const { client } = pair.connect();
  const id = client.openStream({ priority: 2 })!;
  client.writeStream(id, new Uint8Array(512 * 1024));
  for (let i = 0; i < 400; i++) {
    pair.runFor(1);
    const { bytesInFlight, congestionWindowBytes } = client.stats;
    assert.ok(
      bytesInFlight <= congestionWindowBytes,
      `${bytesInFlight} > ${congestionWindowBytes}`,
    );
  }
});

Deno.test("A responder that reached its half-open limit drops further hellos", () => {
  const pair = new Pair({ server: { maxHalfOpen: 2, retryThreshold: 2 } });
  pair.network.filter = (_datagram, from) => from.port === CLIENT_ADDRESS.port;
  for (let i = 0; i < 5; i++) pair.dial();
  pair.runFor(100);
  assert.equal(pair.server.endpoint.stats.halfOpenCount, 2);
  assert.ok(pair.server.endpoint.stats.drops["half-open-limit"]! >= 3);
  pair.runFor(30_000);
  assert.equal(pair.server.endpoint.stats.halfOpenCount, 0);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
});

Deno.test("Keep-alive follows the shorter idle timeout of both ends", () => {
  const pair = new Pair({
    server: { idleTimeoutMs: 2_000, keepAliveIntervalMs: 0 },
  });
  const { client, server } = pair.connect();
  pair.runFor(20_000);
  assert.equal(client.state, "established");
  assert.equal(server.state, "established");
});

Deno.test("Connection refuses codes that cannot travel", () => {
  const pair = new Pair();
  const { client, server } = pair.connect();
  const id = client.openStream({ priority: 1 })!;
  for (const code of [-1, 0.5, NaN, 2 ** 53]) {
    const refused = { code: "INVALID_VALUE", fault: "caller" };
    assert.throws(() => client.resetStream(id, code), refused);
    assert.throws(() => client.stopSending(id, code), refused);
    assert.throws(() => client.close(pair.now, code), refused);
  }
  client.resetStream(id, Number.MAX_SAFE_INTEGER);
  pair.runFor(100);
  assert.equal(server.streamState(id)?.resetCode, Number.MAX_SAFE_INTEGER);
});

Deno.test("Endpoint.pollTransmit() lets datagrams leave together, but not those of a handshake", () => {
  const pair = new Pair();
  const { endpoint } = pair.client;
  const pollTransmit = endpoint.pollTransmit.bind(endpoint);
  const separate: boolean[] = [];
  endpoint.pollTransmit = (now, into) => {
    const transmit = pollTransmit(now, into);
    if (transmit !== undefined) separate.push(transmit.isSeparate);
    return transmit;
  };
  const { client } = pair.connect();
  assert.equal(separate.shift(), true);
  separate.length = 0;
  const id = client.openStream({ priority: 1 })!;
  client.writeStream(id, new Uint8Array(5_000));
  pair.runFor(100);
  assert.ok(separate.length >= 4);
  assert.ok(separate.every((isSeparate) => !isSeparate));
});

Deno.test("Endpoint.close() ends a connection in the middle of its handshake on both ends", () => {
  const random = new SeededRandom(71);
  const keyPair = generateKeyPair(random);
  const server = new Endpoint({ keyPair }, random);
  const client = new Endpoint({ keyPair: generateKeyPair(random) }, random);
  const address = { hostname: "10.0.0.2", port: 9 };
  const buffer = new Uint8Array(65_535);
  client.connect(0, address, { remoteStaticPublicKey: keyPair.publicKey });
  const { length } = client.pollTransmit(0, buffer)!;
  server.handleDatagram(0, address, buffer.slice(0, length));
  assert.equal(server.stats.halfOpenCount, 1);
  for (const endpoint of [server, client]) {
    endpoint.close(1);
    // The responder has the keys for a last word, the initiator has none.
    const last = endpoint.pollTransmit(1, buffer);
    assert.equal(last !== undefined, endpoint === server);
    assert.equal(endpoint.pollTransmit(1, buffer), undefined);
    for (let now = 1; endpoint.stats.connectionCount > 0;) {
      while (endpoint.pollEvent() !== undefined);
      now = endpoint.pollTimeout() ?? now;
      assert.ok(now < 20_000, `${now} ms`);
      endpoint.handleTimeout(now);
    }
  }
});

Deno.test("A responder that closes in the midst of a handshake says so, before the address is proven (RFC 9000 §10.2.3)", () => {
  const pair = new Pair();
  const client = pair.dial();
  pair.runUntil(() => pair.server.endpoint.stats.halfOpenCount === 1);
  pair.server.endpoint.close(pair.now, 7, "restarting");
  pair.runFor(1_000);
  const error = pair.client.closeError(client);
  assert.equal(error.code, "CLOSED_BY_PEER");
  assert.match(error.message, /code 7: restarting/);
  // Nobody at the responder hears of a connection that never was one.
  assert.equal(pair.server.incoming.length, 0);
  const sentBytes = pair.server.endpoint.stats.bytesSent;
  assert.ok(sentBytes <= 3 * pair.server.endpoint.stats.bytesReceived);
  pair.runFor(20_000);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  assert.equal(pair.client.endpoint.stats.connectionCount, 0);
});

Deno.test("A responder that closes before it has the keys is silent (Noise XX)", () => {
  const pair = new Pair();
  pair.dial({ remoteStaticPublicKey: null });
  pair.runUntil(() => pair.server.endpoint.stats.halfOpenCount === 1);
  pair.flush();
  const { datagramsSent } = pair.server.endpoint.stats;
  pair.server.endpoint.close(pair.now);
  pair.flush();
  assert.equal(pair.server.endpoint.stats.datagramsSent, datagramsSent);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
});
