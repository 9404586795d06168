/**
 * Attacks on tickets and early data: whatever is copied, forged or moved, a
 * handler runs at most once, and an honest initiator gets its answer.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { countKeyWork } from "../../tests/support/key_work.ts";
import { ResumptionPair } from "../../tests/support/resumption.ts";
import { CLIENT_ADDRESS, SERVER_ADDRESS } from "../../tests/support/pair.ts";
import {
  firstPacket,
  HOSTILE_ADDRESS,
  HostilePeer,
} from "../../tests/support/hostile_peer.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Address } from "./address.ts";
import type { EndpointOptions } from "./endpoint_options.ts";
import type { Connection } from "./connection.ts";
import { closeCodeOf } from "./error.ts";
import {
  decodeInitiatorHello,
  encodeInitiatorHello,
  helloMacKey,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import { encodeTicketRefusal } from "./ticket_refusal.ts";

const ELSEWHERE: Address = { hostname: "10.0.0.66", port: 666 };
const OTHER_PORT: Address = { ...CLIENT_ADDRESS, port: 4002 };
const OTHER: Address = { hostname: "10.0.0.67", port: 667 };

/** Sends a call with the hello and gives the hello's datagram. */
function callAndRecord(
  made: ResumptionPair,
  payload: string,
): { connection: Connection; id: number; hello: Uint8Array } {
  made.record();
  const connection = made.dial();
  const id = made.call(connection, payload);
  made.pair.flush();
  const [hello] = made.hellos();
  assert.equal(hello?.isResumed, true);
  return { connection, id, hello: hello!.bytes };
}

for (
  const [name, from] of [
    ["the same address", CLIENT_ADDRESS],
    ["another port", OTHER_PORT],
    ["another host", ELSEWHERE],
  ] as const
) {
  Deno.test(`A copy of the first datagram from ${name} runs the handler once, before and after the finish`, () => {
    const made = new ResumptionPair();
    const { pair } = made;
    const { connection, id, hello } = callAndRecord(made, "once");
    for (let copy = 0; copy < 3; copy++) made.replay(hello, from);
    made.runUntilAnswered(connection, id);
    made.replay(hello, from);
    pair.runFor(1_000);
    made.replay(hello, from);
    pair.runFor(1_000);
    assert.deepEqual(made.handled, ["once"]);
    assert.equal(connection.state, "established");
    const server = pair.server.incoming.at(-1)!;
    assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
    assert.equal(pair.server.incoming.length, 2);
  });

  Deno.test(`A copy from ${name} that arrives first runs the handler once, and the call is answered`, () => {
    const made = new ResumptionPair();
    const { pair } = made;
    pair.network.configureLink(CLIENT_ADDRESS, SERVER_ADDRESS, {
      latencyMs: 60,
    });
    const { connection, id, hello } = callAndRecord(made, "once");
    pair.runFor(5);
    made.replay(hello, from);
    pair.runFor(30);
    assert.deepEqual(made.handled, ["once"], "the copy was first");
    made.runUntilAnswered(connection, id);
    pair.runFor(2_000);
    assert.deepEqual(made.handled, ["once"]);
    assert.equal(made.answer(connection, id), "echo once");
    assert.equal(connection.state, "established");
    const server = pair.server.incoming.at(-1)!;
    assert.equal(server.isConfirmed, true);
    assert.deepEqual(server.remoteAddress, CLIENT_ADDRESS);
  });

  Deno.test(`A copy from ${name} after the connection has ended runs nothing, and is refused`, () => {
    const made = new ResumptionPair();
    const { pair } = made;
    const { connection, id, hello } = callAndRecord(made, "once");
    made.runUntilAnswered(connection, id);
    pair.runFor(100);
    connection.close(pair.now);
    pair.runUntil(() => pair.server.endpoint.stats.connectionCount === 0);
    made.replay(hello, from);
    pair.runFor(1_000);
    assert.deepEqual(made.handled, ["once"]);
    assert.deepEqual(pair.server.endpoint.stats.tickets.refused, { used: 1 });
    assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  });
}

Deno.test("A copy that arrives first says nothing about the initiator's path", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection, hello } = callAndRecord(made, "once");
  // Loopback takes datagrams of 28,900 bytes; the initiator is not there.
  made.replay(hello, { hostname: "127.0.0.1", port: 1 });
  pair.runUntil(() => connection.state === "established");
  pair.runFor(100);
  const server = pair.server.incoming.at(-1)!;
  const id = server.openStream({ priority: 2 })!;
  server.writeStream(id, new Uint8Array(200_000));
  pair.runFor(1_000);
  const largest = Math.max(...pair.server.sentSizes);
  assert.ok(largest > 1_200 && largest <= 1_472, `${largest}`);
});

