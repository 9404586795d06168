/**
 * The stateless retry, between real endpoints and under a flood.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { drain } from "../../tests/support/drain.ts";
import { CLIENT_ADDRESS, Pair, readAll } from "../../tests/support/pair.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Address } from "./address.ts";
import { MAX_RETRIES_FOLLOWED } from "./config.ts";
import { Endpoint } from "./endpoint.ts";
import {
  decodeInitiatorHello,
  decodeRetry,
  encodeInitiatorHello,
  encodeRetry,
  HandshakeKind,
  HandshakePatternCode,
  helloMacKey,
  MAX_COOKIE_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const MAC_KEY = new Uint8Array(32).fill(3);

/** A hello whose first Noise message begins with this key; XX, nothing sealed. */
function helloOf(index: number, ephemeral: Uint8Array): Uint8Array {
  const noise = new Uint8Array(32 + 3);
  noise.set(ephemeral);
  noise.set([6, 1, 63], 32);
  return encodeInitiatorHello({
    version: 1,
    connectionId: Uint8Array.of(index, index >>> 8, 1, 1, 1, 1, 1, 0),
    pattern: HandshakePatternCode.XX,
    suites: Uint8Array.of(1),
    cookie: new Uint8Array(0),
    noise,
  }, helloMacKey());
}

function isRetry(packet: Uint8Array): boolean {
  return packet[PACKET_HEADER_LENGTH] === HandshakeKind.RETRY;
}

Deno.test("decodeRetry() is the inverse of encodeRetry() for every cookie that fits", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: MAX_COOKIE_LENGTH }),
      (cookie) => {
        const packet = encodeRetry(ID, cookie, MAC_KEY);
        assert.equal(packet.length, 32 + 3 + cookie.length + 16);
        assert.deepEqual(decodeRetry(packet), cookie);
        for (let length = 32; length < packet.length; length++) {
          assert.equal(decodeRetry(packet.subarray(0, length)), undefined);
        }
      },
    ),
  );
});

Deno.test("decodeRetry() refuses no cookie, one too long, other kinds, and never throws", () => {
  for (const length of [0, MAX_COOKIE_LENGTH + 1]) {
    const packet = encodeRetry(ID, new Uint8Array(length), MAC_KEY);
    assert.equal(decodeRetry(packet), undefined);
  }
  const packet = encodeRetry(ID, Uint8Array.of(1), MAC_KEY);
  packet[PACKET_HEADER_LENGTH] = HandshakeKind.RESPONDER_HELLO;
  assert.equal(decodeRetry(packet), undefined);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    decodeRetry(bytes);
  }));
});

for (const pattern of ["IK", "XX"] as const) {
  Deno.test(`${pattern}: a responder that always asks gets the same hello with a cookie (RFC 9000 §8.1.2)`, () => {
    const pair = new Pair({
      server: { retryThreshold: 0 },
      link: { latencyMs: 20 },
    });
    const hellos: Uint8Array[] = [];
    pair.network.filter = (datagram) => {
      const hello = decodeInitiatorHello(datagram);
      if (hello !== undefined) hellos.push(datagram.slice());
      return true;
    };
    const from = pair.now;
    const { client, server } = pair.connect(
      pattern === "IK" ? {} : { remoteStaticPublicKey: null },
    );
    assert.equal(pair.now - from, 100, "one round trip more than without");
    const [first, second] = hellos.map((each) => decodeInitiatorHello(each)!);
    assert.equal(hellos.length, 2);
    assert.equal(first!.cookie.length, 0);
    assert.ok(second!.cookie.length > 0);
    assert.deepEqual({ ...second, cookie: first!.cookie }, first);
    assert.equal(hellos[1]!.length, 1_200);
    const { stats } = pair.server.endpoint;
    assert.equal(stats.retriesSent, 1);
    assert.deepEqual(stats.drops, { "retry-required": 1 });
    const id = client.openStream({ priority: 1 })!;
    client.writeStream(id, Uint8Array.of(1, 2, 3));
    pair.runFor(100);
    assert.deepEqual(readAll(server, id), Uint8Array.of(1, 2, 3));
  });
}

Deno.test("A handshake with retries completes over a network that loses, repeats and reorders", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pair = new Pair({
      seed,
      server: { retryThreshold: 0 },
      link: { latencyMs: 30, jitterMs: 40, lossRate: 0.2, duplicateRate: 0.3 },
    });
    pair.connect();
    assert.equal(pair.server.incoming.length, 1, `seed ${seed}`);
  }
});

