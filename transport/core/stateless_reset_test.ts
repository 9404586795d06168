/**
 * Stateless reset: the parts, and two endpoints one of which starts again.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  connectionIdKey,
  FOREIGN_CONNECTION_ID_KEY,
  isHandshakeHeader,
  PACKET_HEADER_LENGTH,
  packetPayloadLength,
} from "../../protocol/mod.ts";
import { HOSTILE_ADDRESS } from "../../tests/support/hostile_peer.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  readAll,
  SERVER_ADDRESS,
} from "../../tests/support/pair.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Address } from "./address.ts";
import { DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND } from "./config.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import { Endpoint } from "./endpoint.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import { ResponderHandshake } from "./responder_handshake.ts";
import { decodeInitiatorHello } from "./handshake_packet.ts";
import {
  encodeReset,
  maxResetBytes,
  MIN_RESET_BYTES,
  PeerResetTokens,
  RESET_TOKEN_LENGTH,
  ResetTokens,
} from "./stateless_reset.ts";
import {
  decodeTransportParameters,
  localTransportParameters,
} from "./transport_parameters.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const KEY = new Uint8Array(32).fill(9);

/** Bytes shaped like a protected packet for an id that nobody has. */
function strayPacket(length: number): Uint8Array {
  const packet = new Uint8Array(length).fill(0x5a);
  packet.set(ID);
  packet[17] = 0;
  packet[18] = (length - PACKET_HEADER_LENGTH) & 0xff;
  packet[19] = (length - PACKET_HEADER_LENGTH) >>> 8;
  return packet;
}

function createEndpoint(seed = 1): Endpoint {
  const random = new SeededRandom(seed);
  return new Endpoint({ keyPair: generateKeyPair(random) }, random);
}

function drain(endpoint: Endpoint, now: number): Uint8Array[] {
  const buffer = new Uint8Array(65_535);
  const sent: Uint8Array[] = [];
  for (;;) {
    const transmit = endpoint.pollTransmit(now, buffer);
    if (transmit === undefined) return sent;
    sent.push(buffer.slice(0, transmit.length));
  }
}

Deno.test("ResetTokens.tokenOf() depends on key, id and host, and on nothing that a restart changes", () => {
  const token = new ResetTokens(KEY).tokenOf(ID, "10.0.0.1");
  assert.equal(token.length, RESET_TOKEN_LENGTH);
  assert.deepEqual(new ResetTokens(KEY).tokenOf(ID, "10.0.0.1"), token);
  for (
    const other of [
      new ResetTokens(KEY.with(0, 8)).tokenOf(ID, "10.0.0.1"),
      new ResetTokens(KEY).tokenOf(ID.with(0, 2), "10.0.0.1"),
      new ResetTokens(KEY).tokenOf(ID, "10.0.0.2"),
    ]
  ) assert.notDeepEqual(other, token);
});

Deno.test("encodeReset() makes a packet that is shorter than what it answers (RFC 9000 §10.3.3)", () => {
  const random = new SeededRandom(3);
  const token = new Uint8Array(RESET_TOKEN_LENGTH).fill(0xee);
  for (let received = 0; received <= MIN_RESET_BYTES; received++) {
    assert.equal(maxResetBytes(received), 0);
  }
  fc.assert(
    fc.property(
      fc.integer({ min: MIN_RESET_BYTES + 1, max: 65_535 }),
      (received) => {
        const maxBytes = maxResetBytes(received);
        const reset = encodeReset(random, token, maxBytes);
        assert.ok(reset.length >= MIN_RESET_BYTES && reset.length < received);
        assert.equal(
          packetPayloadLength(reset, 0),
          reset.length - PACKET_HEADER_LENGTH,
        );
        assert.equal(reset[17], 0);
        assert.ok(connectionIdKey(reset) > 0);
        assert.equal(isHandshakeHeader(reset, 0), false);
        assert.deepEqual(reset.subarray(-RESET_TOKEN_LENGTH), token);
      },
    ),
  );
});

Deno.test("encodeReset() leaves no byte but length and reserved that tells it apart", () => {
  const random = new SeededRandom(4);
  const token = new Uint8Array(RESET_TOKEN_LENGTH);
  const resets = Array.from(
    { length: 200 },
    () => encodeReset(random, token, 80),
  );
  assert.ok(new Set(resets.map((each) => each.length)).size > 20);
  const plain = [7, 17, 19];
  for (let offset = 0; offset < PACKET_HEADER_LENGTH; offset++) {
    if (plain.includes(offset)) continue;
    const values = new Set(resets.map((each) => each[offset]));
    assert.ok(values.size > 20, `offset ${offset}: ${values.size} values`);
  }
});

