/**
 * What strangers can make an endpoint believe, send or end: by copies, forgeries
 * and what they change on the way. Nothing, and little.
 */
import assert from "node:assert/strict";
import {
  confirmationKey,
  generateKeyPair,
  hmacSha256,
  type KeyPair,
  x25519,
} from "../../crypto/mod.ts";
import { parseProtocolName } from "../../crypto/noise/protocol_name.ts";
import { SymmetricState } from "../../crypto/noise/symmetric_state.ts";
import {
  encodePacketHeader,
  PACKET_HEADER_LENGTH,
  PACKET_LENGTH_OFFSET,
} from "../../protocol/mod.ts";
import { drain } from "../../tests/support/drain.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  readAll,
  SERVER_ADDRESS,
} from "../../tests/support/pair.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import { Endpoint } from "./endpoint.ts";
import {
  decodeHelloInvariants,
  decodeNoisePacket,
  encodeInitiatorFinish,
  encodeInitiatorHello,
  encodeVersionNegotiation,
  HandshakeKind,
  HandshakePatternCode,
  handshakePrologue,
  helloMacKey,
} from "./handshake_packet.ts";
import {
  encodeTransportParameters,
  localTransportParameters,
} from "./transport_parameters.ts";

const STRANGER: Address = { hostname: "10.6.6.6", port: 666 };

/** Bytes on the wire, in the order of their sending. */
interface Recorded {
  readonly datagram: Uint8Array;
  readonly isClients: boolean;
}

function record(pair: Pair): Recorded[] {
  const recorded: Recorded[] = [];
  pair.network.filter = (datagram, from) => {
    const isClients = from.port === CLIENT_ADDRESS.port;
    recorded.push({ datagram: datagram.slice(), isClients });
    return true;
  };
  return recorded;
}

function exchange(pair: Pair, from: Connection, to: Connection): void {
  const id = from.openStream({ priority: 1 })!;
  from.writeStream(id, Uint8Array.of(1, 2, 3));
  pair.runFor(200);
  assert.deepEqual(readAll(to, id), Uint8Array.of(1, 2, 3));
}

// ── Copies of hellos ────────────────────────────────────────────────────────

for (const pattern of ["IK", "XX"] as const) {
  Deno.test(`${pattern}: copies of a hello open nothing, from wherever they come, and the connection goes on`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const recorded = record(pair);
    const { client, server } = pair.connect(
      pattern === "IK" ? {} : { remoteStaticPublicKey: null },
    );
    pair.runFor(100);
    const hello = recorded.find((each) => each.isClients)!.datagram;
    const { endpoint } = pair.server;
    // The same address again: it belongs to the connection that stands.
    for (let i = 0; i < 50; i++) {
      endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, hello);
    }
    assert.equal(endpoint.stats.connectionCount, 1);
    // Elsewhere it is a handshake that only the real initiator could finish.
    for (let i = 0; i < 50; i++) {
      const from = { ...STRANGER, port: 1_000 + i };
      endpoint.handleDatagram(pair.now, from, hello);
    }
    const sentBytes = drain(endpoint, pair.now)
      .filter(({ to }) => to.hostname === STRANGER.hostname)
      .reduce((total, { packet }) => total + packet.length, 0);
    assert.ok(sentBytes > 0 && sentBytes <= 3 * 50 * hello.length);
    // Its finish, recorded as well, fits no other responder's answer.
    for (const { datagram, isClients } of recorded) {
      if (isClients) endpoint.handleDatagram(pair.now, STRANGER, datagram);
    }
    pair.runFor(11_000);
    assert.equal(endpoint.stats.connectionCount, 1);
    assert.equal(endpoint.stats.halfOpenCount, 0);
    assert.equal(pair.server.incoming.length, 1);
    assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
    exchange(pair, client, server);
  });

  Deno.test(`${pattern}: a hello that is repeated after its connection has ended opens no other`, () => {
    const pair = new Pair({ link: { latencyMs: 10 } });
    const recorded = record(pair);
    const { client } = pair.connect(
      pattern === "IK" ? {} : { remoteStaticPublicKey: null },
    );
    client.close(pair.now, 0, "done");
    pair.runFor(10_000);
    const { endpoint } = pair.server;
    assert.equal(endpoint.stats.connectionCount, 0);
    for (const { datagram, isClients } of recorded) {
      if (!isClients) continue;
      endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, datagram);
    }
    pair.runFor(11_000);
    assert.equal(pair.server.incoming.length, 1);
    assert.equal(endpoint.stats.connectionCount, 0);
  });
}

// ── Versions ────────────────────────────────────────────────────────────────

