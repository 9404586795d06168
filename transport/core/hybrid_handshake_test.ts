/**
 * The hybrid suite, X25519 and ML-KEM-768, between real endpoints on virtual
 * time: what it takes, what it costs before an address is proven, and what
 * somebody on the way can make of it.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { drain } from "../../tests/support/drain.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  type PairOptions,
  readAll,
} from "../../tests/support/pair.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import { Endpoint } from "./endpoint.ts";
import {
  decodeInitiatorHello,
  encodeInitiatorHello,
  HandshakeKind,
  helloMacKey,
} from "./handshake_packet.ts";
import { decodeHelloRest, encodeHelloRest } from "./split_message.ts";
import type { Suite } from "./suite.ts";

const HYBRID: Suite = "x25519-mlkem768-chacha20-poly1305";
const CHACHA: Suite = "chacha20-poly1305";
const both: PairOptions = {
  client: { suites: [HYBRID] },
  server: { suites: [HYBRID] },
};

function kindOf(datagram: Uint8Array): number {
  return datagram[PACKET_HEADER_LENGTH]!;
}

function isFromClient(address: Address): boolean {
  return address.hostname === CLIENT_ADDRESS.hostname;
}

/** Sends bytes there and back on one stream. */
function echo(pair: Pair, client: Connection, server: Connection): void {
  const bytes = new Uint8Array(20_000).fill(7);
  const id = client.openStream({ priority: 1 })!;
  client.writeStream(id, bytes);
  let returned = 0;
  pair.runUntil(() => {
    const part = readAll(server, id);
    if (part.length > 0) server.writeStream(id, part);
    returned += readAll(client, id).length;
    return returned === bytes.length;
  });
}

for (const pattern of ["IK", "XX"] as const) {
  const options: { remoteStaticPublicKey?: null } = pattern === "IK"
    ? {}
    : { remoteStaticPublicKey: null };

  Deno.test(`${pattern}: the hybrid suite takes one round trip more, and no datagram above 1,200 bytes`, () => {
    const pair = new Pair({ ...both, link: { latencyMs: 20 } });
    const kinds: { kind: number; length: number; isClient: boolean }[] = [];
    pair.network.filter = (datagram, from) => {
      kinds.push({
        kind: kindOf(datagram),
        length: datagram.length,
        isClient: isFromClient(from),
      });
      return true;
    };
    const from = pair.now;
    const { client, server } = pair.connect(options);
    assert.equal(client.suite, HYBRID);
    assert.equal(server.suite, HYBRID);
    assert.equal(pair.now - from, 100);
    assert.deepEqual(
      kinds.slice(0, 6).map(({ kind, isClient }) => [kind, isClient]),
      [
        [HandshakeKind.INITIATOR_HELLO, true],
        [HandshakeKind.RETRY, false],
        [HandshakeKind.INITIATOR_HELLO, true],
        [HandshakeKind.HELLO_REST, true],
        [HandshakeKind.RESPONDER_HELLO, false],
        [HandshakeKind.ANSWER_REST, false],
      ],
    );
    assert.deepEqual(
      kinds.filter(({ isClient }) => isClient).slice(0, 3)
        .map(({ length }) => length),
      [1_200, 1_200, 1_200],
    );
    for (const { length } of kinds) assert.ok(length <= 1_200, `${length}`);
    assert.deepEqual(client.peerStaticPublicKey, pair.server.keyPair.publicKey);
    assert.deepEqual(server.peerStaticPublicKey, pair.client.keyPair.publicKey);
    echo(pair, client, server);
  });

  Deno.test(`${pattern}: a hybrid handshake completes over a network that loses, repeats, reorders and damages`, () => {
    for (let seed = 1; seed <= 25; seed++) {
      const pair: Pair = new Pair({
        seed,
        client: { suites: [HYBRID], handshakeTimeoutMs: 60_000 },
        server: { suites: [HYBRID], handshakeTimeoutMs: 60_000 },
        link: {
          latencyMs: 30,
          jitterMs: 40,
          lossRate: 0.2,
          duplicateRate: 0.2,
          corruptRate: 0.05,
        },
      });
      const { client, server } = pair.connect(options);
      assert.equal(client.suite, HYBRID);
      pair.runUntil(() => server.state === "established");
      assert.equal(pair.server.incoming.length, 1, `seed ${seed}`);
      echo(pair, client, server);
    }
  });
}

