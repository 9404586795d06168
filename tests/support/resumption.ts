/**
 * A client that was at a server before, for tests of tickets and early data.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Address } from "../../transport/core/address.ts";
import type { Connection } from "../../transport/core/connection.ts";
import {
  decodeInitiatorHello,
  HandshakePatternCode,
} from "../../transport/core/handshake_packet.ts";
import { CLIENT_ADDRESS, Pair, type PairOptions, readAll } from "./pair.ts";

const text = new TextEncoder();

/** A datagram on its way. */
export interface SentDatagram {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Where it came from. */
  readonly from: Address;
}

/** What a {@linkcode ResumptionPair} is made from. */
export interface ResumptionPairOptions extends PairOptions {
  /**
   * Whether the client did not know the server's key when it first came.
   *
   * @default {false}
   */
  readonly isFirstXx?: boolean;
}

/** A pair whose client holds tickets of the server, which echoes streams. */
export class ResumptionPair {
  /** The two ends. */
  readonly pair: Pair;
  /** What the server's handler was called with, each time. */
  readonly handled: string[] = [];
  /** How many datagrams had been recorded by then, of either side. */
  readonly handledAfter: number[] = [];
  /** Every datagram since the last call of {@linkcode ResumptionPair.record}. */
  sent: SentDatagram[] = [];
  /** What the client got on each stream of each of its connections. */
  readonly #answers = new Map<string, string>();

  /**
   * Connects, waits for the tickets and closes again.
   *
   * @param options Of the pair.
   * @param ticketCount How many tickets the client has to hold then.
   */
  constructor(
    { isFirstXx = false, ...options }: ResumptionPairOptions = {},
    ticketCount = 2,
  ) {
    this.pair = new Pair({ link: { latencyMs: 20 }, ...options });
    const { pair } = this;
    pair.server.onEvent = (connection, event) => {
      if (event.type === "stream-readable") this.#handle(connection, event.id);
    };
    pair.client.onEvent = (connection, event) => {
      if (event.type !== "stream-readable") return;
      const key = `${connection.id} ${event.id}`;
      const before = this.#answers.get(key) ?? "";
      const bytes = readAll(connection, event.id);
      this.#answers.set(key, before + new TextDecoder().decode(bytes));
    };
    const { client } = pair.connect(
      isFirstXx ? { remoteStaticPublicKey: null } : {},
    );
    pair.runUntil(() => this.storedCount === ticketCount);
    client.close(pair.now);
    pair.runUntil(() => pair.server.endpoint.stats.connectionCount === 0);
  }

  /** Tickets that the client holds. */
  get storedCount(): number {
    return this.pair.client.endpoint.stats.tickets.stored;
  }

  /** Starts to record what travels. */
  record(): void {
    this.sent = [];
    this.pair.network.filter = (datagram, from) => {
      this.sent.push({ bytes: datagram.slice(), from });
      return true;
    };
  }

  /** The recorded hellos of the client. */
  hellos(): { bytes: Uint8Array; isResumed: boolean; ephemeral: Uint8Array }[] {
    return this.sent.flatMap(({ bytes }) => {
      const hello = bytes.length < 1_200
        ? undefined
        : decodeInitiatorHello(bytes);
      if (hello === undefined) return [];
      const isResumed = hello.pattern === HandshakePatternCode.NNPSK0;
      return [{ bytes, isResumed, ephemeral: hello.noise.slice(0, 32) }];
    });
  }

  /** Connects again, with a ticket where there is one. */
  dial(): Connection {
    return this.pair.dial({ isEarlyWanted: true });
  }

  /**
   * Sends a call on an early stream.
   *
   * @param connection One that was just dialled.
   * @param payload What to send.
   * @returns The stream.
   */
  call(connection: Connection, payload: string): number {
    const id = connection.openStream({ priority: 1, isEarly: true });
    assert.ok(id !== undefined, "There is an early stream");
    const bytes = text.encode(payload);
    assert.equal(connection.writeStream(id, bytes), bytes.length);
    connection.finishStream(id);
    return id;
  }

  /** What the client got back on a stream. */
  answer(connection: Connection, id: number): string | undefined {
    return this.#answers.get(`${connection.id} ${id}`);
  }

  /** Runs until a stream of the client was answered. */
  runUntilAnswered(connection: Connection, id: number): void {
    this.pair.runUntil(() => this.answer(connection, id) !== undefined);
  }

  /**
   * Connects again and calls, until the call is answered.
   *
   * @param payload What to send.
   * @returns The connection, the stream, the answer, and how long it took.
   */
  ask(payload: string): {
    readonly connection: Connection;
    readonly id: number;
    readonly answer: string | undefined;
    readonly tookMs: number;
  } {
    const from = this.pair.now;
    const connection = this.dial();
    const id = this.call(connection, payload);
    this.runUntilAnswered(connection, id);
    const answer = this.answer(connection, id);
    return { connection, id, answer, tookMs: this.pair.now - from };
  }

  /**
   * Hands the server at once a datagram that somebody has recorded.
   *
   * @param datagram The copy.
   * @param from Where it seems to come from.
   */
  replay(datagram: Uint8Array, from: Address = CLIENT_ADDRESS): void {
    this.pair.server.endpoint.handleDatagram(this.pair.now, from, datagram);
    this.pair.flush();
  }

  #handle(connection: Connection, id: number): void {
    const request = new TextDecoder().decode(readAll(connection, id));
    if (request !== "") {
      this.handled.push(request);
      this.handledAfter.push(this.sent.length);
      const { state } = connection;
      if (state === "established") {
        connection.writeStream(id, text.encode(`echo ${request}`));
        connection.finishStream(id);
      }
    }
  }
}