Deno.test("Copies that keep coming from elsewhere do not keep the initiator from its answer", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection, id, hello } = callAndRecord(made, "once");
  for (let turn = 0; turn < 40; turn++) {
    made.replay(hello, ELSEWHERE);
    pair.runFor(7);
  }
  made.runUntilAnswered(connection, id);
  pair.runFor(500);
  assert.deepEqual(made.handled, ["once"]);
  assert.equal(pair.server.incoming.at(-1)!.isConfirmed, true);
});

Deno.test("A copy that arrives when the responder has given up on the first runs nothing, and the initiator is told", () => {
  const made = new ResumptionPair({
    client: { handshakeTimeoutMs: 60_000, helloTimeoutMs: 15_000 },
    server: { handshakeTimeoutMs: 3_000 },
  });
  const { pair } = made;
  // The answers get lost until the responder has forgotten everything.
  const { connection } = callAndRecord(made, "once");
  pair.network.filter = (_datagram, from) => from.port === CLIENT_ADDRESS.port;
  pair.runFor(14_000);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  pair.network.filter = undefined;
  pair.runUntil(() => connection.state === "closed", 60_000);
  assert.equal(pair.client.closeError(connection).code, "CONNECTION_LOST");
  assert.deepEqual(made.handled, ["once"], "not sent again: it was processed");
});

Deno.test("An answer to a copy stays below three times its size, and goes on nowhere (RFC 9000 §8.1)", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  pair.network.configureLink(CLIENT_ADDRESS, SERVER_ADDRESS, {
    latencyMs: 30_000,
  });
  const { hello } = callAndRecord(made, "once");
  // A handler with much to say.
  pair.server.onEvent = (connection, event) => {
    if (event.type !== "stream-opened") return;
    connection.writeStream(event.id, new Uint8Array(100_000));
  };
  pair.runFor(5);
  let bytes = 0;
  pair.network.filter = (datagram, _from, to) => {
    if (to.hostname === ELSEWHERE.hostname) bytes += datagram.length;
    return true;
  };
  made.replay(hello, ELSEWHERE);
  pair.runFor(2_000);
  assert.ok(bytes > 1_200, `${bytes}`);
  assert.ok(bytes <= 3 * hello.length, `${bytes}`);
});

Deno.test("A hello from the host of the ticket is answered in full at once, from another port too", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  pair.server.onEvent = (connection, event) => {
    if (event.type !== "stream-opened") return;
    connection.writeStream(event.id, new Uint8Array(20_000));
  };
  const connection = made.dial();
  made.call(connection, "much");
  let received = 0;
  pair.network.filter = (datagram, from) => {
    if (from.port === SERVER_ADDRESS.port) received += datagram.length;
    return true;
  };
  pair.runUntil(() => connection.state === "established");
  assert.ok(received > 3 * 1_200, `${received}`);
});

Deno.test("Whoever changes a byte of the first datagram gets nothing of it, and does not use the ticket up", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  pair.network.configureLink(CLIENT_ADDRESS, SERVER_ADDRESS, {
    latencyMs: 100,
  });
  const { connection, id, hello } = callAndRecord(made, "once");
  const fields = decodeInitiatorHello(hello)!;
  const macKey = helloMacKey(pair.server.keyPair.publicKey);
  const ticketLength = fields.ticket!.length;
  for (let index = 0; index < ticketLength; index += 5) {
    const ticket = fields.ticket!.slice();
    ticket[index]! ^= 1;
    made.replay(encodeInitiatorHello({ ...fields, ticket }, macKey), ELSEWHERE);
  }
  for (let index = 0; index < fields.noise.length; index += 50) {
    const noise = fields.noise.slice();
    noise[index]! ^= 1;
    made.replay(encodeInitiatorHello({ ...fields, noise }, macKey), ELSEWHERE);
  }
  const connectionId = fields.connectionId.slice();
  connectionId[0]! ^= 1;
  const moved = encodeInitiatorHello({ ...fields, connectionId }, macKey);
  made.replay(moved, ELSEWHERE);
  made.runUntilAnswered(connection, id);
  pair.runFor(500);
  assert.deepEqual(made.handled, ["once"]);
  assert.equal(pair.server.endpoint.stats.tickets.accepted, 1);
  assert.equal(pair.server.incoming.length, 2);
});

