/**
 * What a clause is given: the node, sockets, handshakes and time.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { type Address, systemClock } from "../transport/mod.ts";
import { check, ClauseFailure, fail, skip } from "./clause.ts";
import {
  type Agreed,
  Handshake,
  type HandshakeChoice,
} from "./peer/handshake.ts";
import { pingFrame, RawConnection } from "./peer/raw_connection.ts";
import { UdpSocket } from "./peer/udp_socket.ts";
import {
  encodeHelloRest,
  type HandshakePacket,
  type HelloFields,
  Kind,
  parseHandshakePacket,
} from "./wire/handshake_codec.ts";

/** How often a hello is repeated, in milliseconds. */
const HELLO_REPEAT_MS = 250;

/** How long an answer to a hello may take, in milliseconds. */
const ANSWER_MS = 3_000;

/** Silence that counts as no answer: this, and twice the round trip. */
const QUIET_MS = 100;

/** How often both datagrams of a hybrid hello are sent. */
const MAX_HYBRID_ATTEMPTS = 4;

/** The node does not take the suite of a hello. */
export class SuiteRefused extends ClauseFailure {
  /** The suites that it takes, the one it likes best first. */
  readonly suites: readonly number[];

  /** @param suites The suites that it takes. */
  constructor(suites: readonly number[]) {
    super(`the node refused the suite of a hello, it takes ${suites}`);
    this.suites = suites;
  }
}

/** What a handshake came to. */
export interface Negotiated {
  /** What was agreed. */
  readonly agreed: Agreed;
  /** How long the answer took, in milliseconds. */
  readonly rttMs: number;
  /** What followed the answer in its datagram. */
  readonly rest: Uint8Array;
}

/** The node under test. */
export interface ConformanceTarget {
  /** Where it is, a numeric address. */
  readonly address: Address;
  /** Its static key, from its URL or from its own words. */
  readonly publicKey: Uint8Array | undefined;
  /** Round trip to it, in milliseconds. */
  readonly rttMs: number;
  /** A suite that it takes. */
  readonly suite: number;
}

/** One run of one clause. */
export class ClauseContext {
  /** The node. */
  readonly target: ConformanceTarget;
  readonly #deadline: Instant;
  readonly #signal: AbortSignal | undefined;
  readonly #sockets: UdpSocket[] = [];
  readonly #connections: RawConnection[] = [];

  /**
   * Begins; nothing is sent.
   *
   * @param target The node.
   * @param options How long the clause may take, and what ends it early.
   */
  constructor(
    target: ConformanceTarget,
    options: { readonly timeLimitMs: number; readonly signal?: AbortSignal },
  ) {
    this.target = target;
    this.#deadline = systemClock() + options.timeLimitMs;
    this.#signal = options.signal;
  }

  /** Silence that counts as no answer, in milliseconds. */
  get quietMs(): number {
    return QUIET_MS + 2 * this.target.rttMs;
  }

  /** The node's static key. */
  get publicKey(): Uint8Array {
    return this.target.publicKey ?? skip("the node's public key is not known");
  }

