/**
 * One socket's worth of connections: routes what arrives, collects what leaves.
 *
 * Sans-IO: time, randomness and datagrams are handed in. After any input the
 * owner drains `pollTransmit`, then asks for `pollTimeout`, then drains
 * `pollEvent`.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { type Queueable, UniqueQueue } from "../../internal/unique_queue.ts";
import {
  CONNECTION_ID_LENGTH,
  connectionIdKey,
  createConnectionId,
  FOREIGN_CONNECTION_ID_KEY,
  HELLO_CONNECTION_ID_KEY,
} from "../../protocol/mod.ts";
import {
  isHandshakeHeader,
  MAX_PACKET_PAYLOAD_LENGTH,
  PACKET_HEADER_LENGTH,
  packetPayloadLength,
} from "../../protocol/mod.ts";
import { type Address, formatAddress, isSameAddress } from "./address.ts";
import {
  createEndpointConfig,
  type EndpointConfig,
  type EndpointOptions,
  MAX_UDP_PAYLOAD_BYTES,
  MIN_HELLO_DATAGRAM_BYTES,
  TRANSPORT_VERSION,
} from "./config.ts";
import { Connection } from "./connection.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import { DeadlineHeap } from "./deadline_heap.ts";
import { TransportError } from "./error.ts";
import { InitiatorHandshake, ResponderHandshake } from "./handshake.ts";
import {
  decodeHelloInvariants,
  decodeInitiatorHello,
  decodeRefusal,
  decodeRetry,
  decodeVersionNegotiation,
  encodeRefusal,
  encodeVersionNegotiation,
  HandshakePatternCode,
  hasValidChecksum,
  hasValidHelloMac,
  helloMacKey,
  type InitiatorHello,
  NOISE_EPHEMERAL_LENGTH,
  RefusalReason,
  responseMacKey,
} from "./handshake_packet.ts";
import { HelloAdmission } from "./hello_admission.ts";
import { StatelessAnswers } from "./stateless_answers.ts";
import {
  encodeReset,
  maxResetBytes,
  PeerResetTokens,
  ResetTokens,
} from "./stateless_reset.ts";
import type { DropCounts, DropReason, EndpointStats } from "./stats.ts";
import { acceptedSuite, encodeSuites } from "./suite.ts";
import { decodeSuiteRefusal, encodeSuiteRefusal } from "./suite_refusal.ts";
import type { Transmit } from "./transmit.ts";
import { localTransportParameters } from "./transport_parameters.ts";

/** Something happened on an endpoint. */
export type EndpointEvent =
  | {
    /** A peer has connected: its handshake is complete and its key proven. */
    readonly type: "connection-incoming";
    /** The new connection. */
    readonly connection: Connection;
  }
  | {
    /** Something happened on a connection. */
    readonly type: "connection";
    /** Which one. */
    readonly connection: Connection;
    /** What happened. */
    readonly event: ConnectionEvent;
  };

/** Options of {@linkcode Endpoint.connect}. */
export interface ConnectOptions {
  /** The peer's static key (Noise IK); absent: it is learned (Noise XX). */
  readonly remoteStaticPublicKey?: Uint8Array;
  /** How long the handshake may take; the endpoint's default when absent. */
  readonly handshakeTimeoutMs?: number;
}

/** What the endpoint knows of a connection beside the connection itself. */
interface Route extends Queueable {
  readonly connection: Connection;
  readonly key: number;
  /** Address and id of the initiator, as long as the hello may be repeated. */
  readonly helloKey: string | undefined;
  /** Where the hello came from, as long as the handshake is half open. */
  halfOpenHostname: string | undefined;
  isAnnounced: boolean;
}

