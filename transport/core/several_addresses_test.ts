/**
 * A responder whose host has several addresses, and that answers from another one
 * than was dialled, between two endpoints on virtual time.
 */
import assert from "node:assert/strict";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  type PairOptions,
  readAll,
  SERVER_ADDRESS,
} from "../../tests/support/pair.ts";
import { ResumptionPair } from "../../tests/support/resumption.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import {
  decodeHelloInvariants,
  decodeInitiatorHello,
  encodeRefusal,
  encodeResponderHello,
  encodeVersionNegotiation,
  HandshakeKind,
  RefusalReason,
  responseMacKey,
} from "./handshake_packet.ts";

/** What the responder's host sends from, whatever was dialled. */
const PREFERRED: Address = { hostname: "10.0.0.22", port: 9000 };
const STRANGER: Address = { hostname: "10.6.6.6", port: 666 };
const LINK = { latencyMs: 10 };

/** A pair whose responder is at two addresses and answers from the other one. */
function pairWithTwoAddresses(options: PairOptions = {}): Pair {
  const pair = new Pair({ link: LINK, ...options });
  pair.network.addAddress(SERVER_ADDRESS, PREFERRED);
  return pair;
}

function exchange(pair: Pair, from: Connection, to: Connection): void {
  const id = from.openStream({ priority: 1 })!;
  const sent = new Uint8Array(100_000).fill(7);
  let [sentBytes, receivedBytes] = [0, 0];
  pair.runUntil(() => {
    sentBytes += from.writeStream(id, sent.subarray(sentBytes));
    receivedBytes += readAll(to, id).length;
    return receivedBytes === sent.length;
  });
}

function isAnswer(datagram: Uint8Array, from: Address): boolean {
  return from.port === SERVER_ADDRESS.port &&
    datagram[PACKET_HEADER_LENGTH] === HandshakeKind.RESPONDER_HELLO;
}

for (const pattern of ["IK", "XX"] as const) {
  const key = pattern === "IK" ? {} : { remoteStaticPublicKey: null };

  Deno.test(`${pattern}: a responder is reached at the address that it does not answer from, and as soon`, () => {
    const pair = pairWithTwoAddresses();
    const startedAt = pair.now;
    const { client, server } = pair.connect(key);
    assert.equal(pair.now - startedAt, 30);
    assert.equal(client.stats.moves, 0);
    exchange(pair, client, server);
    exchange(pair, server, client);
    // Its packets tell where it is, and it has shown that it receives there.
    assert.deepEqual(client.remoteAddress, PREFERRED);
    assert.equal(client.stats.moves, 1);
    assert.equal(server.stats.moves, 0);
    assert.equal(client.stats.packetsLost, 0);
  });

  Deno.test(`${pattern}: a lossy network changes nothing about that`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = pairWithTwoAddresses({
        seed,
        link: { latencyMs: 10, lossRate: 0.2, jitterMs: 20 },
      });
      const { client, server } = pair.connect(key);
      exchange(pair, client, server);
      exchange(pair, server, client);
    }
  });
}

const ANSWERED_OTHERWISE: Record<string, PairOptions> = {
  "that asks for a cookie": { server: { retryThreshold: 0 } },
  "that likes another suite better": {
    server: { suites: ["aes-256-gcm", "chacha20-poly1305"] },
  },
  "with a hybrid handshake": {
    client: { suites: ["x25519-mlkem768-chacha20-poly1305"] },
    server: { suites: ["x25519-mlkem768-chacha20-poly1305"] },
  },
};

for (const [which, options] of Object.entries(ANSWERED_OTHERWISE)) {
  Deno.test(`A responder ${which} is reached at the address that it does not answer from`, () => {
    const pair = pairWithTwoAddresses(options);
    const { client, server } = pair.connect();
    exchange(pair, client, server);
    assert.deepEqual(client.remoteAddress, PREFERRED);
  });
}