Deno.test("Downgrade: a hello whose version was changed on the way leads to no other version", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  let changedCount = 0;
  pair.network.filter = (datagram, from) => {
    const invariants = decodeHelloInvariants(datagram);
    const isHello = from.port === CLIENT_ADDRESS.port &&
      invariants?.version === 1;
    if (!isHello || changedCount >= 2) return true;
    changedCount++;
    const changed = datagram.slice();
    changed[PACKET_HEADER_LENGTH + 1] = 2;
    pair.server.endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, changed);
    return false;
  };
  // The negotiation that answers it names the version that was offered.
  const { client, server } = pair.connect();
  assert.equal(changedCount, 2);
  assert.equal(pair.server.endpoint.stats.drops["unknown-version"], 2);
  exchange(pair, client, server);
});

Deno.test("Downgrade: a forged version negotiation changes nothing where our version is named, nor from elsewhere", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  pair.network.filter = (datagram, from) => {
    const invariants = decodeHelloInvariants(datagram);
    if (from.port !== CLIENT_ADDRESS.port || invariants === undefined) {
      return true;
    }
    const { endpoint } = pair.client;
    const id = invariants.connectionId;
    const both = encodeVersionNegotiation(id, [1, 2]);
    endpoint.handleDatagram(pair.now, SERVER_ADDRESS, both);
    const other = encodeVersionNegotiation(id, [2]);
    endpoint.handleDatagram(pair.now, STRANGER, other);
    return true;
  };
  const { client, server } = pair.connect();
  exchange(pair, client, server);
});

Deno.test("Downgrade: a forged version negotiation that is faster than the responder does not keep the two apart", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  pair.network.filter = (datagram, from) => {
    const invariants = decodeHelloInvariants(datagram);
    if (from.port === CLIENT_ADDRESS.port && invariants !== undefined) {
      const other = encodeVersionNegotiation(invariants.connectionId, [2]);
      pair.client.endpoint.handleDatagram(pair.now, SERVER_ADDRESS, other);
    }
    return true;
  };
  const { client, server } = pair.connect();
  exchange(pair, client, server);
});

Deno.test("A responder of another version is given up when the hello would be repeated", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  pair.network.filter = (datagram) => {
    const { connectionId } = decodeHelloInvariants(datagram)!;
    const other = encodeVersionNegotiation(connectionId, [2, 3]);
    pair.client.endpoint.handleDatagram(pair.now, SERVER_ADDRESS, other);
    return false;
  };
  const client = pair.dial();
  const from = pair.now;
  pair.runUntil(() => client.state === "closed");
  assert.equal(pair.client.closeError(client).code, "VERSION_UNSUPPORTED");
  assert.ok(pair.now - from <= 250, `${pair.now - from} ms`);
});

// ── Reflection ──────────────────────────────────────────────────────────────

Deno.test("No datagram of a stranger is answered by three times its bytes (RFC 9000 §8.1)", () => {
  const random = new SeededRandom(3);
  const keyPair = generateKeyPair(random);
  const other = generateKeyPair(random);
  const client = new Endpoint({ keyPair: other }, random);
  const buffer = new Uint8Array(65_535);
  const helloTo = (publicKey?: Uint8Array): Uint8Array => {
    const key = publicKey === undefined
      ? {}
      : { remoteStaticPublicKey: publicKey };
    client.connect(0, SERVER_ADDRESS, key);
    return buffer.slice(0, client.pollTransmit(0, buffer)!.length);
  };
  const unknownVersion = helloTo();
  unknownVersion[PACKET_HEADER_LENGTH + 1] = 9;
  const packet = new Uint8Array(64);
  packet[0] = 7;
  encodePacketHeader(packet, 0, {
    connectionId: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0),
    packetNumber: 1,
    flags: 0,
    payloadLength: 64 - PACKET_HEADER_LENGTH,
  });
  const kinds: Record<string, Uint8Array> = {
    "a hello of IK": helloTo(keyPair.publicKey),
    "a hello of XX": helloTo(),
    "a hello for another key": helloTo(other.publicKey),
    "a hello of another version": unknownVersion,
    "a packet of no connection": packet,
  };
  const ratios: Record<string, number> = {};
  for (const retryThreshold of [0, 1_000]) {
    const server = new Endpoint({ keyPair, retryThreshold }, random);
    for (const [name, datagram] of Object.entries(kinds)) {
      let port = 0;
      for (const copies of [1, 2, 10]) {
        const from = { ...STRANGER, port: ++port };
        let answeredBytes = 0;
        for (let copy = 1; copy <= copies; copy++) {
          server.handleDatagram(1_000, from, datagram);
          answeredBytes += drain(server, 1_000)
            .reduce((total, each) => total + each.packet.length, 0);
          const ratio = answeredBytes / (copy * datagram.length);
          ratios[name] = Math.max(ratios[name] ?? 0, ratio);
        }
      }
    }
  }
  // No kind goes unanswered, or this measures nothing; most are far below.
  assert.deepEqual(
    Object.entries(ratios).filter(([, ratio]) => ratio === 0 || ratio > 1),
    [],
  );
});

