/**
 * Tickets and early data between two endpoints on virtual time.
 */
import assert from "node:assert/strict";
import {
  PACKET_HEADER_LENGTH,
  packetPayloadLength,
} from "../../protocol/mod.ts";
import { countKeyWork } from "../../tests/support/key_work.ts";
import { ResumptionPair } from "../../tests/support/resumption.ts";
import { toHex } from "../../tests/support/vectors.ts";
import { CLIENT_ADDRESS, readAll } from "../../tests/support/pair.ts";
import { MAX_EARLY_STREAMS } from "./config.ts";
import { TransportError } from "./error.ts";
import { HandshakeKind } from "./handshake_packet.ts";

const REFUSED = { earlyAccepted: 0, earlyRejected: 1 };

function clientStats(
  made: ResumptionPair,
): { earlyAccepted: number; earlyRejected: number } {
  const { earlyAccepted, earlyRejected } =
    made.pair.client.endpoint.stats.tickets;
  return { earlyAccepted, earlyRejected };
}

for (const suites of [["chacha20-poly1305"], ["aes-256-gcm"]] as const) {
  Deno.test(`The first call of a resumed connection leaves in the first datagram, its answer comes in the second (${suites[0]})`, () => {
    const made = new ResumptionPair({ client: { suites }, server: { suites } });
    const { pair } = made;
    made.record();
    const { answer, tookMs } = made.ask("first");
    assert.equal(tookMs, 40, "one round trip");
    assert.equal(answer, "echo first");
    assert.deepEqual(made.handled, ["first"]);
    assert.deepEqual(
      made.handledAfter,
      [1],
      "datagrams before the handler ran",
    );
    assert.equal(
      made.sent[2]!.bytes[PACKET_HEADER_LENGTH],
      HandshakeKind.INITIATOR_FINISH,
    );
    assert.equal(made.sent[0]!.bytes.length, 1_200);
    assert.deepEqual(made.hellos().map((hello) => hello.isResumed), [true]);
    assert.equal(
      made.sent[1]!.bytes[PACKET_HEADER_LENGTH],
      HandshakeKind.RESPONDER_HELLO,
    );
    assert.deepEqual(clientStats(made), { earlyAccepted: 1, earlyRejected: 0 });
    assert.equal(pair.server.endpoint.stats.tickets.accepted, 1);
  });
}

Deno.test("The answer to a hello with a ticket leaves before its connection begins", () => {
  const made = new ResumptionPair({ isDriven: true });
  const { pair } = made;
  made.record();
  const asked = made.ask("first");
  assert.equal(asked.tookMs, 40, "one round trip");
  assert.deepEqual(
    made.handledAfter,
    [2],
    "datagrams before the handler ran: the hello and its answer",
  );
  const [, answer, early] = made.sent.map(({ bytes }) => bytes);
  const answerLength = PACKET_HEADER_LENGTH + packetPayloadLength(answer!, 0);
  assert.equal(answer!.length, answerLength, "the answer alone");
  // It is repeated until it is known to have arrived.
  assert.deepEqual(early!.subarray(0, answerLength), answer);
  assert.equal(pair.server.endpoint.isAnswerUrgent, false);
  assert.equal(asked.answer, "echo first");
  assert.deepEqual(clientStats(made), { earlyAccepted: 1, earlyRejected: 0 });
});

Deno.test("A connection begins with what comes next, if its answer was not sent before", () => {
  const reasons = ["close", "timeout", "move", "datagram", "transmit"] as const;
  for (const reason of reasons) {
    const made = new ResumptionPair();
    const { pair } = made;
    made.record();
    const connection = made.dial();
    made.call(connection, "first");
    pair.flush();
    const { bytes, from } = made.sent[0]!;
    const { endpoint } = pair.server;
    endpoint.handleDatagram(pair.now, from, bytes);
    assert.equal(endpoint.isAnswerUrgent, true);
    const into = new Uint8Array(1_500);
    if (reason === "close") endpoint.close(pair.now);
    else if (reason === "timeout") endpoint.handleTimeout(pair.now);
    else if (reason === "move") endpoint.handleLocalMove(pair.now, false);
    else if (reason === "datagram") {
      endpoint.handleDatagram(pair.now, from, bytes);
    } else while (endpoint.pollTransmit(pair.now, into) !== undefined);
    assert.equal(endpoint.isAnswerUrgent, false, reason);
    const event = endpoint.pollEvent();
    assert.equal(event?.type, "connection-incoming", reason);
  }
});