Deno.test("A reset from a host with a zone counts whether or not the zone is named", () => {
  const [named, unnamed] = ["fe80::1%eth0", "fe80::1"].map((hostname) => ({
    hostname,
    port: 9_000,
  })) as [Address, Address];
  for (const [learned, from] of [[named, unnamed], [unnamed, named]] as const) {
    const own = new ResetTokens(KEY);
    const id = new Uint8Array(8).fill(7);
    const token = own.tokenOf(id, learned.hostname);
    assert.deepEqual(own.tokenOf(id, from.hostname), token);
    const tokens = new PeerResetTokens<{ remoteAddress: Address }>(KEY);
    const owner = { remoteAddress: SERVER_ADDRESS };
    tokens.learn(token, owner);
    owner.remoteAddress = learned;
    tokens.follow(owner);
    const reset = encodeReset(new SeededRandom(5), token, 60);
    assert.equal(tokens.find(from, reset), owner);
    tokens.delete(owner);
    assert.equal(tokens.find(from, reset), undefined);
  }
});

Deno.test("PeerResetTokens.find() needs the whole token and the peer's address", () => {
  const tokens = new PeerResetTokens<{ remoteAddress: Address }>(KEY);
  const token = new Uint8Array(RESET_TOKEN_LENGTH).fill(1);
  const owner = { remoteAddress: SERVER_ADDRESS };
  const reset = encodeReset(new SeededRandom(5), token, 60);
  assert.equal(tokens.find(SERVER_ADDRESS, reset), undefined);
  tokens.learn(token, owner);
  assert.equal(tokens.find(SERVER_ADDRESS, reset), owner);
  assert.equal(tokens.find(CLIENT_ADDRESS, reset), undefined);
  // It moves with its owner.
  owner.remoteAddress = CLIENT_ADDRESS;
  tokens.learn(token, owner);
  assert.equal(tokens.find(SERVER_ADDRESS, reset), undefined);
  assert.equal(tokens.find(CLIENT_ADDRESS, reset), owner);
  owner.remoteAddress = SERVER_ADDRESS;
  tokens.learn(token, owner);
  for (let bit = 0; bit < 8 * RESET_TOKEN_LENGTH; bit++) {
    const damaged = reset.slice();
    damaged[reset.length - 1 - (bit >>> 3)]! ^= 1 << (bit & 7);
    assert.equal(tokens.find(SERVER_ADDRESS, damaged), undefined);
  }
  for (let length = 0; length < reset.length; length++) {
    const short = reset.subarray(0, length);
    assert.equal(tokens.find(SERVER_ADDRESS, short), undefined);
  }
  // A peer may announce the same token twice: it only harms itself.
  const second = { remoteAddress: SERVER_ADDRESS };
  tokens.learn(token.slice(), second);
  tokens.delete(owner);
  assert.equal(tokens.find(SERVER_ADDRESS, reset), second);
  tokens.delete(second);
  tokens.delete(second);
  assert.equal(tokens.find(SERVER_ADDRESS, reset), undefined);
});

for (const pattern of ["IK", "XX"] as const) {
  Deno.test(`${pattern}: a responder that starts again is noticed within a round trip (RFC 9000 §10.3)`, () => {
    const pair = new Pair({ link: { latencyMs: 25 } });
    const key = pattern === "IK" ? {} : { remoteStaticPublicKey: null };
    const { client } = pair.connect(key);
    pair.runFor(1_000);
    pair.server.restart();
    const from = pair.now;
    const id = client.openStream({ priority: 1 })!;
    client.writeStream(id, new Uint8Array(100));
    pair.runUntil(() => client.state === "closed");
    assert.equal(pair.now - from, 50);
    const error = pair.client.closeError(client);
    assert.equal(error.code, "CONNECTION_LOST");
    assert.match(error.message, /no memory/);
    assert.equal(pair.server.endpoint.stats.resetsSent, 1);
    assert.equal(pair.client.endpoint.stats.connectionCount, 0);
    assert.deepEqual(pair.client.endpoint.stats.drops, {});
    // The next connection works.
    pair.server.incoming.length = 0;
    const next = pair.connect(key);
    const stream = next.client.openStream({ priority: 1 })!;
    next.client.writeStream(stream, Uint8Array.of(1));
    pair.runFor(200);
    assert.deepEqual(readAll(next.server, stream), Uint8Array.of(1));
  });
}

