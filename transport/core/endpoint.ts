/**
 * One socket's worth of connections: routes what arrives, collects what leaves.
 *
 * What can be decided for itself is elsewhere: hellos are `hello_receiver.ts`, ids
 * `connection_routes.ts`, tickets `resumptions.ts`. The rest is one file, however
 * long: a connection that comes or goes is in ten tables and queues at once, each
 * method relies on some of them, and that they agree has to be seen at once.
 *
 * Sans-IO: time, randomness and datagrams are handed in. After any input the
 * owner drains `pollTransmit`, then asks for `pollTimeout`, then drains
 * `pollEvent`.
 *
 * @module
 */
import { StaticKey } from "../../crypto/mod.ts";
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import { poison } from "../../internal/poison.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { type Queueable, UniqueQueue } from "../../internal/unique_queue.ts";
import {
  CONNECTION_ID_LENGTH,
  connectionIdKey,
  FOREIGN_CONNECTION_ID_KEY,
  HELLO_CONNECTION_ID_KEY,
} from "../../protocol/mod.ts";
import {
  isHandshakeHeader,
  MAX_PACKET_PAYLOAD_LENGTH,
  PACKET_HEADER_LENGTH,
  packetPayloadLength,
} from "../../protocol/mod.ts";
import { type Address, isSameAddress } from "./address.ts";
import { MAX_UDP_PAYLOAD_BYTES } from "./config.ts";
import { Connection } from "./connection.ts";
import { ConnectionRoutes } from "./connection_routes.ts";
import { DeadlineHeap, type Schedulable } from "./deadline_heap.ts";
import type { EarlyData } from "./early_data.ts";
import { EphemeralKeys } from "./ephemeral_keys.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import { EndpointCounters } from "./endpoint_counters.ts";
import type { EndpointEvent } from "./endpoint_event.ts";
import type { EndpointConfig, EndpointOptions } from "./endpoint_options.ts";
import { EndpointTrace } from "./endpoint_trace.ts";
import { CloseCode, TransportError } from "./error.ts";
import type { HandshakeOptions } from "./handshake.ts";
import { InitiatorHandshake } from "./initiator_handshake.ts";
import type { ResponderHandshake } from "./responder_handshake.ts";
import {
  decodeHelloAnswer,
  hasAnswerMac,
  type HelloAnswer,
} from "./hello_answer.ts";
import { type AnsweredHello, HelloReceiver } from "./hello_receiver.ts";
import type { EndpointObserver } from "./observer.ts";
import { checkRemoteKey } from "./remote_key.ts";
import { Resumptions } from "./resumptions.ts";
import { KeyCounts } from "./key_counts.ts";
import { LingeringConnections } from "./lingering_connections.ts";
import type { LimitName } from "./limits.ts";
import { StatelessAnswers } from "./stateless_answers.ts";
import { encodeReset, maxResetBytes } from "./stateless_reset.ts";
import type { DropReason, EndpointStats } from "./stats.ts";
import type { ReceivedTicket } from "./ticket_store.ts";
import type { Transmit } from "./transmit.ts";
import { localTransportParameters } from "./transport_parameters.ts";

/** Options of {@linkcode Endpoint.connect}. */
export interface ConnectOptions {
  /** The peer's static key (Noise IK); absent: it is learned (Noise XX). */
  readonly remoteStaticPublicKey?: Uint8Array;
  /** How long the handshake may take; the endpoint's default when absent. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Whether streams are going to be opened as early ones before the hello
   * leaves, which needs a ticket of the peer. Without a ticket, or without such
   * a stream, the connection is one like all others.
   *
   * @default {false}
   */
  readonly isEarlyWanted?: boolean;
}

/** What the endpoint knows of a connection beside the connection itself. */
interface Route extends Queueable, Schedulable {
  readonly connection: Connection;
  /** The id of the handshake, 8 bytes. */
  readonly connectionId: Uint8Array;
  isAnnounced: boolean;
}