Deno.test("Endpoint.prepare() makes the keys of handshakes to come", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { endpoint } = pair.client;
  for (let count = 0; count < 2; count++) {
    assert.equal(endpoint.isPreparationDue, true);
    endpoint.prepare();
  }
  assert.equal(endpoint.isPreparationDue, false);
  made.record();
  const connection = made.dial();
  const id = made.call(connection, "first");
  pair.flush();
  assert.equal(endpoint.isPreparationDue, true);
  made.runUntilAnswered(connection, id);
  assert.equal(made.answer(connection, id), "echo first");
  const other = pair.dial();
  pair.runUntil(() => other.state === "established");
  const ephemerals = made.hellos().map(({ ephemeral }) => toHex(ephemeral));
  assert.equal(new Set(ephemerals).size, 2);
  endpoint.close(pair.now);
  assert.equal(endpoint.isPreparationDue, false);
});

Deno.test("A ticket takes one Diffie-Hellman at either end, where the first connection took four, and no key that is made meanwhile", () => {
  countKeyWork((takeWork) => {
    const made = new ResumptionPair();
    const { client, server } = made.pair;
    // es, ss, ee and se; what both static keys share is remembered from then on.
    assert.equal(takeWork().agreements, 2 * 4);
    for (const visit of ["first", "second"]) {
      for (const { endpoint } of [client, server]) {
        while (endpoint.isPreparationDue) endpoint.prepare();
      }
      takeWork();
      const { connection, answer } = made.ask(visit);
      assert.equal(answer, `echo ${visit}`);
      made.pair.runFor(100);
      const { agreements, publicKeys } = takeWork();
      assert.equal(agreements, 2, visit);
      assert.equal(publicKeys, 0, visit);
      connection.close(made.pair.now);
      made.pair.runFor(1_000);
    }
  });
});

Deno.test("A hello with a ticket that nobody answers leaves no ephemeral key behind", () => {
  countKeyWork((takeWork) => {
    const made = new ResumptionPair();
    const { pair } = made;
    pair.network.filter = () => false;
    takeWork();
    const connection = made.dial();
    made.call(connection, "into the void");
    pair.runFor(100);
    assert.equal(takeWork().wipes, 0, "an answer may come");
    pair.runUntil(() => connection.state === "closed");
    assert.equal(takeWork().wipes, 1);
  });
});

Deno.test("A resumed connection is one like all others: both ends, keys, new tickets", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const { connection } = made.ask("one");
  const server = pair.server.incoming.at(-1)!;
  assert.deepEqual(server.peerStaticPublicKey, pair.client.keyPair.publicKey);
  // The application gets it, and nothing else of the ticket.
  assert.equal(server.peerStaticPublicKey!.buffer.byteLength, 32);
  assert.deepEqual(
    connection.peerStaticPublicKey,
    pair.server.keyPair.publicKey,
  );
  pair.runUntil(() => server.isConfirmed);
  pair.runFor(100);
  // One used, and two new ones.
  assert.equal(made.storedCount, 3);
  assert.equal(pair.server.endpoint.stats.halfOpenCount, 0);
  connection.updateKeys();
  const later = connection.openStream({ priority: 1 })!;
  connection.writeStream(later, new TextEncoder().encode("two"));
  connection.finishStream(later);
  made.runUntilAnswered(connection, later);
  assert.deepEqual(made.handled, ["one", "two"]);
  assert.deepEqual(pair.client.eventTypes(connection).slice(0, 1), [
    "established",
  ]);
});