Deno.test("Only who opted in at both ends gets the hybrid suite; others agree on another, or hear why not", () => {
  const meet = (
    client: readonly Suite[] | undefined,
    server: readonly Suite[] | undefined,
  ): Suite | Error => {
    const pair = new Pair({
      client: client === undefined ? {} : { suites: client },
      server: server === undefined ? {} : { suites: server },
    });
    const connection = pair.dial();
    pair.runUntil(() => connection.state !== "handshaking");
    return connection.suite ?? pair.client.closeError(connection);
  };
  assert.equal(meet([HYBRID, CHACHA], [HYBRID, CHACHA]), HYBRID);
  assert.equal(meet([CHACHA, HYBRID], [HYBRID, CHACHA]), HYBRID);
  assert.equal(meet([HYBRID, CHACHA], undefined), CHACHA);
  assert.equal(meet(undefined, [HYBRID, CHACHA]), CHACHA);
  for (
    const [client, server] of [[[HYBRID], undefined], [undefined, [HYBRID]]]
  ) {
    const error = meet(
      client as Suite[] | undefined,
      server as Suite[] | undefined,
    );
    assert.ok(error instanceof Error);
    assert.equal((error as Error & { code: string }).code, "HANDSHAKE_FAILED");
    assert.match(error.message, /no suite in common/);
    assert.match(error.message, /x25519-mlkem768-chacha20-poly1305/);
  }
});

Deno.test("A hybrid connection gives no tickets: each has a KEM of its own", () => {
  const pair = new Pair(both);
  pair.connect();
  pair.runFor(1_000);
  assert.equal(pair.server.endpoint.stats.tickets.issued, 0);
  assert.equal(pair.client.endpoint.stats.tickets.stored, 0);
});

// ── What strangers get for what they send ────────────────────────────────────

/** Two endpoints without a network, for packets handed over one by one. */
function strangers(
  server: Partial<ConstructorParameters<typeof Endpoint>[0]> = {},
): { client: Endpoint; server: Endpoint; key: Uint8Array } {
  const random = new SeededRandom(11);
  const keyPair = generateKeyPair(random);
  return {
    key: keyPair.publicKey,
    server: new Endpoint({ suites: [HYBRID], ...server, keyPair }, random),
    client: new Endpoint(
      { suites: [HYBRID], keyPair: generateKeyPair(random) },
      random,
    ),
  };
}

/** Starts a handshake and follows the retry; gives both datagrams of the hello. */
function helloWithCookie(
  { client, server, key }: ReturnType<typeof strangers>,
  now: number,
): [Uint8Array, Uint8Array] {
  client.connect(now, CLIENT_ADDRESS, { remoteStaticPublicKey: key });
  const [bare, ...others] = drain(client, now);
  assert.equal(others.length, 0, "without a cookie, one datagram");
  server.handleDatagram(now, CLIENT_ADDRESS, bare!.packet);
  const [retry] = drain(server, now);
  assert.equal(kindOf(retry!.packet), HandshakeKind.RETRY);
  client.handleDatagram(now, CLIENT_ADDRESS, retry!.packet);
  const [first, rest] = drain(client, now);
  return [first!.packet, rest!.packet];
}