Deno.test("An idle connection notices the restart with its next keep-alive", () => {
  const pair = new Pair();
  const { client } = pair.connect();
  pair.runFor(1_000);
  pair.server.restart();
  const from = pair.now;
  pair.runUntil(() => client.state === "closed");
  assert.ok(pair.now - from < 3_500, `${pair.now - from} ms`);
});

Deno.test("An initiator that starts again is noticed where it was called by key (IK)", () => {
  const pair = new Pair({ link: { latencyMs: 25 } });
  const { server } = pair.connect();
  pair.runFor(1_000);
  pair.client.restart();
  const from = pair.now;
  const id = server.openStream({ priority: 1 })!;
  server.writeStream(id, new Uint8Array(100));
  pair.runUntil(() => server.state === "closed");
  assert.equal(pair.now - from, 50);
  assert.equal(pair.server.closeError(server).code, "CONNECTION_LOST");
});

Deno.test("A token in the first message of XX counts for nothing, in IK it does", () => {
  const random = new SeededRandom(11);
  const [ours, theirs] = [generateKeyPair(random), generateKeyPair(random)];
  const limits = localTransportParameters(
    createEndpointConfig({ keyPair: ours }),
    1_200,
  );
  const shared = {
    suites: ["chacha20-poly1305"],
    random,
    provider: undefined,
  } as const;
  for (const key of [undefined, theirs.publicKey]) {
    const resetToken = new Uint8Array(RESET_TOKEN_LENGTH);
    const initiator = new InitiatorHandshake(
      { ...shared, keyPair: ours, parameters: { ...limits, resetToken } },
      ID,
      key,
    );
    const accepted = ResponderHandshake.accept(
      {
        ...shared,
        keyPair: theirs,
        parameters: { ...limits, connectionId: ID },
      },
      "chacha20-poly1305",
      decodeInitiatorHello(initiator.hello)!,
    );
    assert.ok(accepted.ok);
    initiator.handleResponderHello(accepted.handshake.response);
    const outcome = accepted.handshake.handleFinish(initiator.finish);
    assert.ok(outcome.ok);
    assert.deepEqual(
      outcome.result.peerParameters.resetToken,
      key === undefined ? undefined : resetToken,
    );
  }
});

Deno.test("The first message of XX, in the clear, holds no token", () => {
  const client = createEndpoint();
  client.connect(1_000, SERVER_ADDRESS);
  const [packet] = drain(client, 1_000);
  const hello = decodeInitiatorHello(packet!)!;
  const parameters = decodeTransportParameters(hello.noise.subarray(32));
  assert.notEqual(parameters, undefined);
  assert.equal(parameters!.resetToken, undefined);

  const pair = new Pair();
  const { server, client: dialled } = pair.connect({
    remoteStaticPublicKey: null,
  });
  assert.equal(server.peerResetToken, undefined);
  assert.equal(dialled.peerResetToken?.length, RESET_TOKEN_LENGTH);
});

Deno.test("A restarted initiator that had announced no token is noticed once its connection ids have come with theirs", () => {
  const pair = new Pair();
  const { server, client } = pair.connect({ remoteStaticPublicKey: null });
  for (let i = 0; i < 10; i++) {
    client.ping();
    pair.runFor(100);
  }
  pair.client.restart();
  server.sendDatagram(new Uint8Array(100));
  pair.runFor(100);
  assert.equal(server.state, "closed");
  assert.equal(pair.server.closeError(server).code, "CONNECTION_LOST");
});

Deno.test("A restart under another key, and a token from another address, end nothing", () => {
  const pair = new Pair();
  const { client } = pair.connect();
  const token = client.peerResetToken!;
  const reset = encodeReset(new SeededRandom(5), token, 60);
  const { endpoint } = pair.client;
  endpoint.handleDatagram(pair.now, HOSTILE_ADDRESS, reset);
  const otherPort = { ...SERVER_ADDRESS, port: 9_001 };
  endpoint.handleDatagram(pair.now, otherPort, reset);
  const foreign = encodeReset(new SeededRandom(5), token.with(3, 1), 60);
  endpoint.handleDatagram(pair.now, SERVER_ADDRESS, foreign);
  assert.equal(client.state, "established");
  assert.equal(endpoint.stats.drops["unknown-connection"], 3);
  endpoint.handleDatagram(pair.now, SERVER_ADDRESS, reset);
  assert.equal(client.state, "closed");
});