Deno.test("A hello that is repeated until its retry arrives opens one connection", () => {
  // 2 s of latency: the hello leaves four times before the first retry arrives.
  const pair = new Pair({
    server: { retryThreshold: 0 },
    client: { handshakeTimeoutMs: 30_000 },
    link: { latencyMs: 2_000 },
  });
  pair.connect();
  pair.runFor(3_000);
  assert.equal(pair.server.incoming.length, 1);
  assert.equal(pair.server.endpoint.stats.connectionCount, 1);
});

Deno.test("An initiator follows a bounded number of retries, and none that was made without its hello", () => {
  const random = new SeededRandom(5);
  const client = new Endpoint({ keyPair: generateKeyPair(random) }, random);
  client.connect(1_000, CLIENT_ADDRESS);
  const { packet } = drain(client, 1_000)[0]!;
  const { connectionId, noise } = decodeInitiatorHello(packet)!;
  const macKey = responseMacKey(connectionId, noise.subarray(0, 32));
  const receive = (cookie: number, key: Uint8Array): number => {
    const retry = encodeRetry(connectionId, Uint8Array.of(cookie), key);
    client.handleDatagram(1_010, CLIENT_ADDRESS, retry);
    return drain(client, 1_010).length;
  };
  assert.equal(receive(1, MAC_KEY), 0);
  assert.deepEqual(client.stats.drops, { "bad-mac": 1 });
  for (let i = 0; i < MAX_RETRIES_FOLLOWED; i++) {
    assert.equal(receive(i, macKey), 1);
  }
  assert.equal(receive(9, macKey), 0);
  assert.equal(receive(10, macKey), 0);
  assert.deepEqual(client.stats.drops, {
    "bad-mac": 1,
    "duplicate-handshake": 2,
  });
});

Deno.test("A cookie is refused from another address, at another time, and the second time", () => {
  const random = new SeededRandom(6);
  const server = new Endpoint(
    { keyPair: generateKeyPair(random), retryThreshold: 0 },
    random,
  );
  const client = new Endpoint({ keyPair: generateKeyPair(random) }, random);
  client.connect(1_000, CLIENT_ADDRESS);
  const [first] = drain(client, 1_000);
  server.handleDatagram(1_000, CLIENT_ADDRESS, first!.packet);
  const [retry] = drain(server, 1_000);
  client.handleDatagram(1_000, CLIENT_ADDRESS, retry!.packet);
  const [second] = drain(client, 1_000);

  const elsewhere = { ...CLIENT_ADDRESS, hostname: "10.9.9.9" };
  server.handleDatagram(1_100, elsewhere, second!.packet);
  assert.equal(server.stats.halfOpenCount, 0);
  server.handleDatagram(11_001, CLIENT_ADDRESS, second!.packet);
  assert.equal(server.stats.halfOpenCount, 0);
  assert.equal(server.stats.drops["bad-cookie"], 2);
  // Each gets a new one.
  assert.ok(drain(server, 11_001).every((each) => isRetry(each.packet)));

  client.handleDatagram(11_001, CLIENT_ADDRESS, retry!.packet);
  server.handleDatagram(11_001, CLIENT_ADDRESS, first!.packet);
  client.handleDatagram(
    11_001,
    CLIENT_ADDRESS,
    drain(server, 11_001)[0]!.packet,
  );
  const third = drain(client, 11_001).at(-1)!;
  server.handleDatagram(11_001, CLIENT_ADDRESS, third.packet);
  assert.equal(server.stats.halfOpenCount, 1);
  // The same handshake again, once the first attempt was given up.
  server.handleTimeout(21_001);
  while (server.pollEvent() !== undefined);
  assert.equal(server.stats.connectionCount, 0);
  server.handleDatagram(21_001, CLIENT_ADDRESS, third.packet);
  assert.equal(server.stats.connectionCount, 0);
  assert.equal(server.stats.drops["bad-cookie"], 3);
});

Deno.test("Above its share an address needs a cookie, and others do not", () => {
  const random = new SeededRandom(7);
  const server = new Endpoint(
    { keyPair: generateKeyPair(random), maxHalfOpenPerAddress: 3 },
    random,
  );
  const ephemeral = generateKeyPair(random).publicKey;
  const send = (index: number, hostname: string): void =>
    server.handleDatagram(
      1_000,
      { hostname, port: 1_000 + index },
      helloOf(index, ephemeral),
    );
  for (let index = 0; index < 5; index++) send(index, "10.0.0.1");
  assert.equal(server.stats.halfOpenCount, 3);
  assert.equal(server.stats.drops["retry-required"], 2);
  send(5, "10.0.0.2");
  assert.equal(server.stats.halfOpenCount, 4);
  server.handleTimeout(11_000);
  while (server.pollEvent() !== undefined);
  assert.equal(server.stats.halfOpenCount, 0);
  send(6, "10.0.0.1");
  assert.equal(server.stats.halfOpenCount, 1);
});