Deno.test("Before a cookie, hybrid hellos leave no state and get answers far smaller than themselves, however few are half open", () => {
  const { client, server, key } = strangers({ retryThreshold: 1_000 });
  for (let port = 1; port <= 200; port++) {
    client.connect(1_000, CLIENT_ADDRESS, { remoteStaticPublicKey: key });
    const [hello] = drain(client, 1_000);
    server.handleDatagram(1_000, { ...CLIENT_ADDRESS, port }, hello!.packet);
    const [answer, ...more] = drain(server, 1_000);
    assert.equal(more.length, 0);
    assert.equal(kindOf(answer!.packet), HandshakeKind.RETRY);
    assert.ok(answer!.packet.length < 100);
  }
  const { stats } = server;
  assert.equal(stats.halfOpenCount, 0);
  assert.equal(stats.connectionCount, 0);
  assert.deepEqual(stats.drops, { "retry-required": 200 });
});

Deno.test("The second packet without the first is dropped, with no answer", () => {
  const ends = strangers();
  const [, rest] = helloWithCookie(ends, 1_000);
  ends.server.handleDatagram(1_000, CLIENT_ADDRESS, rest);
  assert.equal(drain(ends.server, 1_000).length, 0);
  assert.equal(ends.server.stats.drops["rest-without-hello"], 1);
});

Deno.test("The first packet with a cookie is remembered, and nothing is computed or answered before the second", () => {
  const ends = strangers();
  const { server } = ends;
  const [first, rest] = helloWithCookie(ends, 1_000);
  for (let copy = 0; copy < 3; copy++) {
    server.handleDatagram(1_000, CLIENT_ADDRESS, first);
  }
  assert.equal(drain(server, 1_000).length, 0);
  assert.equal(server.stats.connectionCount, 0);
  // From elsewhere, the second packet is nobody's.
  const elsewhere = { ...CLIENT_ADDRESS, port: 9 };
  server.handleDatagram(1_000, elsewhere, rest);
  assert.equal(server.stats.connectionCount, 0);
  server.handleDatagram(1_000, CLIENT_ADDRESS, rest);
  assert.equal(server.stats.connectionCount, 1);
  assert.deepEqual(
    drain(server, 1_000).map(({ packet }) => kindOf(packet)),
    [HandshakeKind.RESPONDER_HELLO, HandshakeKind.ANSWER_REST],
  );
  // A repetition of the hello brings the same answer, at most three times.
  server.handleDatagram(1_001, CLIENT_ADDRESS, first);
  assert.equal(drain(server, 1_001).length, 2);
  server.handleDatagram(1_001, CLIENT_ADDRESS, rest);
  assert.equal(drain(server, 1_001).length, 0);
});

Deno.test("A forged second packet changes nothing: the genuine one is still taken", () => {
  const ends = strangers();
  const { server } = ends;
  const [first, rest] = helloWithCookie(ends, 1_000);
  server.handleDatagram(1_000, CLIENT_ADDRESS, first);
  const genuine = decodeHelloRest(rest)!;
  for (let at = 0; at < genuine.rest.length; at += 9) {
    const changed = genuine.rest.slice();
    changed[at]! ^= 0x10;
    const forged = encodeHelloRest({ ...genuine, rest: changed });
    server.handleDatagram(1_000, CLIENT_ADDRESS, forged);
  }
  assert.equal(server.stats.connectionCount, 0);
  server.handleDatagram(1_000, CLIENT_ADDRESS, rest);
  assert.equal(server.stats.connectionCount, 1);
});

Deno.test("The bytes that a proven but silent address gets stay within three times those it sent (RFC 9000 §8.1)", () => {
  const ends = strangers();
  const { server } = ends;
  const [first, rest] = helloWithCookie(ends, 1_000);
  let received = 0;
  let sent = 0;
  const send = (packet: Uint8Array): void => {
    server.handleDatagram(1_000, CLIENT_ADDRESS, packet);
    received += packet.length;
    for (const answer of drain(server, 1_000)) sent += answer.packet.length;
    assert.ok(sent <= 3 * received, `${sent} for ${received}`);
  };
  send(first);
  send(rest);
  for (let copy = 0; copy < 20; copy++) send(first);
  assert.ok(sent > 1_200);
});