// ── Closes ──────────────────────────────────────────────────────────────────

Deno.test("Nobody but the peer closes a connection: forged, damaged, shortened and foreign closes are dropped", () => {
  const pair = new Pair({ link: { latencyMs: 10 } });
  const { client, server } = pair.connect();
  pair.runFor(100);
  // A genuine close that never arrives: the best material a forger can have.
  const closes: Uint8Array[] = [];
  pair.network.filter = (datagram, from) => {
    if (from.port === CLIENT_ADDRESS.port) closes.push(datagram.slice());
    return false;
  };
  client.close(pair.now, 7, "bye");
  pair.flush();
  const close = closes.at(-1)!;
  const { endpoint } = pair.server;
  const offer = (datagram: Uint8Array): void => {
    for (const from of [CLIENT_ADDRESS, STRANGER]) {
      endpoint.handleDatagram(pair.now, from, datagram);
    }
    pair.flush();
    assert.equal(server.state, "established");
  };
  for (let bit = 0; bit < 8 * close.length; bit++) {
    const damaged = close.slice();
    damaged[bit >>> 3]! ^= 1 << (bit & 7);
    offer(damaged);
  }
  // Tags that were cut off, with a header that says so.
  for (let length = close.length - 1; length >= 0; length--) {
    offer(close.subarray(0, length));
    if (length < PACKET_HEADER_LENGTH) continue;
    const cut = close.slice(0, length);
    new DataView(cut.buffer).setUint16(
      PACKET_LENGTH_OFFSET,
      length - PACKET_HEADER_LENGTH,
      true,
    );
    offer(cut);
    cut.fill(0, Math.max(PACKET_HEADER_LENGTH, length - 16));
    offer(cut);
  }
  // The close of another connection, under the id of this one.
  const foreign = new Pair({ seed: 9, link: { latencyMs: 10 } });
  const strangers = foreign.connect();
  const recorded = record(foreign);
  strangers.client.close(foreign.now, 7, "bye");
  foreign.flush();
  const theirs = recorded.at(-1)!.datagram;
  theirs.set(close.subarray(0, 8));
  offer(theirs);
  // And the genuine one still closes it.
  endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, close);
  assert.equal(server.state, "draining");
});

// ── Key compromise ──────────────────────────────────────────────────────────

/** Whoever holds the responder's private key writes what an initiator would. */
class Impostor {
  readonly hello: Uint8Array;
  readonly #symmetric: SymmetricState;
  readonly #ephemeral: KeyPair;
  readonly #victimKeys: KeyPair;
  readonly #assumedKey: Uint8Array;

  constructor(
    random: SeededRandom,
    victimKeys: KeyPair,
    assumedKey: Uint8Array,
  ) {
    const ephemeral = generateKeyPair(random);
    const fields = {
      version: 1,
      connectionId: Uint8Array.of(9, 9, 9, 9, 9, 0, 0, 0),
      pattern: HandshakePatternCode.IK,
      suites: Uint8Array.of(1),
    };
    const { config } = new Endpoint({ keyPair: ephemeral }, random);
    const parameters = encodeTransportParameters(
      localTransportParameters(config, 65_507),
    );
    const symmetric = SymmetricState.initialize(
      parseProtocolName("Noise_IK_25519_ChaChaPoly_SHA256"),
      undefined,
    );
    symmetric.mixHash(handshakePrologue(fields));
    symmetric.mixHash(victimKeys.publicKey);
    symmetric.mixHash(ephemeral.publicKey);
    symmetric.mixKey(x25519(ephemeral.privateKey, victimKeys.publicKey));
    const sealedKey = symmetric.sealAndHash(assumedKey);
    // Static with static: either private key is enough for it.
    symmetric.mixKey(x25519(victimKeys.privateKey, assumedKey));
    const payload = symmetric.sealAndHash(parameters);
    const noise = Uint8Array.from([
      ...ephemeral.publicKey,
      ...sealedKey,
      ...payload,
    ]);
    this.hello = encodeInitiatorHello(
      { ...fields, cookie: new Uint8Array(0), noise },
      helloMacKey(victimKeys.publicKey),
    );
    this.#symmetric = symmetric;
    this.#ephemeral = ephemeral;
    this.#victimKeys = victimKeys;
    this.#assumedKey = assumedKey;
  }

