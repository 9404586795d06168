/**
 * A simulated run of session tickets: a client that comes back again and again,
 * a network that misbehaves, a node that is started again, and somebody on the
 * way who copies first datagrams and forges refusals.
 *
 * Phase one: no request is handled twice by one process, no answer is wrong.
 * Phase two: the network is healed, and the next request is answered.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Address } from "../../transport/core/address.ts";
import type { EndpointOptions } from "../../transport/core/endpoint_options.ts";
import type { Connection } from "../../transport/core/connection.ts";
import type { ConnectionEvent } from "../../transport/core/connection_event.ts";
import {
  decodeInitiatorHello,
  HandshakePatternCode,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "../../transport/core/handshake_packet.ts";
import { encodeTicketRefusal } from "../../transport/core/ticket_refusal.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  readAll,
  SERVER_ADDRESS,
} from "../support/pair.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { LinkOptions } from "../support/simulated_network.ts";

/** Tells the draws of this simulation from those of the other one. */
const DRAWS = 0x5469636b;

/** Longest time that a round may take before the client gives it up. */
const ROUND_MS = 6_000;

/** Virtual time in which a request is answered once the network is healed. */
const HEAL_LIMIT_MS = 30_000;

/** Where copies seem to come from. */
const SOURCES: readonly Address[] = [
  CLIENT_ADDRESS,
  { ...CLIENT_ADDRESS, port: 4_002 },
  { hostname: "10.0.0.66", port: 666 },
];

/** How a connection of the client may end. */
const ENDINGS: ReadonlySet<string> = new Set([
  "CLOSED",
  "CLOSED_BY_PEER",
  "CONNECTION_LOST",
  "HANDSHAKE_TIMEOUT",
  "STREAM_LIMIT",
]);

/** What came out of a run. */
export interface ResumptionReport {
  /** Requests that left early. */
  readonly earlyCount: number;
  /** Hellos with early data that the server took. */
  readonly acceptedCount: number;
  /** Hellos with early data that were refused. */
  readonly rejectedCount: number;
  /** Copies of first datagrams that were delivered. */
  readonly copyCount: number;
}

/**
 * Runs a simulation.
 *
 * @param seed Everything follows from it.
 * @returns What happened.
 * @throws {AssertionError} When something did that must not.
 */
export function simulateResumption(seed: number): ResumptionReport {
  return new Simulation(seed).run();
}

/** What differs from one run to the next. */
interface Draws {
  readonly link: Partial<LinkOptions>;
  readonly client: Partial<EndpointOptions>;
  readonly server: Partial<EndpointOptions>;
  readonly roundCount: number;
  readonly copyRate: number;
  readonly forgeryRate: number;
  readonly restartRate: number;
  readonly maxRequestBytes: number;
}

function draw(random: SeededRandom): Draws {
  const maybe = <T, U>(value: () => T, otherwise: U): T | U =>
    random.isHit(0.5) ? value() : otherwise;
  const between = (low: number, high: number): number =>
    low + random.nextInteger(high - low + 1);
  return {
    link: {
      latencyMs: between(0, 100),
      jitterMs: maybe(() => between(1, 80), 0),
      lossRate: maybe(() => random.next() * 0.3, 0),
      duplicateRate: maybe(() => random.next() * 0.3, 0),
      corruptRate: maybe(() => random.next() * 0.1, 0),
    },
    client: {
      ...maybe(() => ({ maxStoredTickets: between(1, 4) }), {}),
      ...maybe(() => ({ helloTimeoutMs: between(20, 400) }), {}),
    },
    server: {
      ...maybe(() => ({ maxUsedTickets: between(0, 4) }), {}),
      ...maybe(() => ({ ticketLifetimeMs: between(1_000, 20_000) }), {}),
      ...maybe(() => ({ ticketsPerConnection: between(0, 4) }), {}),
      ...maybe(() => ({ maxBidiStreams: between(1, 3) }), {}),
      ...maybe(() => ({ handshakeTimeoutMs: between(500, 4_000) }), {}),
      ...(random.isHit(0.2) ? { retryThreshold: 0 } : {}),
    },
    roundCount: between(2, 8),
    copyRate: maybe(() => random.next(), 0),
    forgeryRate: random.isHit(0.3) ? random.next() : 0,
    restartRate: random.isHit(0.3) ? random.next() * 0.4 : 0,
    maxRequestBytes: random.isHit(0.3) ? 5_000 : 300,
  };
}