/** A peer that plays by its own rules, and a ticket that it was given. */
function hostilePeer(
  config: Partial<EndpointOptions> = {},
): { peer: HostilePeer; ticket: Uint8Array } {
  const peer = new HostilePeer({ config });
  return { peer, ticket: peer.ticket() };
}

for (const isFirstXx of [false, true]) {
  Deno.test(`A copied ticket makes the responder compute no Diffie-Hellman, after Noise ${isFirstXx ? "XX" : "IK"}`, () => {
    countKeyWork((takeWork) => {
      const made = new ResumptionPair({ isFirstXx });
      const { pair } = made;
      pair.network.configureLink(CLIENT_ADDRESS, SERVER_ADDRESS, {
        latencyMs: 100,
      });
      const { hello } = callAndRecord(made, "once");
      const fields = decodeInitiatorHello(hello)!;
      const macKey = helloMacKey(pair.server.keyPair.publicKey);
      takeWork();
      for (let index = 0; index < fields.noise.length; index += 10) {
        const noise = fields.noise.slice();
        noise[index]! ^= 1;
        const forged = encodeInitiatorHello({ ...fields, noise }, macKey);
        made.replay(forged, ELSEWHERE);
      }
      const { drops } = pair.server.endpoint.stats;
      assert.ok(drops["handshake-failed"]! > 10);
      assert.equal(takeWork().agreements, 0);
    });
  });
}

Deno.test("A ticket is worth nothing to another static key, not even with the secrets of its connection, nor used up by it", () => {
  const { peer, ticket } = hostilePeer();
  const stream = Uint8Array.of(0x17, 0, 1, 1, 65);
  const { endpoint } = peer;
  const thief = generateKeyPair(new SeededRandom(99));
  const stolen = peer.resume(ticket, stream, { keyPair: thief }).hello;
  endpoint.handleDatagram(peer.now, ELSEWHERE, stolen);
  assert.equal(endpoint.stats.drops["handshake-failed"], 1);
  assert.deepEqual(peer.sentBack(), []);
  assert.deepEqual(peer.events(), []);
  const own = peer.resume(ticket, stream).hello;
  endpoint.handleDatagram(peer.now, HOSTILE_ADDRESS, own);
  assert.equal(endpoint.stats.tickets.accepted, 1);
  const types = peer.events().map((each) =>
    each.type === "connection" ? each.event.type : each.type
  );
  assert.deepEqual(types, [
    "connection-incoming",
    "established",
    "stream-opened",
    "stream-readable",
  ]);
});

Deno.test("Early data that breaks a rule closes the connection with a code, and is processed no further", () => {
  for (
    const [frames, code] of [
      // A ping, an ack, a datagram, a ticket: not in early data.
      [[0x50, 0x01], 0x0a],
      [[0x30, 0x0a, 0x19, 2, 2, 1, 0, 0, 3], 0x0a],
      [[0x20, 1, 65], 0x0a],
      [[0x50, 0x05, 10, 1, 65], 0x0a],
      // Unknown, cut short.
      [[0x99], 0x07],
      [[0x17, 0, 1, 200, 65], 0x07],
      // A stream of the responder, one too many, more than was granted.
      [[0x17, 2, 1, 1, 65], 0x05],
      [[0x17, 16, 1, 1, 65], 0x04],
      [[0x12, 0, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 1, 65], 0x03],
      [[0x17, 0, 1, 1, 65, 0x99], 0x07],
    ] as const
  ) {
    const { peer, ticket } = hostilePeer();
    const { endpoint } = peer;
    const hello = peer.resume(ticket, Uint8Array.from(frames)).hello;
    endpoint.handleDatagram(peer.now, HOSTILE_ADDRESS, hello);
    const closed = peer.events().flatMap((each) =>
      each.type === "connection" && each.event.type === "closed"
        ? [each.event.error]
        : []
    );
    assert.equal(closed.length, 1, `${frames}`);
    assert.equal(closeCodeOf(closed[0]!), code, `${frames}`);
    // The answer goes before the close; both are repeated with the hello.
    for (let copy = 0; copy < 3; copy++) {
      const [datagram, ...rest] = peer.received();
      assert.equal(datagram![PACKET_HEADER_LENGTH], 2);
      assert.deepEqual(rest, []);
      endpoint.handleDatagram(peer.now, HOSTILE_ADDRESS, hello);
    }
  }
});