  /** A finish for each secret that can be had in place of the initiator's. */
  finishes(
    answer: Uint8Array,
    responderConnectionIds: readonly Uint8Array[],
  ): { readonly finish: Uint8Array; readonly canRead: boolean }[] {
    const { noise } = decodeNoisePacket(answer, HandshakeKind.RESPONDER_HELLO)!;
    const theirs = noise.slice(0, 32);
    const guesses = [
      x25519(this.#ephemeral.privateKey, this.#assumedKey),
      x25519(this.#victimKeys.privateKey, this.#assumedKey),
      x25519(this.#victimKeys.privateKey, theirs),
      x25519(this.#ephemeral.privateKey, theirs),
      new Uint8Array(32),
    ];
    return guesses.flatMap((guess) => {
      const symmetric = this.#symmetric.clone();
      symmetric.mixHash(theirs);
      symmetric.mixKey(x25519(this.#ephemeral.privateKey, theirs));
      symmetric.mixKey(guess);
      const canRead = symmetric.openAndHash(noise.slice(32)) !== undefined;
      const [secret] = symmetric.split();
      const confirmation = hmacSha256(
        confirmationKey(secret),
        symmetric.handshakeHash,
      ).slice(0, 16);
      return responderConnectionIds.map((id) => ({
        finish: encodeInitiatorFinish(id, new Uint8Array(0), confirmation),
        canRead,
      }));
    });
  }
}

Deno.test("Key compromise: who has stolen the responder's private key is not taken for another initiator (KCI)", () => {
  const random = new SeededRandom(4);
  const victimKeys = generateKeyPair(random);
  const friend = generateKeyPair(random);
  const victim = new Endpoint({ keyPair: victimKeys }, random);
  // The id that the victim chooses is sealed in its answer: the impostor is
  // given it for nothing, as whoever watches the network could see it.
  const ids: Uint8Array[] = [];
  const watched = random.fillPublic.bind(random);
  random.fillPublic = (into): void => {
    watched(into);
    if (into.length === 8) ids.push(into);
  };
  const impostor = new Impostor(random, victimKeys, friend.publicKey);
  victim.handleDatagram(1_000, STRANGER, impostor.hello);
  // Its first message is good: that much the stolen key is worth.
  assert.equal(victim.stats.halfOpenCount, 1);
  const [answer] = drain(victim, 1_000);
  const finishes = impostor.finishes(answer!.packet, ids);
  assert.ok(finishes.length >= 5);
  for (const { finish, canRead } of finishes) {
    assert.equal(canRead, false);
    victim.handleDatagram(1_010, STRANGER, finish);
    assert.equal(victim.pollEvent(), undefined);
  }
  assert.ok((victim.stats.drops["handshake-failed"] ?? 0) >= 5);
  assert.equal(victim.stats.halfOpenCount, 1);
  victim.handleTimeout(11_001);
  for (let event = victim.pollEvent(); event; event = victim.pollEvent()) {
    assert.notEqual(event.type, "connection-incoming");
  }
  assert.equal(victim.stats.connectionCount, 0);
});

Deno.test("Key compromise: who has stolen the initiator's private key is not taken for the responder (KCI)", () => {
  for (const pattern of ["IK", "XX"] as const) {
    const random = new SeededRandom(5);
    const stolen = generateKeyPair(random);
    const responder = generateKeyPair(random);
    const client = new Endpoint({ keyPair: stolen }, random);
    const connection = client.connect(
      1_000,
      SERVER_ADDRESS,
      pattern === "IK" ? { remoteStaticPublicKey: responder.publicKey } : {},
    );
    const [hello] = drain(client, 1_000);
    // The thief answers with the key that it has, at the right address.
    const thief = new Endpoint({ keyPair: stolen }, random);
    thief.handleDatagram(1_010, CLIENT_ADDRESS, hello!.packet);
    for (const { packet } of drain(thief, 1_010)) {
      client.handleDatagram(1_020, SERVER_ADDRESS, packet);
    }
    if (pattern === "IK") {
      assert.equal(connection.state, "handshaking");
      assert.equal(connection.peerStaticPublicKey, undefined);
    } else {
      // Nobody in particular was meant: the key that is learned is the thief's.
      assert.deepEqual(connection.peerStaticPublicKey, stolen.publicKey);
    }
  }
});