Deno.test("Early data is taken, and refused, by a responder that answers from another address", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  pair.network.addAddress(SERVER_ADDRESS, PREFERRED);
  assert.equal(made.ask("early").answer, "echo early");
  assert.equal(pair.client.endpoint.stats.tickets.earlyAccepted, 1);
  pair.server.restart();
  assert.equal(made.ask("late").answer, "echo late");
  assert.equal(pair.client.endpoint.stats.tickets.earlyRejected, 1);
  assert.deepEqual(made.handled, ["early", "late"]);
});

Deno.test("A responder that cannot be reached where it answers from is still reached where it was dialled", () => {
  const pair = pairWithTwoAddresses();
  const client = pair.dial();
  let lostCount = 0;
  pair.network.filter = (_datagram, from) => {
    const isLost = from.port === CLIENT_ADDRESS.port &&
      client.remoteAddress.hostname === PREFERRED.hostname;
    if (isLost) lostCount++;
    return !isLost;
  };
  pair.runUntil(() => pair.server.incoming.length > 0);
  const [server] = pair.server.incoming;
  const id = client.openStream({ priority: 1 })!;
  for (const [from, to] of [[client, server!], [server!, client]] as const) {
    from.writeStream(id, Uint8Array.of(1, 2, 3));
    let receivedBytes = 0;
    pair.runUntil(() => (receivedBytes += readAll(to, id).length) === 3);
  }
  assert.ok(lostCount > 0);
});

Deno.test("Whoever sends the answer on from elsewhere gets nothing of the connection", () => {
  const pair = new Pair({ link: LINK });
  let toStrangerCount = 0;
  pair.network.filter = (datagram, from, to) => {
    if (to.hostname === STRANGER.hostname) toStrangerCount++;
    if (!isAnswer(datagram, from)) return true;
    pair.client.endpoint.handleDatagram(pair.now, STRANGER, datagram);
    return false;
  };
  const { client, server } = pair.connect();
  exchange(pair, client, server);
  assert.equal(toStrangerCount, 0);
  assert.deepEqual(client.remoteAddress, SERVER_ADDRESS);
  assert.equal(client.stats.moves, 0);
});

Deno.test("Answers from elsewhere that prove nothing do not end the attempt, whoever made them", () => {
  const pair = new Pair({ link: LINK });
  const { endpoint } = pair.client;
  pair.network.filter = (datagram, from) => {
    const hello = decodeInitiatorHello(datagram);
    if (from.port !== CLIENT_ADDRESS.port || hello === undefined) return true;
    const { connectionId, noise } = hello;
    const macKey = responseMacKey(connectionId, noise.subarray(0, 32));
    for (let value = 1; value <= 50; value++) {
      const forged = new Uint8Array(150).fill(value);
      for (const key of [macKey, new Uint8Array(32)]) {
        const answer = encodeResponderHello(connectionId, forged, key);
        endpoint.handleDatagram(pair.now, STRANGER, answer);
      }
    }
    return true;
  };
  const { client, server } = pair.connect();
  assert.deepEqual(endpoint.stats.drops, {
    "handshake-failed": 50,
    "bad-mac": 50,
  });
  exchange(pair, client, server);
  assert.deepEqual(client.remoteAddress, SERVER_ADDRESS);
});

Deno.test("What says without a MAC that a hello is in vain counts only from where it went, and is told of", () => {
  const pair = new Pair({ link: LINK });
  const { endpoint } = pair.client;
  pair.network.filter = (datagram, from) => {
    const { connectionId } = decodeHelloInvariants(datagram)!;
    if (from.port !== CLIENT_ADDRESS.port) return true;
    for (
      const answer of [
        encodeVersionNegotiation(connectionId, [2]),
        encodeRefusal(connectionId, RefusalReason.WRONG_KEY),
      ]
    ) endpoint.handleDatagram(pair.now, PREFERRED, answer);
    return false;
  };
  const client = pair.dial();
  assert.equal(client.foreignAnswerAddress, undefined);
  pair.runFor(5_000);
  assert.equal(client.state, "handshaking");
  assert.deepEqual(client.foreignAnswerAddress, PREFERRED);
  assert.ok(endpoint.stats.drops["address-mismatch"]! >= 2);
  pair.network.filter = undefined;
  pair.runUntil(() => client.state === "established");
  assert.equal(client.foreignAnswerAddress, undefined);
});