Deno.test("Incomplete hellos are bounded: at the bound the oldest goes and is counted", () => {
  const random = new SeededRandom(12);
  const keyPair = generateKeyPair(random);
  const server = new Endpoint(
    { keyPair, suites: [HYBRID], maxPartialHellos: 3 },
    random,
  );
  const client = new Endpoint(
    { suites: [HYBRID], keyPair: generateKeyPair(random) },
    random,
  );
  const parts = { client, server, key: keyPair.publicKey };
  const hellos = [1, 2, 3, 4].map(() => helloWithCookie(parts, 1_000));
  for (const [first] of hellos) {
    server.handleDatagram(1_000, CLIENT_ADDRESS, first);
  }
  assert.equal(server.stats.drops["partial-hello-limit"], 1);
  for (const [, rest] of hellos) {
    server.handleDatagram(1_000, CLIENT_ADDRESS, rest);
  }
  assert.equal(server.stats.drops["rest-without-hello"], 1);
  assert.equal(server.stats.connectionCount, 3);
});

Deno.test("A hello whose key material was replaced under a right MAC and digest fails cleanly, at the cost of one handshake", () => {
  const ends = strangers();
  const { server, key } = ends;
  const [first, rest] = helloWithCookie(ends, 1_000);
  // Whoever knows the responder's public key can make the MAC, but not the
  // seal of e1.
  const hello = decodeInitiatorHello(first)!;
  const noise = hello.noise.slice();
  noise[40]! ^= 1;
  const forged = encodeInitiatorHello({ ...hello, noise }, helloMacKey(key));
  server.handleDatagram(1_000, CLIENT_ADDRESS, forged);
  server.handleDatagram(1_000, CLIENT_ADDRESS, rest);
  assert.equal(server.stats.drops["handshake-failed"], 1);
  assert.equal(server.stats.connectionCount, 0);
  assert.equal(drain(server, 1_000).length, 0);
});

Deno.test("An answer whose ciphertext was changed is dropped, and the genuine repetition completes the handshake", () => {
  const pair = new Pair({ ...both, link: { latencyMs: 20 } });
  let damaged = 0;
  pair.network.filter = (datagram, from) => {
    // Bytes of the encapsulated secret, in the first packet and in the second.
    if (
      damaged < 2 && !isFromClient(from) &&
      [HandshakeKind.RESPONDER_HELLO, HandshakeKind.ANSWER_REST].includes(
        kindOf(datagram) as 2,
      )
    ) {
      datagram[PACKET_HEADER_LENGTH + 60]! ^= 4;
      damaged++;
    }
    return true;
  };
  const { client, server } = pair.connect();
  assert.equal(damaged, 2);
  assert.equal(client.suite, HYBRID);
  assert.ok((pair.client.endpoint.stats.drops["bad-mac"] ?? 0) >= 1);
  echo(pair, client, server);
});

Deno.test("Downgrade: a hybrid hello whose list was changed on the way does not complete with another suite", () => {
  const pair = new Pair({
    client: { suites: [HYBRID, CHACHA] },
    server: { suites: [HYBRID, CHACHA] },
  });
  const { publicKey } = pair.server.keyPair;
  pair.network.filter = (datagram) => {
    const hello = decodeInitiatorHello(datagram);
    if (hello === undefined) return true;
    datagram.set(encodeInitiatorHello({
      ...hello,
      suites: Uint8Array.of(1),
      noise: hello.noise.slice(),
    }, helloMacKey(publicKey)));
    return true;
  };
  const connection = pair.dial({ handshakeTimeoutMs: 2_000 });
  pair.runUntil(() => connection.state === "closed");
  assert.equal(pair.client.closeError(connection).code, "HANDSHAKE_TIMEOUT");
  assert.equal(pair.server.incoming.length, 0);
});
