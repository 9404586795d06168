/**
 * How two endpoints meet at a suite, between real endpoints on virtual time,
 * and what somebody on the way can make of it.
 */
import assert from "node:assert/strict";
import { Pair, type PairOptions, readAll } from "../../tests/support/pair.ts";
import type { Connection } from "./connection.ts";
import {
  decodeInitiatorHello,
  encodeInitiatorHello,
  HandshakeKind,
  helloMacKey,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import { encodeSuites, type Suite } from "./suite.ts";
import { encodeSuiteRefusal } from "./suite_refusal.ts";

const CHACHA: Suite = "chacha20-poly1305";
const AES: Suite = "aes-256-gcm";

function pairOf(
  client: readonly Suite[],
  server: readonly Suite[],
  options: PairOptions = {},
): Pair {
  return new Pair({
    ...options,
    client: { ...options.client, suites: client },
    server: { ...options.server, suites: server },
  });
}

/** Sends bytes there and back on one stream. */
function echo(pair: Pair, client: Connection, server: Connection): void {
  const bytes = new Uint8Array(20_000).fill(7);
  const id = client.openStream({ priority: 1 })!;
  client.writeStream(id, bytes);
  let arrived = 0;
  let returned = 0;
  pair.runUntil(() => {
    const part = readAll(server, id);
    arrived += part.length;
    if (part.length > 0) server.writeStream(id, part);
    returned += readAll(client, id).length;
    return returned === bytes.length;
  });
  assert.equal(arrived, bytes.length);
}

/** Which suite the two orders have to meet at: the responder's best. */
function expected(
  client: readonly Suite[],
  server: readonly Suite[],
): Suite | undefined {
  return server.find((suite) => client.includes(suite));
}

const CHOICES: readonly (readonly Suite[])[] = [
  [CHACHA],
  [AES],
  [CHACHA, AES],
  [AES, CHACHA],
];

for (const client of CHOICES) {
  for (const server of CHOICES) {
    const suite = expected(client, server);
    if (suite === undefined) continue;
    for (const pattern of ["IK", "XX"] as const) {
      Deno.test(`${pattern}: ${client} connects to ${server} with ${suite}`, () => {
        const pair = pairOf(client, server, { link: { latencyMs: 20 } });
        const from = pair.now;
        const ends = pair.connect(
          pattern === "IK" ? {} : { remoteStaticPublicKey: null },
        );
        assert.equal(ends.client.suite, suite);
        assert.equal(ends.server.suite, suite);
        // Another suite than the first one costs one round trip more.
        assert.equal(pair.now - from, suite === client[0] ? 60 : 100);
        echo(pair, ends.client, ends.server);
      });
    }
  }
}

Deno.test("Both ciphers are taken by default, and ChaCha20-Poly1305 is preferred", () => {
  const plain = new Pair();
  assert.equal(plain.connect().client.suite, CHACHA);
  for (const suites of [[AES], [AES, CHACHA]] as const) {
    const pair = new Pair({ client: { suites } });
    assert.equal(pair.connect().client.suite, suites.at(-1));
  }
});

for (const [client, server] of [[CHACHA, AES], [AES, CHACHA]] as const) {
  Deno.test(`${client} alone and ${server} alone have nothing in common, and both are named`, () => {
    const pair = pairOf([client], [server], { link: { latencyMs: 20 } });
    const from = pair.now;
    const connection = pair.dial();
    pair.runUntil(() => connection.state === "closed");
    // As soon as the first repetition would leave, long before the timeout.
    assert.equal(pair.now - from, 250);
    const { code, message } = pair.client.closeError(connection);
    assert.equal(code, "HANDSHAKE_FAILED");
    assert.equal(
      message,
      `Handshake: no suite in common, this side offers ${client}, the peer takes ${server}`,
    );
    const { drops, connectionCount } = pair.server.endpoint.stats;
    assert.deepEqual(drops, { "unacceptable-suite": 1 });
    assert.equal(connectionCount, 0);
  });
}

Deno.test("A suite is agreed on over a network that loses, repeats and reorders", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pair = pairOf([AES, CHACHA], [CHACHA, AES], {
      seed,
      client: { handshakeTimeoutMs: 30_000 },
      server: { retryThreshold: seed % 2 },
      link: { latencyMs: 30, jitterMs: 40, lossRate: 0.2, duplicateRate: 0.3 },
    });
    const { client } = pair.connect();
    assert.equal(client.suite, CHACHA, `seed ${seed}`);
    assert.equal(pair.server.incoming.length, 1, `seed ${seed}`);
  }
});