Deno.test("A ticket of a resumed connection resumes the next one", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  for (let round = 0; round < 5; round++) {
    const { connection } = made.ask(`call ${round}`);
    pair.runFor(200);
    connection.close(pair.now);
    pair.runUntil(() => pair.server.endpoint.stats.connectionCount === 0);
  }
  assert.equal(made.handled.length, 5);
  assert.deepEqual(clientStats(made), { earlyAccepted: 5, earlyRejected: 0 });
  assert.equal(pair.server.endpoint.stats.tickets.accepted, 5);
});

Deno.test("Without an early stream the ticket is kept and the hello is a plain one", () => {
  const made = new ResumptionPair();
  made.record();
  const connection = made.dial();
  made.pair.runUntil(() => connection.state === "established");
  assert.deepEqual(made.hellos().map((hello) => hello.isResumed), [false]);
  made.pair.runFor(200);
  assert.equal(made.storedCount, 4, "the two from before, and two new ones");
});

Deno.test("Without a ticket there is no early stream; afterwards an early stream is one like all others", () => {
  const made = new ResumptionPair({ client: { maxStoredTickets: 0 } }, 0);
  assert.equal(made.pair.server.endpoint.stats.tickets.issued, 0);
  const connection = made.dial();
  assert.throws(
    () => connection.openStream({ priority: 1, isEarly: true }),
    (error) => error instanceof TransportError && error.code === "CLOSED",
  );
  made.pair.runUntil(() => connection.state === "established");
  const id = made.call(connection, "late");
  made.runUntilAnswered(connection, id);
});

Deno.test("A stream that is not early waits for the handshake, ticket or not", () => {
  const made = new ResumptionPair();
  const connection = made.dial();
  made.call(connection, "early");
  assert.throws(
    () => connection.openStream({ priority: 1 }),
    (error) => error instanceof TransportError && error.code === "CLOSED",
  );
  assert.throws(() => connection.sendDatagram(new Uint8Array(1)));
  assert.throws(() => connection.ping());
});

Deno.test("What does not fit into the hello follows in the first packet, in order", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const long = Array.from({ length: 900 }, (_, index) => `${index}`).join(",");
  const connection = made.dial();
  made.record();
  const id = made.call(connection, long);
  const other = made.call(connection, "other");
  let received = "";
  pair.server.onEvent = (at, event) => {
    if (event.type === "stream-readable" && event.id === id) {
      received += new TextDecoder().decode(readAll(at, id));
    }
  };
  pair.runUntil(() => received.length === long.length);
  assert.equal(received, long);
  assert.equal(made.hellos()[0]!.bytes.length, 1_200);
  assert.ok(other > id);
  assert.deepEqual(clientStats(made), { earlyAccepted: 1, earlyRejected: 0 });
});

Deno.test("An initiator opens sixteen early streams of each kind, or as many as were granted", () => {
  for (
    const [granted, count] of [[100, MAX_EARLY_STREAMS], [3, 3], [
      0,
      0,
    ]] as const
  ) {
    const made = new ResumptionPair({
      server: { maxBidiStreams: granted, maxUniStreams: granted },
    });
    const connection = made.dial();
    for (const isUnidirectional of [false, true]) {
      const open = (): number | undefined =>
        connection.openStream({ priority: 1, isEarly: true, isUnidirectional });
      for (let index = 0; index < count; index++) {
        assert.notEqual(open(), undefined);
      }
      assert.equal(open(), undefined);
    }
    made.pair.runUntil(() => connection.state === "established");
    const next = connection.openStream({ priority: 1 });
    assert.equal(next !== undefined, granted > count);
  }
});

Deno.test("Data written after the hello has left follows with the finish", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const connection = made.dial();
  const first = made.call(connection, "first");
  pair.runFor(5);
  const second = made.call(connection, "second");
  made.runUntilAnswered(connection, second);
  assert.equal(made.answer(connection, first), "echo first");
  assert.deepEqual(made.handled, ["first", "second"]);
});