/** All connections of one socket. */
export class Endpoint {
  /** The checked configuration. */
  readonly config: EndpointConfig;
  readonly #random: RandomSource;
  readonly #ephemeralKeys: EphemeralKeys;
  /** Keys and suites of our handshakes. */
  readonly #handshake: Omit<HandshakeOptions, "parameters">;
  readonly #ids: ConnectionRoutes<Connection>;
  readonly #routes = new Map<Connection, Route>();
  /** Connections that may have something to send or to tell, in turn. */
  readonly #sendQueue = new UniqueQueue<Route>(1);
  readonly #eventQueue = new UniqueQueue<Route>(2);
  /** Connections whose deadline may have moved since it was looked at. */
  readonly #deadlineQueue = new UniqueQueue<Route>(4);
  readonly #deadlines = new DeadlineHeap<Route>();
  readonly #trace: EndpointTrace<Connection> | undefined;
  /** The hello that was handled last; good as long as it is handled. */
  #hello: Uint8Array | undefined;
  readonly #hellos: HelloReceiver;
  readonly #resumptions: Resumptions;
  readonly #answers: StatelessAnswers;
  readonly #scratch = new Uint8Array(MAX_PACKET_PAYLOAD_LENGTH + 1);
  readonly #counters = new EndpointCounters();
  readonly #onLimit = (limit: LimitName): void => this.#counters.onLimit(limit);
  readonly #onTicket = (ticket: ReceivedTicket): void =>
    this.#resumptions.keep(ticket);
  readonly #perKey: KeyCounts<Connection>;
  readonly #lingering = new LingeringConnections<Connection>();
  readonly #onLinger = (connection: Connection): void => {
    this.#lingering.follow(connection);
    // Its owner may have another one: it gives way to any other itself.
    this.#perKey.delete(connection);
  };
  readonly #wake = (connection: Connection): void => {
    const route = this.#routes.get(connection);
    if (route === undefined) return;
    this.#sendQueue.add(route);
    this.#deadlineQueue.add(route);
    this.#eventQueue.add(route);
  };
  #nextId = 1;

  /**
   * Starts without connections.
   *
   * @param options Key pair, suites, limits.
   * @param random Where connection ids and ephemeral keys come from.
   * @param observer Who watches, if anybody.
   * @throws {TransportError} `INVALID_CONFIG`.
   */
  constructor(
    options: EndpointOptions,
    random: RandomSource,
    observer?: EndpointObserver,
  ) {
    if (observer !== undefined) this.#trace = new EndpointTrace(observer);
    this.config = createEndpointConfig(options);
    this.#random = random;
    const { keyPair, suites, cryptoProvider: provider } = this.config;
    const { privateKey } = keyPair;
    const staticKey = new StaticKey(privateKey, { provider });
    this.#resumptions = new Resumptions(this.config, random, staticKey);
    this.#ephemeralKeys = new EphemeralKeys(random, provider);
    this.#handshake = {
      keyPair,
      staticKey,
      suites,
      random,
      ephemeralKeys: this.#ephemeralKeys,
      provider,
    };
    this.#ids = new ConnectionRoutes(privateKey, random);
    this.#answers = new StatelessAnswers(this.config, this.#onLimit);
    this.#perKey = new KeyCounts(this.config.maxConnectionsPerKey);
    this.#hellos = new HelloReceiver({
      config: this.config,
      random,
      answers: this.#answers,
      resumptions: this.#resumptions,
      handshake: this.#handshake,
      hasRoom: () => this.#hasRoom(),
      createConnectionId: () => this.#ids.newConnectionId(),
      resetTokenOf: (id, hostname) => this.#ids.resetTokenOf(id, hostname),
      open: (now, hello) => this.#open(now, hello, false),
      onResumed: (now, connection) => this.#limitKey(now, connection),
    });
  }

  /** Counters over all connections. */
  get stats(): EndpointStats {
    return {
      ...this.#counters.stats,
      connectionCount: this.#routes.size,
      connectionIdCount: this.#ids.size,
      halfOpenCount: this.#hellos.halfOpenCount,
      retriesSent: this.#hellos.retriesSent,
      tickets: this.#resumptions.stats,
    };
  }

  /**
   * Whether a connection was closed of which the peer has not said that it knows,
   * and may still do so.
   */
  get isPeerUnaware(): boolean {
    return this.#lingering.isPeerUnaware;
  }

  /** Connections that were begun, by either end. */
  get begunCount(): number {
    return this.#nextId;
  }

  /** Connections that are open or half open. */
  get connectionCount(): number {
    return this.#routes.size;
  }

  /**
   * Starts a connection.
   *
   * @param now The time.
   * @param remoteAddress Where the peer is.
   * @param options The peer's key.
   * @returns The connection; its event `established` or `closed` follows.
   * @throws {TransportError} `LIMIT` when there are too many connections,
   * `INVALID_CONFIG` for a key that is not 32 bytes long, or of small order.
   */
  connect(
    now: Instant,
    remoteAddress: Address,
    options: ConnectOptions = {},
  ): Connection {
    if (!this.#hasRoom()) {
      throw new TransportError(
        "LIMIT",
        `Endpoint: ${this.config.maxConnections} connections are open already`,
        { fault: "caller" },
      );
    }
    const { remoteStaticPublicKey } = options;
    if (remoteStaticPublicKey !== undefined) {
      checkRemoteKey(remoteStaticPublicKey);
    }
    const connectionId = this.#ids.newConnectionId();
    const limits = localTransportParameters(this.config, MAX_UDP_PAYLOAD_BYTES);
    const { hostname } = remoteAddress;
    // The first message of XX is in the clear: no place for a secret.
    const parameters = remoteStaticPublicKey === undefined ? limits : {
      ...limits,
      resetToken: this.#ids.resetTokenOf(connectionId, hostname),
    };
    const early = options.isEarlyWanted && remoteStaticPublicKey !== undefined
      ? this.#resumptions.take(now, remoteStaticPublicKey, parameters)
      : undefined;
    const handshake = new InitiatorHandshake(
      { ...this.#handshake, parameters },
      connectionId,
      remoteStaticPublicKey,
      early,
    );
    const { handshakeTimeoutMs } = options;
    return this.#open(now, {
      handshake,
      parameters,
      connectionId,
      remoteAddress,
      early,
      handshakeTimeoutMs,
    }, true);
  }

  /**
   * Takes a datagram.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param datagram Its bytes; borrowed for the call, not changed.
   */
  handleDatagram(now: Instant, from: Address, datagram: Uint8Array): void {
    this.#counters.onReceived(datagram.length);
    this.#hellos.begin();
    this.#trace?.datagramReceived(now, from, datagram);
    let offset = 0;
    let first: Connection | undefined;
    // Several packets may share a datagram (RFC 9000 §12.2): what follows a
    // broken one is dropped with it.
    while (offset < datagram.length) {
      if (datagram.length - offset < PACKET_HEADER_LENGTH) {
        return this.#dropStray("malformed", from, datagram);
      }
      const end = offset + PACKET_HEADER_LENGTH +
        packetPayloadLength(datagram, offset);
      if (end > datagram.length) {
        return this.#dropStray("malformed", from, datagram);
      }
      const key = connectionIdKey(datagram, offset);
      if (key === HELLO_CONNECTION_ID_KEY) {
        // A hello stands alone and fills its datagram.
        this.#hello = datagram;
        const reason = offset > 0 || end !== datagram.length
          ? "malformed"
          : this.#hellos.handle(now, from, datagram);
        this.#hello = undefined;
        if (reason !== undefined) this.#dropStray(reason, from, datagram);
        return;
      }
      const connection = this.#ids.get(key);
      if (connection === undefined) {
        if (offset === 0) return this.#handleUnknown(now, from, datagram);
        return this.#dropStray("unknown-connection", from, datagram);
      }
      if (offset === 0) {
        first = connection;
        connection.handleDatagramReceived(datagram.length, from);
      }
      const packet = datagram.subarray(offset, end);
      const datagramBytes = connection === first ? datagram.length : 0;
      this.#handlePacket(now, connection, packet, from, datagramBytes);
      poison(this.#scratch);
      offset = end;
    }
  }

  /**
   * Drops a hello unread: there are more than may wait.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param datagram Its bytes; borrowed for the call, not changed.
   */
  dropHello(now: Instant, from: Address, datagram: Uint8Array): void {
    this.#counters.onReceived(datagram.length);
    this.#trace?.datagramReceived(now, from, datagram);
    this.#dropStray("hello-overflow", from, datagram);
  }

  /**
   * Does what is due on every connection.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    this.#hellos.begin();
    this.#trace?.setTime(now);
    this.#refreshDeadlines();
    for (;;) {
      const route = this.#deadlines.popExpired(now);
      if (route === undefined) return;
      route.connection.handleTimeout(now);
    }
  }

  /**
   * Writes the next datagram to send.
   *
   * @param now The time.
   * @param into Where to write; `config.maxDatagramBytes` at least.
   * @returns Where it goes and its length, or `undefined` when there is none.
   */
  pollTransmit(now: Instant, into: Uint8Array): Transmit | undefined {
    this.#trace?.setTime(now);
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      into.set(answer.packet);
      return this.#transmit(now, answer.to, into, answer.packet.length, true);
    }
    for (;;) {
      const route = this.#sendQueue.shift();
      if (route === undefined) {
        if (this.#hellos.begin()) continue;
        return undefined;
      }
      const { connection } = route;
      if (!this.#routes.has(connection)) continue;
      const length = connection.pollTransmit(now, into);
      if (length > 0) {
        // Back to the end of the queue: connections take turns.
        this.#sendQueue.add(route);
        this.#deadlineQueue.add(route);
        return this.#transmit(
          now,
          connection.remoteAddress,
          into,
          length,
          connection.isSendingSeparately(now),
        );
      }
      this.#updateDeadline(route);
    }
  }

  /**
   * Whether the next datagram is best sent before events are polled: who gets it
   * has to compute for a while, and so has this end.
   */
  get isAnswerUrgent(): boolean {
    return this.#hellos.hasBeginnings;
  }

  /** When {@linkcode Endpoint.handleTimeout} has to be called next. */
  pollTimeout(): Instant | undefined {
    this.#refreshDeadlines();
    return this.#deadlines.earliest;
  }

  /** The next event, if any. */
  pollEvent(): EndpointEvent | undefined {
    this.#hellos.begin();
    for (;;) {
      const route = this.#eventQueue.peek();
      if (route === undefined) return undefined;
      const { connection } = route;
      if (!route.isAnnounced && connection.state !== "handshaking") {
        route.isAnnounced = true;
        // A handshake that came to nothing is nobody's business.
        if (connection.peerStaticPublicKey !== undefined) {
          return { type: "connection-incoming", connection };
        }
      }
      const event = connection.pollEvent();
      if (event !== undefined) return { type: "connection", connection, event };
      this.#eventQueue.shift();
      if (connection.state === "closed") this.#remove(connection);
    }
  }

  /** Whether {@linkcode Endpoint.prepare} has something to do. */
  get isPreparationDue(): boolean {
    return this.#ephemeralKeys.isShort;
  }

  /**
   * Does a little of what handshakes to come will need, about 0.1 ms of work: for
   * when nothing else is to be done. Without it they take that much longer.
   */
  prepare(): void {
    this.#ephemeralKeys.prepare();
  }

  /**
   * This endpoint is at another address now: its connections go on from there.
   *
   * @param now The time.
   * @param isOtherHost Whether more than the port has changed.
   */
  handleLocalMove(now: Instant, isOtherHost: boolean): void {
    this.#hellos.begin();
    for (const connection of this.#routes.keys()) {
      connection.handleLocalMove(now, isOtherHost);
    }
  }

  /**
   * Closes every connection.
   *
   * @param now The time.
   * @param code Close code.
   * @param reason For a person.
   */
  close(now: Instant, code = 0, reason = ""): void {
    this.#hellos.begin();
    for (const connection of this.#routes.keys()) {
      connection.close(now, code, reason);
    }
    this.#ephemeralKeys.wipe();
  }

  /**
   * Forgets every connection, also one whose peer has not said that it knows of the
   * end: nothing is sent or received any more. Who watches them is told.
   *
   * @param now The time.
   */
  forgetAll(now: Instant): void {
    this.#trace?.setTime(now);
    for (const connection of [...this.#routes.keys()]) {
      connection.forget();
      this.#remove(connection);
    }
  }

  // ── Packets of no connection ──────────────────────────────────────────────

  /** A datagram for an id that nobody has: it is a reset, or is answered by one. */
  #handleUnknown(now: Instant, from: Address, datagram: Uint8Array): void {
    const isHandshake = isHandshakeHeader(datagram, 0);
    const lost = isHandshake ? undefined : this.#ids.findReset(from, datagram);
    if (lost !== undefined) return lost.handleStatelessReset();
    const maxBytes = maxResetBytes(datagram.length);
    // An id that we cannot have chosen was never a connection of ours.
    const isOurs = connectionIdKey(datagram) !== FOREIGN_CONNECTION_ID_KEY;
    if (!isHandshake && isOurs && maxBytes > 0) {
      const isSent = this.#answers.push(now, from, () => {
        const id = datagram.subarray(0, CONNECTION_ID_LENGTH);
        const token = this.#ids.resetTokenOf(id, from.hostname);
        return encodeReset(this.#random, token, maxBytes);
      });
      if (isSent) this.#counters.onResetSent();
    }
    this.#dropStray("unknown-connection", from, datagram);
  }

  // ── Packets of connections ────────────────────────────────────────────────

  #handlePacket(
    now: Instant,
    connection: Connection,
    packet: Uint8Array,
    from: Address,
    datagramBytes: number,
  ): void {
    if (connection.state === "handshaking" && connection.isInitiator) {
      const answer = decodeHelloAnswer(packet);
      if (answer !== undefined) {
        return this.#handleHelloAnswer(answer, connection, packet, from);
      }
    }
    const reason = connection.handlePacket(now, packet, from, datagramBytes);
    if (reason !== undefined) this.#drop(reason, connection, packet);
    this.#hellos.settle(now, connection);
    if (!connection.isInitiator) this.#limitKey(now, connection);
    this.#ids.follow(connection);
    this.#wake(connection);
  }

  #handleHelloAnswer(
    answer: HelloAnswer,
    connection: Connection,
    packet: Uint8Array,
    from: Address,
  ): void {
    // A host with several addresses answers from any of them.
    if (
      !hasAnswerMac(answer) && !isSameAddress(connection.remoteAddress, from)
    ) {
      connection.handleForeignAnswer(from);
      return this.#drop("address-mismatch", connection, packet);
    }
    const trace = this.#trace?.of(connection);
    if (answer.type === "version-negotiation") {
      trace?.handshakeReceived(packet);
      return connection.handleVersionNegotiation(answer.versions);
    }
    if (answer.type === "wrong-key") {
      trace?.handshakeReceived(packet);
      return connection.handleRefusal();
    }
    const reason = connection.handleHelloAnswer(answer.type, packet);
    if (reason !== undefined) this.#drop(reason, connection, packet);
    else trace?.handshakeReceived(packet);
  }

  /** What one key may open is bounded as soon as the key is known. */
  #limitKey(now: Instant, connection: Connection): void {
    const { peerStaticPublicKey } = connection;
    if (
      peerStaticPublicKey === undefined || connection.state !== "established" ||
      this.#perKey.add(connection, peerStaticPublicKey)
    ) return;
    this.#onLimit("maxConnectionsPerKey");
    this.#routes.get(connection)!.isAnnounced = true;
    connection.close(
      now,
      CloseCode.CONNECTION_REFUSED,
      `More than ${this.config.maxConnectionsPerKey} connections of one key`,
    );
  }

  #open(
    now: Instant,
    parts: Omit<AnsweredHello, "handshake"> & {
      readonly handshake: InitiatorHandshake | ResponderHandshake;
      readonly early?: EarlyData | undefined;
      readonly handshakeTimeoutMs?: number | undefined;
    },
    isAnnounced: boolean,
  ): Connection {
    if (this.#routes.size >= this.config.maxConnections) this.#forgetOldest();
    const { handshakeTimeoutMs, ...rest } = parts;
    const { connectionId } = rest;
    const trace = this.#trace?.begin(now, parts);
    const connection = new Connection(now, {
      ...rest,
      trace,
      onSecret: this.#trace?.onSecret,
      id: this.#nextId++,
      config: handshakeTimeoutMs === undefined
        ? this.config
        : { ...this.config, handshakeTimeoutMs },
      random: this.#random,
      routes: this.#ids,
      scratch: this.#scratch,
      wake: this.#wake,
      onLimit: this.#onLimit,
      onTicket: this.#onTicket,
      onLinger: this.#onLinger,
    });
    if (trace !== undefined) {
      this.#trace!.add(connection, trace);
      if (!connection.isInitiator) trace.handshakeReceived(this.#hello!);
    }
    this.#add({
      connection,
      queuedIn: 0,
      deadlineAt: Infinity,
      heapIndex: -1,
      connectionId,
      isAnnounced,
    });
    return connection;
  }

  /** Whether there may be another connection: one that is over gives way to it. */
  #hasRoom(): boolean {
    return this.#routes.size < this.config.maxConnections ||
      this.#lingering.oldest !== undefined;
  }

  #forgetOldest(): void {
    const { oldest } = this.#lingering;
    assert(oldest !== undefined, "There was room for another connection");
    oldest.forget();
    this.#remove(oldest);
  }

  #add(route: Route): void {
    const { connection } = route;
    this.#ids.add(route.connectionId, connection);
    this.#routes.set(connection, route);
    this.#wake(connection);
  }

  #remove(connection: Connection): void {
    const route = this.#routes.get(connection);
    if (route === undefined) return;
    this.#hellos.forget(connection);
    this.#routes.delete(connection);
    this.#trace?.forget(connection);
    this.#ids.delete(connection);
    this.#perKey.delete(connection);
    this.#lingering.delete(connection);
    this.#deadlines.set(route, undefined);
  }

  #refreshDeadlines(): void {
    for (
      let route = this.#deadlineQueue.shift();
      route !== undefined;
      route = this.#deadlineQueue.shift()
    ) this.#updateDeadline(route);
  }

  readonly #updateDeadline = (route: Route): void => {
    const { connection } = route;
    if (!this.#routes.has(connection)) return;
    this.#deadlines.set(route, connection.pollTimeout());
    if (connection.state === "closed") this.#eventQueue.add(route);
  };

  #transmit(
    now: Instant,
    to: Address,
    from: Uint8Array,
    length: number,
    isSeparate: boolean,
  ): Transmit {
    this.#counters.onSent(length);
    this.#trace?.datagramSent(now, to, from, length);
    return { to, length, isSeparate };
  }

  #drop(
    reason: DropReason,
    connection: Connection,
    packet: Uint8Array,
  ): void {
    this.#counters.onDropped(reason);
    this.#trace?.of(connection)?.packetDropped(reason, packet.length);
  }

  #dropStray(reason: DropReason, from: Address, datagram: Uint8Array): void {
    this.#counters.onDropped(reason);
    this.#trace?.strayDropped(reason, from, datagram.length);
  }
}