Deno.test("After a retry, a refused hello starts over, and needs a cookie of its own", () => {
  const pair = pairOf([AES, CHACHA], [CHACHA, AES], {
    server: { retryThreshold: 0 },
  });
  pair.connect();
  assert.deepEqual(pair.server.endpoint.stats.drops, {
    "unacceptable-suite": 1,
    "retry-required": 1,
  });
});

// ── Somebody on the way ──────────────────────────────────────────────────────

/** Forges the refusal that whoever sees a hello can make. */
function forgeRefusal(hello: Uint8Array, suites: readonly Suite[]): Uint8Array {
  const { connectionId, noise } = decodeInitiatorHello(hello)!;
  const ephemeral = noise.subarray(0, NOISE_EPHEMERAL_LENGTH);
  return encodeSuiteRefusal(
    connectionId,
    encodeSuites(suites),
    responseMacKey(connectionId, ephemeral),
  );
}

Deno.test("Downgrade: a hello whose list was shortened on the way fails, whatever it says", () => {
  for (
    const [kept, code] of [
      [[AES], "HANDSHAKE_TIMEOUT"],
      [[CHACHA], "HANDSHAKE_TIMEOUT"],
      [[AES, CHACHA], "HANDSHAKE_FAILED"],
    ] as const
  ) {
    const pair = pairOf([CHACHA, AES], [CHACHA, AES]);
    const { publicKey } = pair.server.keyPair;
    pair.network.filter = (datagram) => {
      const hello = decodeInitiatorHello(datagram);
      if (hello === undefined) return true;
      // The attacker knows the responder's public key and repairs the MAC.
      datagram.set(encodeInitiatorHello({
        ...hello,
        suites: encodeSuites(kept),
        noise: hello.noise.slice(),
      }, helloMacKey(publicKey)));
      return true;
    };
    const connection = pair.dial({ handshakeTimeoutMs: 2_000 });
    pair.runUntil(() => connection.state === "closed");
    assert.equal(pair.client.closeError(connection).code, code);
    assert.equal(pair.server.incoming.length, 0);
    assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  }
});

Deno.test("Downgrade: a forged refusal does not lead to a suite that the responder likes less", () => {
  const pair = pairOf([CHACHA, AES], [CHACHA, AES]);
  const suitesInUse: number[] = [];
  let forged: Uint8Array | undefined;
  pair.network.filter = (datagram) => {
    const hello = decodeInitiatorHello(datagram);
    if (hello === undefined) return true;
    suitesInUse.push(hello.suites[0]!);
    // The genuine hello never arrives, and the forged answer is the first.
    if (forged !== undefined) return true;
    forged = forgeRefusal(datagram, [AES]);
    return false;
  };
  const connection = pair.dial();
  pair.flush();
  pair.client.endpoint.handleDatagram(pair.now, pair.server.address, forged!);
  pair.runUntil(() => connection.state === "closed");
  assert.deepEqual(suitesInUse, [1, 2]);
  const { code, message } = pair.client.closeError(connection);
  assert.equal(code, "HANDSHAKE_FAILED");
  assert.match(message, /refused the suite aes-256-gcm/);
  assert.equal(pair.server.incoming.length, 0);
});