Deno.test("Another process with the same key gives away no token that works elsewhere (RFC 9000 §21.11)", () => {
  const pair = new Pair();
  let toServer = new Uint8Array(0);
  pair.network.filter = (datagram, from) => {
    if (from.hostname === CLIENT_ADDRESS.hostname) toServer = datagram.slice();
    return true;
  };
  const { client } = pair.connect();
  pair.runFor(100);
  client.ping();
  pair.runFor(100);
  const twin = new Endpoint(
    { keyPair: pair.server.keyPair },
    new SeededRandom(9),
  );
  const tokenFor = (from: Address): Uint8Array => {
    twin.handleDatagram(pair.now, from, toServer);
    return drain(twin, pair.now)[0]!.subarray(-RESET_TOKEN_LENGTH);
  };
  assert.notDeepEqual(tokenFor(HOSTILE_ADDRESS), client.peerResetToken);
  // Asked in the client's name it would tell, but the client alone.
  assert.deepEqual(tokenFor(CLIENT_ADDRESS), client.peerResetToken);
});

Deno.test("Handshake packets, hellos, short ones and ids of nobody get no reset", () => {
  const endpoint = createEndpoint();
  const receive = (packet: Uint8Array): number => {
    endpoint.handleDatagram(1_000, HOSTILE_ADDRESS, packet);
    return drain(endpoint, 1_000).length;
  };
  assert.equal(receive(strayPacket(1_200)), 1);
  assert.equal(receive(strayPacket(MIN_RESET_BYTES + 1)), 1);
  assert.equal(receive(strayPacket(MIN_RESET_BYTES)), 0);
  assert.equal(receive(strayPacket(PACKET_HEADER_LENGTH)), 0);
  const handshake = strayPacket(1_200);
  handshake.fill(0, 8, 18);
  handshake.fill(0, 20, 32);
  handshake[16] = 1;
  assert.equal(receive(handshake), 0);
  const hello = strayPacket(1_200);
  hello.fill(0, 0, 8);
  assert.equal(receive(hello), 0);
  const foreign = strayPacket(1_200);
  foreign[7] = 0xff;
  assert.equal(connectionIdKey(foreign), FOREIGN_CONNECTION_ID_KEY);
  assert.equal(receive(foreign), 0);
  assert.equal(endpoint.stats.resetsSent, 2);
});

Deno.test("Resets are few a second and never larger than what they answer", () => {
  const endpoint = createEndpoint();
  let sent = 0;
  for (let i = 0; i < 1_000; i++) {
    const packet = strayPacket(49 + i);
    endpoint.handleDatagram(1_000, { ...HOSTILE_ADDRESS, port: i + 1 }, packet);
    for (const reset of drain(endpoint, 1_000)) {
      sent++;
      assert.ok(reset.length < packet.length);
    }
  }
  assert.equal(sent, DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND);
  assert.equal(endpoint.stats.resetsSent, sent);
});

Deno.test("Two endpoints that know nothing stop answering each other (RFC 9000 §10.3.3)", () => {
  const ends = [createEndpoint(1), createEndpoint(2)] as const;
  const addresses = [CLIENT_ADDRESS, SERVER_ADDRESS] as const;
  let datagram: Uint8Array | undefined = strayPacket(1_200);
  let turns = 0;
  for (; datagram !== undefined; turns++) {
    const at = turns % 2 as 0 | 1;
    ends[at].handleDatagram(1_000, addresses[1 - at as 0 | 1], datagram);
    [datagram] = drain(ends[at], 1_000);
  }
  assert.ok(turns <= 34, `${turns} turns`);
});

Deno.test("A connection that is closing is over with a reset: nobody is left to be told", () => {
  const pair = new Pair();
  const { client } = pair.connect();
  const token = client.peerResetToken!;
  client.close(pair.now);
  const reset = encodeReset(new SeededRandom(5), token, 60);
  pair.client.endpoint.handleDatagram(pair.now, SERVER_ADDRESS, reset);
  pair.flush();
  assert.equal(client.state, "closed");
  assert.equal(pair.client.closeError(client).code, "CLOSED");
  assert.equal(pair.client.endpoint.stats.connectionCount, 0);
});

Deno.test("A peer that missed the close learns of it as soon as it sends", () => {
  const pair = new Pair({ link: { latencyMs: 5 } });
  const { client, server } = pair.connect();
  pair.runFor(500);
  pair.network.filter = () => false;
  server.close(pair.now);
  pair.runFor(2_500);
  assert.equal(server.state, "closed");
  pair.network.heal();
  const from = pair.now;
  client.ping();
  pair.runUntil(() => client.state === "closed");
  assert.ok(pair.now - from < 1_000, `${pair.now - from} ms`);
  assert.equal(pair.client.closeError(client).code, "CONNECTION_LOST");
});