Deno.test("An address that answers every retry holds an eighth of the half-open handshakes, and others get in", () => {
  const random = new SeededRandom(10);
  const keyPair = generateKeyPair(random);
  const server = new Endpoint(
    { keyPair, maxHalfOpen: 80, maxHalfOpenPerAddress: 3 },
    random,
  );
  const client = new Endpoint({ keyPair: generateKeyPair(random) }, random);
  const connect = (from: Address): void => {
    const to = { hostname: "10.0.0.2", port: 9 };
    client.connect(1_000, to);
    for (let round = 0; round < 2; round++) {
      for (const { packet } of drain(client, 1_000)) {
        server.handleDatagram(1_000, from, packet);
      }
      for (const { packet } of drain(server, 1_000)) {
        if (isRetry(packet)) client.handleDatagram(1_000, to, packet);
      }
    }
  };
  for (let port = 1; port <= 30; port++) {
    connect({ hostname: "10.0.0.9", port });
  }
  assert.equal(server.stats.halfOpenCount, 10);
  assert.ok(server.stats.drops["half-open-limit"]! >= 20);
  connect({ hostname: "10.0.0.8", port: 1 });
  assert.equal(server.stats.halfOpenCount, 11);
});

Deno.test("Hellos of noise behind a right MAC cost as few handshakes as perfect ones, and are forgotten in time", () => {
  const random = new SeededRandom(9);
  const keyPair = generateKeyPair(random);
  const server = new Endpoint({ keyPair, maxHalfOpen: 64 }, random);
  const ephemeral = generateKeyPair(random).publicKey;
  const noise = new Uint8Array(32 + 48 + 64);
  noise.set(ephemeral);
  let index = 0;
  const send = (now: number): void => {
    const hello = encodeInitiatorHello({
      version: 1,
      connectionId: Uint8Array.of(++index, index >>> 8, 1, 1, 1, 1, 1, 0),
      pattern: HandshakePatternCode.IK,
      suites: Uint8Array.of(1),
      cookie: new Uint8Array(0),
      noise,
    }, helloMacKey(keyPair.publicKey));
    const hostname = `10.${index >>> 8}.${index & 255}.1`;
    server.handleDatagram(now, { hostname, port: 4_000 }, hello);
    drain(server, now);
  };
  for (let i = 0; i < 500; i++) send(1_000);
  assert.equal(server.stats.halfOpenCount, 0);
  assert.deepEqual(server.stats.drops, {
    "handshake-failed": 2,
    "retry-required": 498,
  });
  send(10_999);
  assert.equal(server.stats.drops["handshake-failed"], 2);
  for (let i = 0; i < 500; i++) send(11_000);
  assert.equal(server.stats.drops["handshake-failed"], 4);
});

Deno.test("10,000 forged hellos cost 31 handshakes and bounded answers, and a genuine initiator connects", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { endpoint } = pair.server;
  const ephemeral = generateKeyPair(new SeededRandom(8)).publicKey;
  // The point of small order fails in the Diffie-Hellman: it would be counted.
  const smallOrder = new Uint8Array(32);
  const threshold = 31;
  const sentTo = new Map<string, number>();
  const flood = (from: number, to: number): void => {
    for (let index = from; index < to; index++) {
      const address = {
        hostname: `10.${index >>> 8}.${index & 255}.1`,
        port: 4_000,
      };
      const key = index < threshold ? ephemeral : smallOrder;
      endpoint.handleDatagram(pair.now, address, helloOf(index, key));
      for (const { to, packet } of drain(endpoint, pair.now)) {
        sentTo.set(to.hostname, (sentTo.get(to.hostname) ?? 0) + packet.length);
        assert.ok(packet.length < 1_200);
      }
    }
  };
  flood(0, 5_000);
  const { client } = pair.connect();
  assert.equal(client.state, "established");
  flood(5_000, 10_000);
  const { stats } = endpoint;
  assert.equal(stats.halfOpenCount, threshold);
  assert.equal(stats.connectionCount, threshold + 1);
  assert.equal(stats.drops["handshake-failed"], undefined);
  assert.equal(stats.drops["retry-required"], 10_000 - threshold + 1);
  for (const bytes of sentTo.values()) assert.ok(bytes <= 3 * 1_200);
  pair.runFor(11_000);
  assert.equal(endpoint.stats.halfOpenCount, 0);
  assert.equal(client.state, "established");
});