/** All connections of one socket. */
export class Endpoint {
  /** The checked configuration. */
  readonly config: EndpointConfig;
  readonly #random: RandomSource;
  readonly #connections = new Map<number, Connection>();
  readonly #routes = new Map<Connection, Route>();
  readonly #byHello = new Map<string, Connection>();
  /** Connections that may have something to send or to tell, in turn. */
  readonly #sendQueue = new UniqueQueue<Route>(1);
  readonly #eventQueue = new UniqueQueue<Route>(2);
  readonly #deadlines = new DeadlineHeap<Connection>();
  readonly #admission: HelloAdmission;
  readonly #answers = new StatelessAnswers();
  readonly #resetTokens: ResetTokens;
  readonly #peerResetTokens: PeerResetTokens<Connection>;
  readonly #scratch = new Uint8Array(MAX_PACKET_PAYLOAD_LENGTH + 1);
  readonly #macKeyIk: Uint8Array;
  readonly #macKeyXx: Uint8Array = helloMacKey();
  readonly #drops: DropCounts = {};
  readonly #wake = (connection: Connection): void => {
    const route = this.#routes.get(connection);
    if (route === undefined) return;
    this.#sendQueue.add(route);
    this.#eventQueue.add(route);
  };
  #nextId = 1;
  #datagramsReceived = 0;
  #bytesReceived = 0;
  #datagramsSent = 0;
  #bytesSent = 0;
  #retriesSent = 0;
  #resetsSent = 0;

  /**
   * Starts without connections.
   *
   * @param options Key pair, suites, limits.
   * @param random Where connection ids and ephemeral keys come from.
   * @throws {TransportError} `INVALID_CONFIG`.
   */
  constructor(options: EndpointOptions, random: RandomSource) {
    this.config = createEndpointConfig(options);
    this.#random = random;
    this.#admission = new HelloAdmission(this.config, random);
    const { privateKey } = this.config.keyPair;
    this.#resetTokens = new ResetTokens(privateKey);
    this.#peerResetTokens = new PeerResetTokens(privateKey);
    this.#macKeyIk = helloMacKey(this.config.keyPair.publicKey);
  }

  /** Counters over all connections. */
  get stats(): EndpointStats {
    return {
      datagramsReceived: this.#datagramsReceived,
      bytesReceived: this.#bytesReceived,
      datagramsSent: this.#datagramsSent,
      bytesSent: this.#bytesSent,
      connectionCount: this.#connections.size,
      halfOpenCount: this.#admission.halfOpenCount,
      retriesSent: this.#retriesSent,
      resetsSent: this.#resetsSent,
      drops: { ...this.#drops },
    };
  }

  /**
   * Starts a connection.
   *
   * @param now The time.
   * @param remoteAddress Where the peer is.
   * @param options The peer's key.
   * @returns The connection; its event `established` or `closed` follows.
   * @throws {TransportError} `LIMIT` when there are too many connections,
   * `INVALID_CONFIG` for a key that is not 32 bytes long.
   */
  connect(
    now: Instant,
    remoteAddress: Address,
    options: ConnectOptions = {},
  ): Connection {
    if (this.#connections.size >= this.config.maxConnections) {
      throw new TransportError(
        "LIMIT",
        `Endpoint: ${this.config.maxConnections} connections are open already`,
        { fault: "caller" },
      );
    }
    const { remoteStaticPublicKey } = options;
    if (
      remoteStaticPublicKey !== undefined && remoteStaticPublicKey.length !== 32
    ) {
      throw new TransportError(
        "INVALID_CONFIG",
        `Public key: 32 bytes expected, got ${remoteStaticPublicKey.length}`,
      );
    }
    const connectionId = this.#newConnectionId();
    const limits = localTransportParameters(this.config, MAX_UDP_PAYLOAD_BYTES);
    const { hostname } = remoteAddress;
    // The first message of XX is in the clear: no place for a secret.
    const parameters = remoteStaticPublicKey === undefined ? limits : {
      ...limits,
      resetToken: this.#resetTokens.tokenOf(connectionId, hostname),
    };
    const handshake = new InitiatorHandshake(
      { ...this.#handshakeOptions(), parameters },
      connectionId,
      remoteStaticPublicKey,
    );
    const config = options.handshakeTimeoutMs === undefined
      ? this.config
      : { ...this.config, handshakeTimeoutMs: options.handshakeTimeoutMs };
    const connection = new Connection(now, {
      id: this.#nextId++,
      config,
      handshake,
      parameters,
      remoteAddress,
      random: this.#random,
      scratch: this.#scratch,
      wake: this.#wake,
    });
    this.#add({
      connection,
      queuedIn: 0,
      key: connectionIdKey(connectionId),
      helloKey: undefined,
      halfOpenHostname: undefined,
      isAnnounced: true,
    });
    return connection;
  }

  /**
   * Takes a datagram.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param datagram Its bytes; borrowed for the call, not changed.
   */
  handleDatagram(now: Instant, from: Address, datagram: Uint8Array): void {
    this.#datagramsReceived++;
    this.#bytesReceived += datagram.length;
    let offset = 0;
    let counted: Connection | undefined;
    // Several packets may share a datagram (RFC 9000 §12.2): what follows a
    // broken one is dropped with it.
    while (offset < datagram.length) {
      if (datagram.length - offset < PACKET_HEADER_LENGTH) {
        return this.#drop("malformed");
      }
      const end = offset + PACKET_HEADER_LENGTH +
        packetPayloadLength(datagram, offset);
      if (end > datagram.length) return this.#drop("malformed");
      const key = connectionIdKey(datagram, offset);
      if (key === HELLO_CONNECTION_ID_KEY) {
        // A hello stands alone and fills its datagram.
        if (offset > 0 || end !== datagram.length) {
          return this.#drop("malformed");
        }
        return this.#handleHello(now, from, datagram);
      }
      const connection = this.#connections.get(key);
      if (connection === undefined) {
        if (offset > 0) return this.#drop("unknown-connection");
        return this.#handleUnknown(now, from, datagram);
      }
      if (counted !== connection) {
        connection.handleDatagramReceived(datagram.length, from);
      }
      counted = connection;
      const packet = datagram.subarray(offset, end);
      this.#handlePacket(now, connection, packet, from);
      offset = end;
    }
  }

  /**
   * Does what is due on every connection.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    this.#refreshDeadlines();
    for (;;) {
      const connection = this.#deadlines.popExpired(now);
      if (connection === undefined) return;
      connection.handleTimeout(now);
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
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      into.set(answer.packet);
      return this.#transmit(answer.to, answer.packet.length);
    }
    for (;;) {
      const route = this.#sendQueue.shift();
      if (route === undefined) return undefined;
      const { connection } = route;
      if (!this.#routes.has(connection)) continue;
      const length = connection.pollTransmit(now, into);
      if (length > 0) {
        // Back to the end of the queue: connections take turns.
        this.#sendQueue.add(route);
        return this.#transmit(connection.remoteAddress, length);
      }
      this.#updateDeadline(route);
    }
  }

  /** When {@linkcode Endpoint.handleTimeout} has to be called next. */
  pollTimeout(): Instant | undefined {
    this.#refreshDeadlines();
    return this.#deadlines.earliest;
  }

  /** The next event, if any. */
  pollEvent(): EndpointEvent | undefined {
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

  /**
   * Closes every connection.
   *
   * @param now The time.
   * @param code Close code.
   * @param reason For a person.
   */
  close(now: Instant, code = 0, reason = ""): void {
    for (const connection of this.#connections.values()) {
      connection.close(now, code, reason);
    }
  }

  // ── Hellos ────────────────────────────────────────────────────────────────

  #handleHello(now: Instant, from: Address, packet: Uint8Array): void {
    if (!this.config.accept) return this.#drop("not-accepting");
    if (
      packet.length < MIN_HELLO_DATAGRAM_BYTES || !isHandshakeHeader(packet, 0)
    ) {
      return this.#drop("malformed");
    }
    const invariants = decodeHelloInvariants(packet);
    if (invariants === undefined) return this.#drop("malformed");
    if (invariants.version !== TRANSPORT_VERSION) {
      this.#answers.push(
        now,
        from,
        () =>
          encodeVersionNegotiation(invariants.connectionId, [
            TRANSPORT_VERSION,
          ]),
      );
      return this.#drop("unknown-version");
    }
    const hello = decodeInitiatorHello(packet);
    if (hello === undefined) return this.#drop("malformed");
    // The cheap checks come first: checksum and MAC, before any Diffie-Hellman.
    if (!hasValidChecksum(packet)) return this.#drop("malformed");
    const reason = this.#judgeMac(packet, hello);
    if (reason === "wrong-key") {
      this.#answers.push(
        now,
        from,
        () => encodeRefusal(hello.connectionId, RefusalReason.WRONG_KEY),
      );
    }
    if (reason !== undefined) return this.#drop(reason);
    const helloKey = `${formatAddress(from)} ${hello.connectionId.join(".")}`;
    const known = this.#byHello.get(helloKey);
    if (known !== undefined) {
      known.handleDatagramReceived(packet.length, from);
      known.handleRepeatedHello();
      return;
    }
    this.#accept(now, from, packet.length, hello, helloKey);
  }

  #judgeMac(packet: Uint8Array, hello: InitiatorHello): DropReason | undefined {
    if (hello.pattern === HandshakePatternCode.IK) {
      return hasValidHelloMac(packet, this.#macKeyIk) ? undefined : "wrong-key";
    }
    if (hello.pattern !== HandshakePatternCode.XX) return "malformed";
    return hasValidHelloMac(packet, this.#macKeyXx) ? undefined : "bad-mac";
  }

  #accept(
    now: Instant,
    from: Address,
    byteCount: number,
    hello: InitiatorHello,
    helloKey: string,
  ): void {
    if (this.#connections.size >= this.config.maxConnections) {
      return this.#drop("connection-limit");
    }
    if (this.#admission.isFull(now)) {
      return this.#drop("half-open-limit");
    }
    if (hello.noise.length < NOISE_EPHEMERAL_LENGTH) {
      return this.#drop("malformed");
    }
    const suite = acceptedSuite(hello.suites, this.config.suites);
    if (suite === undefined) {
      this.#refuseSuite(now, from, hello);
      return this.#drop("unacceptable-suite");
    }
    const reason = this.#admission.judge(now, from, hello);
    if (reason !== undefined) {
      if (reason !== "malformed") this.#sendRetry(now, from, hello);
      return this.#drop(reason);
    }
    const connectionId = this.#newConnectionId();
    const parameters = {
      ...localTransportParameters(
        this.config,
        MAX_UDP_PAYLOAD_BYTES,
        connectionId,
      ),
      resetToken: this.#resetTokens.tokenOf(connectionId, from.hostname),
    };
    const options = { ...this.#handshakeOptions(), parameters };
    const accepted = ResponderHandshake.accept(options, suite, hello);
    if (!accepted.ok) {
      this.#admission.onFailed(now, from.hostname);
      return this.#drop(accepted.reason);
    }
    const connection = new Connection(now, {
      id: this.#nextId++,
      config: this.config,
      handshake: accepted.handshake,
      parameters,
      remoteAddress: from,
      random: this.#random,
      scratch: this.#scratch,
      wake: this.#wake,
    });
    connection.handleDatagramReceived(byteCount, from);
    this.#admission.onOpened(from.hostname);
    this.#byHello.set(helloKey, connection);
    this.#add({
      connection,
      queuedIn: 0,
      key: connectionIdKey(connectionId),
      helloKey,
      halfOpenHostname: from.hostname,
      isAnnounced: false,
    });
  }

  #refuseSuite(now: Instant, from: Address, hello: InitiatorHello): void {
    const { connectionId, noise } = hello;
    this.#answers.push(now, from, () =>
      encodeSuiteRefusal(
        connectionId,
        encodeSuites(this.config.suites),
        responseMacKey(connectionId, noise.subarray(0, NOISE_EPHEMERAL_LENGTH)),
      ));
  }

  #sendRetry(now: Instant, from: Address, hello: InitiatorHello): void {
    const isSent = this.#answers.push(
      now,
      from,
      () => this.#admission.createRetry(now, from, hello),
      "retry",
    );
    if (isSent) this.#retriesSent++;
  }

  // ── Packets of no connection ──────────────────────────────────────────────

  /** A datagram for an id that nobody has: it is a reset, or is answered by one. */
  #handleUnknown(now: Instant, from: Address, datagram: Uint8Array): void {
    const isHandshake = isHandshakeHeader(datagram, 0);
    const lost = isHandshake
      ? undefined
      : this.#peerResetTokens.find(from, datagram);
    if (lost !== undefined) return lost.handleStatelessReset();
    const maxBytes = maxResetBytes(datagram.length);
    // An id that we cannot have chosen was never a connection of ours.
    const isOurs = connectionIdKey(datagram) !== FOREIGN_CONNECTION_ID_KEY;
    if (!isHandshake && isOurs && maxBytes > 0) {
      const isSent = this.#answers.push(now, from, () => {
        const id = datagram.subarray(0, CONNECTION_ID_LENGTH);
        const token = this.#resetTokens.tokenOf(id, from.hostname);
        return encodeReset(this.#random, token, maxBytes);
      });
      if (isSent) this.#resetsSent++;
    }
    this.#drop("unknown-connection");
  }

  // ── Packets of connections ────────────────────────────────────────────────

  #handlePacket(
    now: Instant,
    connection: Connection,
    packet: Uint8Array,
    from: Address,
  ): void {
    if (connection.state === "handshaking" && connection.isInitiator) {
      // What is not authenticated counts only from where the hello went.
      if (!isSameAddress(connection.remoteAddress, from)) {
        return this.#drop("address-mismatch");
      }
      const versions = decodeVersionNegotiation(packet);
      if (versions !== undefined && !versions.includes(TRANSPORT_VERSION)) {
        return connection.handleVersionNegotiation(versions);
      }
      if (decodeRefusal(packet) === RefusalReason.WRONG_KEY) {
        return connection.handleRefusal();
      }
      if (decodeSuiteRefusal(packet) !== undefined) {
        const reason = connection.handleSuiteRefusal(packet);
        if (reason !== undefined) this.#drop(reason);
        return;
      }
      if (decodeRetry(packet) !== undefined) {
        const reason = connection.handleRetry(packet);
        if (reason !== undefined) this.#drop(reason);
        return;
      }
    }
    const reason = connection.handlePacket(now, packet, from);
    if (reason !== undefined) this.#drop(reason);
    this.#settleHalfOpen(connection);
    this.#learnResetToken(connection);
    this.#wake(connection);
  }

  #learnResetToken(connection: Connection): void {
    const { peerResetToken } = connection;
    if (peerResetToken === undefined) return;
    this.#peerResetTokens.learn(peerResetToken, connection);
  }

  #settleHalfOpen(connection: Connection): void {
    const route = this.#routes.get(connection);
    if (
      route?.halfOpenHostname !== undefined &&
      connection.state !== "handshaking"
    ) {
      this.#admission.onSettled(route.halfOpenHostname);
      route.halfOpenHostname = undefined;
    }
  }

  #add(route: Route): void {
    const { connection } = route;
    this.#connections.set(route.key, connection);
    this.#routes.set(connection, route);
    this.#wake(connection);
  }

  #remove(connection: Connection): void {
    const route = this.#routes.get(connection);
    if (route === undefined) return;
    this.#settleHalfOpen(connection);
    this.#routes.delete(connection);
    this.#connections.delete(route.key);
    if (route.helloKey !== undefined) this.#byHello.delete(route.helloKey);
    this.#peerResetTokens.delete(connection);
    this.#deadlines.set(connection, undefined);
  }

  #refreshDeadlines(): void {
    this.#sendQueue.forEach(this.#updateDeadline);
  }

  readonly #updateDeadline = (route: Route): void => {
    const { connection } = route;
    if (!this.#routes.has(connection)) return;
    this.#deadlines.set(connection, connection.pollTimeout());
    if (connection.state === "closed") this.#eventQueue.add(route);
  };

  #transmit(to: Address, length: number): Transmit {
    this.#datagramsSent++;
    this.#bytesSent += length;
    return { to, length };
  }

  #drop(reason: DropReason): void {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1;
  }

  #newConnectionId(): Uint8Array {
    for (;;) {
      const id = createConnectionId(this.#random);
      if (!this.#connections.has(connectionIdKey(id))) return id;
    }
  }

  #handshakeOptions(): {
    keyPair: EndpointConfig["keyPair"];
    suites: EndpointConfig["suites"];
    random: RandomSource;
    provider: EndpointConfig["cryptoProvider"];
  } {
    return {
      keyPair: this.config.keyPair,
      suites: this.config.suites,
      random: this.#random,
      provider: this.config.cryptoProvider,
    };
  }
}