Deno.test("A hello is answered though somebody else was faster with its connection id and a ticket of his own", () => {
  for (const isFinished of [true, false]) {
    const { peer, ticket } = hostilePeer();
    const stream = Uint8Array.of(0x17, 0, 1, 1, 65);
    const connectionId = Uint8Array.of(7, 7, 7, 7, 7, 0, 0, 0);
    const squatter = peer.resume(ticket, stream, { connectionId });
    peer.deliver(squatter.hello);
    const answer = peer.received()[0]!;
    const outcome = squatter.handleResponderHello(firstPacket(answer));
    assert.ok(outcome.ok);
    if (isFinished) peer.deliver(squatter.finish);
    peer.events();
    peer.received();
    // Without a ticket as soon as the other one has finished, with one always.
    if (isFinished) {
      const plain = new HostilePeer({
        beside: peer,
        seed: 3,
        address: OTHER_PORT,
        connectionId,
      });
      assert.equal(plain.connection.state, "established");
    }
    const victim = new HostilePeer({ beside: peer, seed: 2, address: OTHER });
    const own = victim.resume(victim.ticket(), stream, { connectionId });
    peer.deliver(own.hello, ELSEWHERE);
    assert.equal(peer.endpoint.stats.tickets.accepted, 2);
    assert.ok(peer.sentBack().some(({ to }) => to.port === ELSEWHERE.port));
  }
});

Deno.test("A hello with a ticket of another suite, or without room for its parameters, is refused", () => {
  const { peer, ticket } = hostilePeer();
  const { endpoint } = peer;
  const hello = peer.resume(ticket, new Uint8Array(0)).hello;
  const fields = decodeInitiatorHello(hello)!;
  const macKey = helloMacKey(endpoint.config.keyPair.publicKey);
  const other = encodeInitiatorHello(
    { ...fields, suites: Uint8Array.of(2) },
    macKey,
  );
  endpoint.handleDatagram(peer.now, ELSEWHERE, other);
  assert.deepEqual(endpoint.stats.tickets.refused, { "other-suite": 1 });
  const short = encodeInitiatorHello(
    { ...fields, noise: fields.noise.subarray(0, 31) },
    macKey,
  );
  endpoint.handleDatagram(peer.now, ELSEWHERE, short);
  assert.equal(endpoint.stats.drops.malformed, 1);
  endpoint.handleDatagram(peer.now, ELSEWHERE, hello);
  assert.equal(endpoint.stats.tickets.accepted, 1, "still good");
});

Deno.test("A forged refusal does no harm: the initiator starts again, and the first answer counts", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection, id, hello } = callAndRecord(made, "once");
  const fields = decodeInitiatorHello(hello)!;
  const macKey = responseMacKey(
    fields.connectionId,
    fields.noise.subarray(0, NOISE_EPHEMERAL_LENGTH),
  );
  for (const isUsed of [false, true]) {
    const refusal = encodeTicketRefusal(
      fields.connectionId,
      { isUsed },
      macKey,
    );
    pair.client.endpoint.handleDatagram(pair.now, SERVER_ADDRESS, refusal);
  }
  made.runUntilAnswered(connection, id);
  pair.runFor(3_000);
  assert.deepEqual(made.handled, ["once"]);
  assert.equal(connection.state, "established");
  const { earlyAccepted } = pair.client.endpoint.stats.tickets;
  assert.equal(earlyAccepted, 1);
  assert.equal(pair.server.incoming.length, 2, "one connection more");
});

/** Lets the client believe that its hello was refused. */
function forgeRefusal(made: ResumptionPair, hello: Uint8Array): void {
  const { connectionId, noise } = decodeInitiatorHello(hello)!;
  const ephemeral = noise.subarray(0, NOISE_EPHEMERAL_LENGTH);
  const { client } = made.pair;
  client.endpoint.handleDatagram(
    made.pair.now,
    SERVER_ADDRESS,
    encodeTicketRefusal(
      connectionId,
      { isUsed: false },
      responseMacKey(connectionId, ephemeral),
    ),
  );
}

Deno.test("A forged refusal and the first datagram afterwards, from elsewhere: the handler runs once", () => {
  for (const isConnectionOver of [false, true]) {
    const made = new ResumptionPair();
    const { pair } = made;
    // The first datagram gets lost, and is replayed when its data came again.
    pair.network.filter = () => false;
    const connection = made.dial();
    const id = made.call(connection, "once");
    const first: Uint8Array[] = [];
    pair.network.filter = (datagram) => {
      first.push(datagram.slice());
      return false;
    };
    pair.flush();
    pair.network.filter = undefined;
    forgeRefusal(made, first[0]!);
    made.runUntilAnswered(connection, id);
    if (isConnectionOver) {
      connection.close(pair.now);
      pair.runUntil(() => pair.server.endpoint.stats.connectionCount === 0);
    }
    made.replay(first[0]!, ELSEWHERE);
    pair.runFor(500);
    assert.deepEqual(made.handled, ["once"]);
    const { refused } = pair.server.endpoint.stats.tickets;
    assert.deepEqual(refused, { "given-up": 1 });
  }
});