  /** Opens a socket, which is closed after the clause. */
  async openSocket(): Promise<UdpSocket> {
    const socket = await UdpSocket.open(this.target.address, this.#signal);
    this.#sockets.push(socket);
    return socket;
  }

  /**
   * Begins a handshake; nothing is sent.
   *
   * @param choice Pattern, suites, parameters; Noise IK and the suite that
   * the node takes when absent.
   */
  handshake(choice: HandshakeChoice = {}): Handshake {
    // Whoever asks for XX needs no key: it is judged where no key was learned.
    const key = "responderKey" in choice ? {} : {
      responderKey: this.publicKey,
    };
    return new Handshake({ suites: [this.target.suite], ...key, ...choice });
  }

  /**
   * Waits for a handshake packet.
   *
   * @param socket Where.
   * @param handshake For which handshake.
   * @param options Until when, what to repeat, and a kind to pass over.
   * @returns The packet and when it came, or `undefined` when none came.
   */
  async receiveHandshake(
    socket: UdpSocket,
    handshake: Handshake,
    options: {
      readonly withinMs?: number;
      readonly repeat?: Uint8Array;
      readonly exceptKind?: number;
    } = {},
  ): Promise<{ packet: HandshakePacket; at: Instant } | undefined> {
    const end = this.#until(options.withinMs ?? ANSWER_MS);
    let repeatAt = systemClock() + HELLO_REPEAT_MS;
    while (systemClock() < end) {
      const received = await socket.receive(Math.min(end, repeatAt));
      if (received === undefined) {
        if (options.repeat !== undefined && systemClock() >= repeatAt) {
          socket.send(options.repeat);
        }
        repeatAt = Math.max(repeatAt, systemClock()) + HELLO_REPEAT_MS;
        continue;
      }
      const packet = parseHandshakePacket(received.bytes);
      if (
        packet !== undefined && handshake.isFor(packet) &&
        packet.kind !== options.exceptKind
      ) {
        return { packet, at: received.at };
      }
    }
    return undefined;
  }

  /**
   * Sends a hello and reads the answer, following retries.
   *
   * @param socket Where.
   * @param handshake The handshake.
   * @returns What was agreed, and how long the answer took.
   * @throws {ClauseFailure} When the node does not answer as it should, as
   * {@linkcode SuiteRefused} when it does not take the suite.
   */
  async negotiate(
    socket: UdpSocket,
    handshake: Handshake,
  ): Promise<Negotiated> {
    let hello = handshake.hello();
    for (let retries = 0; retries <= 3; retries++) {
      const sentAt = systemClock();
      socket.send(hello);
      const received = await this.receiveHandshake(socket, handshake, {
        repeat: hello,
      });
      if (received === undefined) fail("a hello got no answer");
      const { packet, at } = received;
      const rttMs = at - sentAt;
      if (packet.kind === Kind.RETRY) {
        hello = handshake.hello({ cookie: handshake.readRetry(packet) });
        if (handshake.rest.length === 0) continue;
        const agreed = await this.negotiateHybrid(socket, handshake, hello);
        return { agreed, rttMs, rest: new Uint8Array() };
      }
      if (packet.kind === Kind.REFUSAL && packet.body[0] === 2) {
        throw new SuiteRefused(handshake.readSuiteRefusal(packet));
      }
      return { agreed: handshake.readAnswer(packet), rttMs, rest: packet.rest };
    }
    fail("the node asks for one cookie after the other");
  }

  /**
   * Sends both datagrams of a hybrid hello and waits for both of the answer.
   *
   * @param socket Where.
   * @param handshake The handshake, of suite 3.
   * @param hello The first datagram, with its cookie.
   * @returns What was agreed.
   * @throws {ClauseFailure} When one of the answer does not come.
   */
  async negotiateHybrid(
    socket: UdpSocket,
    handshake: Handshake,
    hello: Uint8Array,
  ): Promise<Agreed> {
    const parts = new Map<number, HandshakePacket>();
    for (
      let attempt = 0;
      attempt < MAX_HYBRID_ATTEMPTS && parts.size < 2;
      attempt++
    ) {
      socket.send(hello);
      socket.send(encodeHelloRest(handshake.connectionId, handshake.rest));
      for (let count = 0; count < 2; count++) {
        const received = await this.receiveHandshake(socket, handshake, {
          withinMs: 400 + 2 * this.target.rttMs,
          // A hello without a cookie that was repeated is answered once more.
          exceptKind: Kind.RETRY,
        });
        if (received === undefined) break;
        parts.set(received.packet.kind, received.packet);
      }
    }
    const answer = parts.get(Kind.ANSWER);
    const answerRest = parts.get(Kind.ANSWER_REST);
    if (answer === undefined || answerRest === undefined) {
      fail(`of the answer only packets of kind ${[...parts.keys()]} came`);
    }
    return handshake.readAnswer(answer, answerRest);
  }

  /**
   * Establishes a connection.
   *
   * @param choice Pattern, suites, parameters.
   * @returns The connection, which the node has confirmed.
   * @throws {ClauseFailure} When the handshake does not complete.
   */
  async connect(choice: HandshakeChoice = {}): Promise<RawConnection> {
    const socket = await this.openSocket();
    const connection = await this.adopt(socket, this.handshake(choice));
    await connection.waitFor(
      "the node sends no protected packet after the finish",
      () => connection.isConfirmed || undefined,
      { repeat: () => connection.send(pingFrame()) },
    );
    return connection;
  }

  /**
   * Runs a handshake up to the finish, which leaves with a first ping.
   *
   * @param socket Where.
   * @param handshake The handshake.
   * @returns The connection; not confirmed by the node yet.
   */
  async adopt(
    socket: UdpSocket,
    handshake: Handshake,
  ): Promise<RawConnection> {
    const { agreed, rttMs } = await this.negotiate(socket, handshake);
    const connection = this.track(socket, agreed, rttMs);
    connection.send(pingFrame());
    return connection;
  }

  /**
   * Makes a connection from what was agreed; it is closed after the clause.
   *
   * @param socket Where it goes on.
   * @param agreed What was agreed.
   * @param rttMs Round trip, in milliseconds.
   */
  track(socket: UdpSocket, agreed: Agreed, rttMs: number): RawConnection {
    const connection = new RawConnection(agreed, socket, {
      rttMs,
      limit: () => this.#until(Infinity),
    });
    this.#connections.push(connection);
    return connection;
  }

  /**
   * Insists that a handshake is not answered. A node that asks for a cookie
   * first gets it.
   *
   * @param what What is sent, for the report.
   * @param handshake The handshake that it seems to belong to.
   * @param make Makes the datagram, with the cookie that is asked for.
   */
  async expectNoAnswer(
    what: string,
    handshake: Handshake,
    make: (cookie: Pick<HelloFields, "cookie">) => Uint8Array,
  ): Promise<void> {
    const socket = await this.openSocket();
    socket.send(make({ cookie: new Uint8Array() }));
    const options = { withinMs: this.quietMs };
    let received = await this.receiveHandshake(socket, handshake, options);
    if (received?.packet.kind === Kind.RETRY) {
      socket.send(make({ cookie: handshake.readRetry(received.packet) }));
      if (handshake.rest.length > 0) {
        socket.send(encodeHelloRest(handshake.connectionId, handshake.rest));
      }
      received = await this.receiveHandshake(socket, handshake, options);
    } else {
      check(
        received !== undefined || socket.bytesReceived === 0,
        `${what} was answered with ${socket.bytesReceived} bytes`,
      );
    }
    check(
      received === undefined,
      `${what} was answered with a packet of kind ${received?.packet.kind}`,
    );
  }

  /** Ends connections and closes sockets. */
  async close(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    for (const socket of this.#sockets) await socket.close();
  }

  #until(withinMs: number): Instant {
    this.#signal?.throwIfAborted();
    const now = systemClock();
    if (now >= this.#deadline) fail("the time of the clause is over");
    return Math.min(now + withinMs, this.#deadline);
  }
}