Deno.test("An early stream that is reset before the hello leaves delivers nothing", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const connection = made.dial();
  const id = made.call(connection, "regretted");
  connection.resetStream(id, 7);
  connection.stopSending(id, 7);
  pair.runUntil(() => connection.state === "established");
  pair.runFor(500);
  assert.deepEqual(made.handled, []);
});

Deno.test("An early stream that is reset after the hello has left is reset at the peer", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const connection = made.dial();
  const id = connection.openStream({ priority: 1, isEarly: true })!;
  connection.writeStream(id, Uint8Array.of(1));
  pair.runFor(5);
  connection.resetStream(id, 7);
  pair.runUntil(() =>
    pair.server.events.some(({ event }) =>
      event.type === "stream-reset" && event.code === 7
    )
  );
});

Deno.test("A lost hello, a lost answer and a lost finish are repeated, and the handler runs once", () => {
  for (const lost of [0, 1, 2, 3]) {
    const made = new ResumptionPair();
    const { pair } = made;
    let count = 0;
    pair.network.filter = () => count++ !== lost;
    const { connection, id } = made.ask(`lost ${lost}`);
    pair.runFor(3_000);
    assert.deepEqual(made.handled, [`lost ${lost}`]);
    assert.equal(made.answer(connection, id), `echo lost ${lost}`);
    assert.equal(connection.state, "established");
    assert.equal(pair.server.incoming.at(-1)!.isConfirmed, true);
    assert.deepEqual(clientStats(made), { earlyAccepted: 1, earlyRejected: 0 });
  }
});

Deno.test("Early data survives loss, reordering, duplication and corruption, once each", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const made = new ResumptionPair({ seed });
    const { pair } = made;
    pair.network.configure({
      latencyMs: 20,
      jitterMs: 30,
      lossRate: 0.25,
      duplicateRate: 0.25,
      corruptRate: 0.05,
    });
    const connection = made.dial();
    const id = made.call(connection, `seed ${seed}`);
    pair.runUntil(
      () =>
        made.answer(connection, id) !== undefined ||
        connection.state === "closed",
      30_000,
    );
    pair.runFor(1_000);
    assert.ok(made.handled.length <= 1, `seed ${seed}: ${made.handled}`);
    if (connection.state === "closed") continue;
    assert.equal(made.answer(connection, id), `echo seed ${seed}`);
  }
});

Deno.test("The finish alone confirms a resumed connection, and no other one does", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const connection = made.dial();
  made.call(connection, "first");
  const finishes: Uint8Array[] = [];
  pair.network.filter = (datagram, from) => {
    if (from.port !== CLIENT_ADDRESS.port || datagram.length === 1_200) {
      return true;
    }
    finishes.push(datagram.slice(0, 32 + packetPayloadLength(datagram, 0)));
    return false;
  };
  pair.runUntil(() => finishes.length > 0);
  const server = pair.server.incoming.at(-1)!;
  const [finish] = finishes;
  const forged = finish!.slice();
  forged[forged.length - 1]! ^= 1;
  made.replay(forged);
  assert.equal(server.isConfirmed, false);
  assert.equal(pair.server.endpoint.stats.drops["handshake-failed"], 1);
  made.replay(finish!);
  assert.equal(server.isConfirmed, true);
  assert.equal(pair.server.endpoint.stats.tickets.issued, 4);
});

// ── Fallback ────────────────────────────────────────────────────────────────

Deno.test("A restarted node refuses old tickets: the call arrives one round trip later, once, and nobody notices", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  pair.server.restart();
  made.record();
  const { connection, tookMs } = made.ask("first");
  assert.equal(tookMs, 120, "refusal, handshake, call: three trips");
  assert.deepEqual(made.handled, ["first"]);
  assert.deepEqual(made.hellos().map((each) => each.isResumed), [true, false]);
  const [first, second] = made.hellos().map(({ ephemeral }) => ephemeral);
  assert.notDeepEqual(first, second, "a new ephemeral key");
  assert.deepEqual(clientStats(made), REFUSED);
  assert.deepEqual(pair.server.endpoint.stats.tickets.refused, {
    unreadable: 1,
  });
  assert.deepEqual(pair.server.endpoint.stats.drops["ticket-refused"], 1);
  assert.deepEqual(pair.client.eventTypes(connection).slice(0, 1), [
    "established",
  ]);
  // All tickets of before are worth nothing: two new ones took their place.
  pair.runFor(200);
  assert.equal(made.storedCount, 2);
});