Deno.test("A forged refusal, and a second hello from another address: the first answer counts", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection, id, hello } = callAndRecord(made, "once");
  pair.runFor(25);
  assert.deepEqual(made.handled, ["once"], "the first datagram has arrived");
  forgeRefusal(made, hello);
  // Its answer gets lost, and somebody moves the client.
  pair.network.rebind(CLIENT_ADDRESS, OTHER_PORT);
  made.runUntilAnswered(connection, id);
  pair.runFor(500);
  assert.deepEqual(made.handled, ["once"]);
  assert.equal(pair.client.endpoint.stats.tickets.earlyAccepted, 1);
});

Deno.test("A forged refusal when what came with the hello was processed: the second hello is refused, and the client told", () => {
  const made = new ResumptionPair({
    client: { helloTimeoutMs: 2_000 },
    server: { handshakeTimeoutMs: 500 },
  });
  const { pair } = made;
  const { connection, hello } = callAndRecord(made, "once");
  pair.network.filter = (_datagram, from) => from.port === CLIENT_ADDRESS.port;
  pair.runFor(1_000);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  pair.network.filter = undefined;
  forgeRefusal(made, hello);
  pair.runUntil(() => connection.state === "closed");
  assert.equal(pair.client.closeError(connection).code, "CONNECTION_LOST");
  assert.deepEqual(made.handled, ["once"]);
});

Deno.test("A refusal with another MAC is dropped, from wherever it comes", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection, id, hello } = callAndRecord(made, "once");
  const fields = decodeInitiatorHello(hello)!;
  const refusal = encodeTicketRefusal(
    fields.connectionId,
    { isUsed: false },
    new Uint8Array(32),
  );
  pair.client.endpoint.handleDatagram(pair.now, SERVER_ADDRESS, refusal);
  pair.client.endpoint.handleDatagram(pair.now, ELSEWHERE, refusal);
  assert.deepEqual(pair.client.endpoint.stats.drops, {
    "bad-mac": 2,
  });
  made.runUntilAnswered(connection, id);
  assert.equal(made.hellos().length, 1);
});

Deno.test("A flood of hellos with made-up tickets costs no Diffie-Hellman and no memory", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection, id, hello } = callAndRecord(made, "once");
  made.runUntilAnswered(connection, id);
  const fields = decodeInitiatorHello(hello)!;
  const macKey = helloMacKey(pair.server.keyPair.publicKey);
  const random = new SeededRandom(5);
  const before = pair.server.endpoint.stats;
  for (let index = 0; index < 2_000; index++) {
    const ticket = fields.ticket!.slice();
    const noise = fields.noise.slice();
    random.fillPublic(ticket.subarray(4));
    random.fillPublic(noise);
    const forged = encodeInitiatorHello({
      ...fields,
      connectionId: fields.connectionId.with(0, index).with(1, index >>> 8),
      ticket,
      noise,
    }, macKey);
    const from = { hostname: `10.1.${index >>> 8}.${index & 255}`, port: 1 };
    pair.server.endpoint.handleDatagram(pair.now, from, forged);
  }
  const { stats } = pair.server.endpoint;
  assert.equal(stats.tickets.refused.unreadable, 2_000);
  assert.equal(stats.drops["handshake-failed"], undefined);
  assert.equal(stats.connectionCount, before.connectionCount);
  assert.equal(stats.halfOpenCount, before.halfOpenCount);
});

Deno.test("A connection whose finish never comes ends in time, and is forgotten", () => {
  const made = new ResumptionPair({ server: { handshakeTimeoutMs: 2_000 } });
  const { pair } = made;
  const { hello } = callAndRecord(made, "once");
  pair.client.restart();
  made.replay(hello);
  pair.runFor(100);
  assert.equal(pair.server.endpoint.stats.halfOpenCount, 1);
  pair.runFor(3_000);
  assert.equal(pair.server.endpoint.stats.halfOpenCount, 0);
  assert.equal(pair.server.endpoint.stats.connectionCount, 0);
  const last = pair.server.incoming.at(-1)!;
  assert.equal(pair.server.closeError(last).code, "HANDSHAKE_TIMEOUT");
});