for (const suite of [CHACHA, AES]) {
  Deno.test(`A forged refusal of ${suite} that arrives before the genuine answer costs nothing: that one still counts`, () => {
    const other = suite === CHACHA ? AES : CHACHA;
    const pair = pairOf([suite, other], [suite, other], {
      link: { latencyMs: 20 },
    });
    let hello: Uint8Array | undefined;
    pair.network.filter = (datagram) => {
      if (decodeInitiatorHello(datagram)) hello ??= datagram.slice();
      return true;
    };
    const connection = pair.dial();
    pair.flush();
    pair.client.endpoint.handleDatagram(
      pair.now,
      pair.server.address,
      forgeRefusal(hello!, [other]),
    );
    const from = pair.now;
    pair.runUntil(() => connection.state === "established");
    assert.equal(pair.now - from, 40);
    assert.equal(connection.suite, suite);
    pair.runUntil(() => pair.server.incoming.length > 0);
    pair.runFor(1_000);
    assert.equal(pair.server.incoming.length, 1);
    assert.equal(pair.server.endpoint.stats.connectionCount, 1);
  });
}

Deno.test("A refusal that was made without seeing the hello changes nothing", () => {
  const pair = pairOf([CHACHA, AES], [CHACHA, AES], {
    link: { latencyMs: 20 },
  });
  let hello: Uint8Array | undefined;
  pair.network.filter = (datagram) => {
    if (decodeInitiatorHello(datagram)) hello = datagram.slice();
    return true;
  };
  const connection = pair.dial();
  pair.flush();
  const refusal = encodeSuiteRefusal(
    decodeInitiatorHello(hello!)!.connectionId,
    encodeSuites([AES]),
    new Uint8Array(32),
  );
  pair.client.endpoint.handleDatagram(pair.now, pair.server.address, refusal);
  pair.runUntil(() => connection.state === "established");
  assert.equal(connection.suite, CHACHA);
  assert.deepEqual(pair.client.endpoint.stats.drops, { "bad-mac": 1 });
});

Deno.test("A forged refusal that names nothing of ours gives way to a genuine answer", () => {
  const pair = pairOf([CHACHA], [CHACHA, AES], { link: { latencyMs: 20 } });
  let hello: Uint8Array | undefined;
  pair.network.filter = (datagram) => {
    if (decodeInitiatorHello(datagram)) hello = datagram.slice();
    return true;
  };
  const connection = pair.dial();
  pair.flush();
  pair.client.endpoint.handleDatagram(
    pair.now,
    pair.server.address,
    forgeRefusal(hello!, [AES]),
  );
  pair.runUntil(() => connection.state === "established");
  assert.equal(connection.suite, CHACHA);
});

Deno.test("Refusals of suites are far smaller than hellos, and leave at a bounded rate", () => {
  const pair = pairOf([AES], [CHACHA]);
  const connection = pair.dial();
  let hello: Uint8Array | undefined;
  pair.network.filter = (datagram) => {
    hello ??= datagram.slice();
    return false;
  };
  pair.flush();
  const { endpoint } = pair.server;
  const buffer = new Uint8Array(65_535);
  let sent = 0;
  for (let i = 0; i < 1_000; i++) {
    endpoint.handleDatagram(pair.now, pair.client.address, hello!);
    for (;;) {
      const transmit = endpoint.pollTransmit(pair.now, buffer);
      if (transmit === undefined) break;
      assert.equal(buffer[32], HandshakeKind.REFUSAL);
      assert.ok(transmit.length < 60);
      sent++;
    }
  }
  assert.equal(sent, 100);
  assert.equal(endpoint.stats.connectionCount, 0);
  assert.equal(connection.state, "handshaking");
});

Deno.test("Endpoint configuration refuses unknown, repeated and no suites", () => {
  for (
    const suites of [[], [CHACHA, CHACHA], ["rot13" as Suite]] as Suite[][]
  ) {
    assert.throws(() => new Pair({ client: { suites } }), {
      code: "INVALID_CONFIG",
    });
  }
});