Deno.test("An expired ticket is not sent, and refused by a node whose clock says so", () => {
  const made = new ResumptionPair({ server: { ticketLifetimeMs: 5_000 } });
  made.pair.runFor(5_000);
  made.record();
  const connection = made.dial();
  assert.throws(() => made.call(connection, "early"), { code: "CLOSED" });
  made.pair.runUntil(() => connection.state === "established");
  assert.deepEqual(made.hellos().map((each) => each.isResumed), [false]);

  // On its way for longer than it had to live.
  const late = new ResumptionPair({ server: { ticketLifetimeMs: 2_000 } });
  late.pair.runFor(1_200);
  late.pair.network.configure({ latencyMs: 600 });
  const dialled = late.dial();
  const id = late.call(dialled, "late");
  late.runUntilAnswered(dialled, id);
  assert.deepEqual(late.handled, ["late"]);
  assert.deepEqual(late.pair.server.endpoint.stats.tickets.refused, {
    expired: late.pair.server.endpoint.stats.tickets.refused.expired,
  });
  assert.deepEqual(clientStats(late), REFUSED);
});

Deno.test("A full memory of used tickets costs a round trip and no call", () => {
  const made = new ResumptionPair({ server: { maxUsedTickets: 1 } });
  const { pair } = made;
  for (const call of ["a", "b"]) {
    made.ask(call);
  }
  assert.deepEqual(made.handled, ["a", "b"]);
  assert.deepEqual(clientStats(made), { earlyAccepted: 1, earlyRejected: 1 });
  assert.deepEqual(pair.server.endpoint.stats.tickets.refused, { full: 1 });
});

Deno.test("A node that gives no tickets refuses all", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  pair.server.restart({ ticketsPerConnection: 0 });
  made.ask("first");
  const { refused, issued } = pair.server.endpoint.stats.tickets;
  assert.deepEqual(refused, { disabled: 1 });
  assert.equal(issued, 0);
});

Deno.test("A cookie is asked for before a ticket is looked at: one more round trip, the ticket is not burnt", () => {
  const made = new ResumptionPair({ server: { retryThreshold: 0 } });
  made.record();
  const { tookMs } = made.ask("with cookie");
  assert.equal(tookMs, 80);
  assert.deepEqual(made.handled, ["with cookie"]);
  assert.deepEqual(made.hellos().map((each) => each.isResumed), [true, true]);
  for (const { bytes } of made.hellos()) assert.equal(bytes.length, 1_200);
  assert.deepEqual(clientStats(made), { earlyAccepted: 1, earlyRejected: 0 });
});

Deno.test("A hello that starts over may prove its address again, however often the first one had to", () => {
  const made = new ResumptionPair({
    client: { helloTimeoutMs: 5 },
    server: { retryThreshold: 0 },
  });
  const { pair } = made;
  pair.server.restart();
  made.ask("first");
  assert.deepEqual(made.handled, ["first"]);
  assert.ok(pair.client.endpoint.stats.drops["duplicate-handshake"]! > 0);
});

Deno.test("A node that grants less than was used ends the connection, and says why", () => {
  const made = new ResumptionPair();
  const { pair } = made;
  const connection = made.dial();
  for (let index = 0; index < 4; index++) made.call(connection, `${index}`);
  pair.server.restart({ maxBidiStreams: 2 });
  pair.runUntil(() => connection.state !== "handshaking");
  pair.runFor(100);
  assert.equal(pair.client.closeError(connection).code, "STREAM_LIMIT");
  assert.deepEqual(made.handled, []);
});