/** A request of the client, and what became of it. */
interface Request {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Which processes of the server have handled it. */
  readonly handledBy: number[];
  answer: Uint8Array;
}

class Simulation {
  readonly #random: SeededRandom;
  readonly #draws: Draws;
  readonly #pair: Pair;
  readonly #requests: Request[] = [];
  /** Requests by the client's connection and stream. */
  readonly #asked = new Map<string, Request>();
  /** What the server has read of each stream. */
  readonly #partial = new Map<Connection, Map<number, Uint8Array>>();
  readonly #recorded: Uint8Array[] = [];
  #isHealed = false;
  #processNumber = 0;
  #earlyCount = 0;
  #copyCount = 0;
  #acceptedCount = 0;
  #rejectedCount = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed ^ DRAWS);
    this.#draws = draw(this.#random);
    const { link, client, server } = this.#draws;
    this.#pair = new Pair({
      seed,
      link,
      client,
      server,
      isDriven: seed % 2 === 1,
    });
    this.#pair.server.onEvent = (at, event) => this.#handleServer(at, event);
    this.#pair.client.onEvent = (at, event) => this.#handleClient(at, event);
    this.#pair.network.filter = (datagram, from) => {
      if (from.port === CLIENT_ADDRESS.port) this.#watch(datagram);
      return true;
    };
  }

  run(): ResumptionReport {
    for (let round = 0; round < this.#draws.roundCount; round++) {
      this.#round(ROUND_MS);
      this.#disturb();
    }
    this.#pair.network.heal();
    this.#isHealed = true;
    const request = this.#round(HEAL_LIMIT_MS);
    assert.ok(request.answer.length > 0, "not answered on a healed network");
    this.#pair.runFor(60_000);
    for (const end of [this.#pair.client, this.#pair.server]) {
      const { connectionCount, halfOpenCount } = end.endpoint.stats;
      assert.deepEqual([connectionCount, halfOpenCount], [0, 0], "left behind");
      assert.equal(end.endpoint.pollTimeout(), undefined, "a timer of nobody");
    }
    const { tickets } = this.#pair.client.endpoint.stats;
    this.#acceptedCount = tickets.earlyAccepted;
    this.#rejectedCount = tickets.earlyRejected;
    return {
      earlyCount: this.#earlyCount,
      acceptedCount: this.#acceptedCount,
      rejectedCount: this.#rejectedCount,
      copyCount: this.#copyCount,
    };
  }

  /** Connects, asks, waits for the answer at most so long, and closes. */
  #round(limitMs: number): Request {
    const pair = this.#pair;
    const connection = pair.dial({ isEarlyWanted: true });
    const requests = [this.#newRequest()];
    if (connection.canOpenEarly) {
      this.#ask(connection, requests[0]!);
      if (this.#random.isHit(0.3)) requests.push(this.#newRequest());
      if (requests.length > 1) this.#ask(connection, requests[1]!);
    }
    const end = pair.now + limitMs;
    while (pair.now < end && connection.state !== "closed") {
      pair.runFor(25);
      this.#copy();
      if (connection.state === "established") {
        for (const request of requests) this.#ask(connection, request);
      }
      if (requests.every((request) => request.answer.length > 0)) break;
      const restartRate = this.#isHealed ? 0 : this.#draws.restartRate / 40;
      if (this.#random.isHit(restartRate)) this.#restart();
    }
    if (this.#random.isHit(0.5)) pair.runFor(this.#random.nextInteger(500));
    connection.close(pair.now);
    pair.runFor(this.#random.nextInteger(300));
    return requests[0]!;
  }

  #newRequest(): Request {
    const number = this.#requests.length;
    const { maxRequestBytes } = this.#draws;
    const bytes = new Uint8Array(
      4 + this.#random.nextInteger(maxRequestBytes),
    ).fill(number);
    new DataView(bytes.buffer).setUint32(0, number);
    const request: Request = {
      number,
      bytes,
      handledBy: [],
      answer: new Uint8Array(0),
    };
    this.#requests.push(request);
    return request;
  }

  /** Sends a request, unless it was sent on this connection already. */
  #ask(connection: Connection, request: Request): void {
    const prefix = `${connection.id} `;
    for (const [key, asked] of this.#asked) {
      if (asked === request && key.startsWith(prefix)) return;
    }
    const isEarly = connection.canOpenEarly;
    const id = connection.openStream({ priority: 1, isEarly });
    if (id === undefined) return;
    if (isEarly) this.#earlyCount++;
    this.#asked.set(`${prefix}${id}`, request);
    connection.writeStream(id, request.bytes);
    connection.finishStream(id);
  }

  #handleServer(connection: Connection, event: ConnectionEvent): void {
    if (event.type !== "stream-readable") return;
    const { id } = event;
    const streams = this.#partial.get(connection) ?? new Map();
    this.#partial.set(connection, streams);
    const bytes = Uint8Array.of(
      ...streams.get(id) ?? [],
      ...readAll(connection, id),
    );
    streams.set(id, bytes);
    if (connection.streamState(id)?.isFinished !== true) return;
    const request = this.#requests[new DataView(bytes.buffer).getUint32(0)];
    assert.deepEqual(bytes, request?.bytes, "a request that was not sent");
    assert.ok(
      !request!.handledBy.includes(this.#processNumber),
      `request ${request!.number} is handled twice`,
    );
    request!.handledBy.push(this.#processNumber);
    if (connection.state !== "established") return;
    connection.writeStream(id, bytes.toReversed());
    connection.finishStream(id);
  }

  #handleClient(connection: Connection, event: ConnectionEvent): void {
    if (event.type === "closed") {
      const { code } = event.error as Error & { code: string };
      assert.ok(
        ENDINGS.has(code) ||
          // Nothing authenticates a version that was damaged twice.
          code === "VERSION_UNSUPPORTED" && this.#draws.link.corruptRate! > 0,
        code,
      );
      // A copy that was faster must not keep the client from its answer.
      const { server, forgeryRate } = this.#draws;
      if (server.handshakeTimeoutMs === undefined && forgeryRate === 0) {
        assert.ok(
          code !== "CONNECTION_LOST" || connection.isConfirmed,
          "refused as one that is known",
        );
      }
    }
    if (event.type !== "stream-readable") return;
    const request = this.#asked.get(`${connection.id} ${event.id}`)!;
    request.answer = Uint8Array.of(
      ...request.answer,
      ...readAll(connection, event.id),
    );
    if (connection.streamState(event.id)?.isFinished === false) return;
    assert.deepEqual(request.answer, request.bytes.toReversed());
    assert.ok(request.handledBy.length > 0, "an answer of nobody");
  }

  // ── Who is on the way ─────────────────────────────────────────────────────

  #watch(datagram: Uint8Array): void {
    if (datagram.length < 1_200) return;
    const hello = decodeInitiatorHello(datagram);
    if (hello?.pattern !== HandshakePatternCode.NNPSK0) return;
    this.#recorded.push(datagram.slice());
    if (!this.#random.isHit(this.#draws.forgeryRate)) return;
    const { connectionId, noise } = hello;
    const refusal = encodeTicketRefusal(
      connectionId,
      { isUsed: this.#random.isHit(0.3) },
      responseMacKey(connectionId, noise.subarray(0, NOISE_EPHEMERAL_LENGTH)),
    );
    this.#pair.network.send(this.#pair.now, refusal, {
      from: SERVER_ADDRESS,
      to: CLIENT_ADDRESS,
    });
  }

  #copy(): void {
    const { server } = this.#pair;
    if (this.#recorded.length === 0) return;
    while (this.#random.isHit(this.#draws.copyRate * 0.8)) {
      this.#copyCount++;
      const datagram = this
        .#recorded[this.#random.nextInteger(this.#recorded.length)]!;
      const from = SOURCES[this.#random.nextInteger(SOURCES.length)]!;
      server.endpoint.handleDatagram(this.#pair.now, from, datagram);
    }
    this.#pair.flush();
  }

  #disturb(): void {
    for (let copies = 0; copies < 3; copies++) this.#copy();
    if (this.#random.isHit(this.#draws.restartRate)) this.#restart();
    if (this.#random.isHit(0.2)) {
      this.#pair.runFor(this.#random.nextInteger(8_000));
    }
  }

  #restart(): void {
    this.#processNumber++;
    this.#partial.clear();
    this.#pair.server.restart();
  }
}
