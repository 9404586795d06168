/**
 * What becomes of the hellos that an endpoint gets: which are answered, with
 * what, and which are repetitions of one that was answered.
 *
 * The cheap checks come first: size, version, checksum and MAC, then whether a
 * cookie is needed, then the ticket, and only then a Diffie-Hellman.
 *
 * Spec: docs/spec/transport.md, "Handshake", "Tickets".
 *
 * @module
 */
import { isEqualConstantTime, wipe } from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { isHandshakeHeader } from "../../protocol/mod.ts";
import { type Address, formatAddress } from "./address.ts";
import {
  MAX_UDP_PAYLOAD_BYTES,
  MIN_HELLO_DATAGRAM_BYTES,
  TRANSPORT_VERSION,
} from "./config.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { Connection } from "./connection.ts";
import type { HandshakeOptions } from "./handshake.ts";
import { ResponderHandshake } from "./responder_handshake.ts";
import {
  decodeHelloInvariants,
  decodeInitiatorHello,
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
import { PartialHellos } from "./partial_hellos.ts";
import type { Resumptions } from "./resumptions.ts";
import type { OpenedTicket } from "./session_ticket.ts";
import { decodeHelloRest, type HelloRest } from "./split_message.ts";
import type { StatelessAnswers } from "./stateless_answers.ts";
import type { DropReason, TicketRefusalReason } from "./stats.ts";
import {
  acceptedSuite,
  encodeSuites,
  type Suite,
  suiteParts,
} from "./suite.ts";
import { encodeSuiteRefusal } from "./suite_refusal.ts";
import { encodeTicketRefusal } from "./ticket_refusal.ts";
import {
  localTransportParameters,
  type TransportParameters,
} from "./transport_parameters.ts";

/** A hello that was answered. */
export interface AnsweredHello {
  /** Our half of the handshake. */
  readonly handshake: ResponderHandshake;
  /** What we announce. */
  readonly parameters: TransportParameters;
  /** The id that we chose. */
  readonly connectionId: Uint8Array;
  /** Where the hello came from. */
  readonly remoteAddress: Address;
}

/** What a {@linkcode HelloReceiver} is made from. */
export interface HelloReceiverOptions {
  /** The endpoint's configuration. */
  readonly config: EndpointConfig;
  /** Where secrets of cookies come from. */
  readonly random: RandomSource;
  /** Takes the answers of which nothing is remembered. */
  readonly answers: StatelessAnswers;
  /** The tickets. */
  readonly resumptions: Resumptions;
  /** Keys and suites of our handshakes. */
  readonly handshake: Omit<HandshakeOptions, "parameters">;
  /** Whether there may be another connection. */
  readonly hasRoom: () => boolean;
  /** A connection id that nobody has. */
  readonly createConnectionId: () => Uint8Array;
  /** What ends a connection once it is forgotten. */
  readonly resetTokenOf: (
    connectionId: Uint8Array,
    hostname: string,
  ) => Uint8Array;
  /** Makes the connection of a hello that is answered. */
  readonly open: (now: Instant, hello: AnsweredHello) => Connection;
  /** A connection began with a ticket, which proves the peer's static key. */
  readonly onResumed: (now: Instant, connection: Connection) => void;
}

/** What is remembered of an answered hello. */
interface Answered {
  /** By what its repetitions and copies are found. */
  readonly keys: readonly string[];
  readonly ticket: OpenedTicket | undefined;
  /** The initiator's ephemeral key, where a copy may come from anywhere. */
  readonly ephemeral: Uint8Array | undefined;
  /** Where it came from, and our half, as long as the handshake is half open. */
  halfOpen:
    | { readonly hostname: string; readonly handshake: ResponderHandshake }
    | undefined;
}

/** A hello on its way to an answer. */
interface Arrival {
  readonly from: Address;
  readonly hello: InitiatorHello;
  readonly keys: readonly string[];
  /** What it took, in bytes of datagrams. */
  readonly byteCount: number;
}

/** A connection that may begin once its answer has left. */
interface Beginning {
  readonly now: Instant;
  readonly connection: Connection;
  readonly frames: Uint8Array;
  readonly isHostProven: boolean;
}

/** The hellos of one endpoint. */
export class HelloReceiver {
  readonly #options: HelloReceiverOptions;
  readonly #config: EndpointConfig;
  readonly #admission: HelloAdmission;
  readonly #partials: PartialHellos;
  readonly #byHello = new Map<string, Connection>();
  readonly #answered = new Map<Connection, Answered>();
  readonly #macKeyIk: Uint8Array;
  readonly #macKeyXx: Uint8Array = helloMacKey();
  #beginnings: Beginning[] = [];
  #retriesSent = 0;

  /** @param options Configuration, tickets, and the endpoint's part. */
  constructor(options: HelloReceiverOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#admission = new HelloAdmission(options.config, options.random);
    this.#partials = new PartialHellos(options.config.maxPartialHellos);
    this.#macKeyIk = helloMacKey(options.config.keyPair.publicKey);
  }

  /** Handshakes that wait for their third message. */
  get halfOpenCount(): number {
    return this.#admission.halfOpenCount;
  }

  /** Hellos that were asked to prove their address first. */
  get retriesSent(): number {
    return this.#retriesSent;
  }

  /**
   * Takes a hello.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param packet All of its datagram, the first or the second of a hello;
   * borrowed.
   * @returns Why it was dropped, or `undefined`.
   */
  handle(
    now: Instant,
    from: Address,
    packet: Uint8Array,
  ): DropReason | undefined {
    if (!this.#config.accept) return "not-accepting";
    if (
      packet.length < MIN_HELLO_DATAGRAM_BYTES || !isHandshakeHeader(packet, 0)
    ) return "malformed";
    const rest = decodeHelloRest(packet);
    if (rest !== undefined) {
      return this.#handleRest(now, from, rest, packet.length);
    }
    const invariants = decodeHelloInvariants(packet);
    if (invariants === undefined) return "malformed";
    const { answers } = this.#options;
    if (invariants.version !== TRANSPORT_VERSION) {
      const { connectionId } = invariants;
      answers.push(
        now,
        from,
        () => encodeVersionNegotiation(connectionId, [TRANSPORT_VERSION]),
      );
      return "unknown-version";
    }
    const hello = decodeInitiatorHello(packet);
    if (hello === undefined) return "malformed";
    if (!hasValidChecksum(packet)) return "malformed";
    const reason = this.#judgeMac(packet, hello);
    if (reason === "wrong-key") {
      answers.push(
        now,
        from,
        () => encodeRefusal(hello.connectionId, RefusalReason.WRONG_KEY),
      );
    }
    if (reason !== undefined) return reason;
    if (hello.noise.length < NOISE_EPHEMERAL_LENGTH) return "malformed";
    const keys = keysOf(from, hello);
    const known = this.#knownBy(keys[0]!, hello);
    if (known !== undefined) return this.#repeat(known, from, packet.length);
    return this.#admit(now, { from, hello, keys, byteCount: packet.length });
  }

  /** Whether an answer is to leave before {@linkcode HelloReceiver.begin}. */
  get hasBeginnings(): boolean {
    return this.#beginnings.length > 0;
  }

  /**
   * Begins the connections whose hellos had a ticket. It waits until their
   * answers have left: the peer has as much to compute from there on as we have.
   *
   * @returns Whether there were any.
   */
  begin(): boolean {
    if (this.#beginnings.length === 0) return false;
    const beginnings = this.#beginnings;
    this.#beginnings = [];
    for (const { now, connection, frames, isHostProven } of beginnings) {
      connection.acceptEarly(now, frames, isHostProven);
      this.#options.onResumed(now, connection);
    }
    return true;
  }

  /**
   * A packet of a connection was processed, or the connection has ended.
   *
   * @param now The time.
   * @param connection One of the endpoint's.
   */
  settle(now: Instant, connection: Connection): void {
    const answered = this.#answered.get(connection);
    if (answered?.halfOpen === undefined) return;
    const { isConfirmed, state } = connection;
    if (!isConfirmed && state !== "closed") return;
    const { hostname, handshake } = answered.halfOpen;
    this.#admission.onSettled(hostname);
    // With the handshake goes a third of what a connection holds.
    answered.halfOpen = undefined;
    if (!isConfirmed) return;
    this.#options.resumptions.issue(now, connection, handshake.result);
  }

  /**
   * Forgets a connection that has ended.
   *
   * @param connection One of the endpoint's.
   */
  forget(connection: Connection): void {
    const answered = this.#answered.get(connection);
    if (answered === undefined) return;
    if (answered.halfOpen !== undefined) {
      this.#admission.onSettled(answered.halfOpen.hostname);
    }
    this.#answered.delete(connection);
    for (const key of answered.keys) {
      if (this.#byHello.get(key) === connection) this.#byHello.delete(key);
    }
  }

  /** The connection of a hello that was answered, if this one is the same. */
  #knownBy(key: string, hello: InitiatorHello): Connection | undefined {
    const here = this.#byHello.get(key);
    if (here !== undefined) return here;
    const elsewhere = this.#byHello.get(idKeyOf(hello.connectionId));
    if (elsewhere === undefined) return undefined;
    // Who has seen an id may have sent a hello of his own with it.
    const isSame = hello.ticket === undefined
      ? !elsewhere.isConfirmed
      : isEqualConstantTime(
        this.#answered.get(elsewhere)!.ephemeral!,
        ephemeralOf(hello),
      );
    return isSame ? elsewhere : undefined;
  }

  #judgeMac(packet: Uint8Array, hello: InitiatorHello): DropReason | undefined {
    switch (hello.pattern) {
      case HandshakePatternCode.IK:
      case HandshakePatternCode.NNPSK0:
        return hasValidHelloMac(packet, this.#macKeyIk)
          ? undefined
          : "wrong-key";
      case HandshakePatternCode.XX:
        return hasValidHelloMac(packet, this.#macKeyXx) ? undefined : "bad-mac";
      default:
        return "malformed";
    }
  }

  /** A hello that was answered, come again; with a ticket also from elsewhere. */
  #repeat(
    connection: Connection,
    from: Address,
    byteCount: number,
  ): DropReason | undefined {
    const { ticket } = this.#answered.get(connection)!;
    if (ticket !== undefined) {
      if (connection.isConfirmed) return "duplicate-handshake";
      connection.handleHelloFrom(from, ticket.isProvenHost(from.hostname));
    }
    connection.handleDatagramReceived(byteCount, from);
    connection.handleRepeatedHello();
    return undefined;
  }

  /** Judges a hello that is not known, before anything is spent on it. */
  #admit(now: Instant, arrival: Arrival): DropReason | undefined {
    const { from, hello, keys, byteCount } = arrival;
    const full = this.#fullness(now, from);
    if (full !== undefined) return full;
    const suite = acceptedSuite(hello.suites, this.#config.suites);
    if (suite === undefined) {
      this.#refuseSuite(now, from, hello);
      return "unacceptable-suite";
    }
    const { isHybrid } = suiteParts(suite);
    // A ticket of a suite that has none is refused without asking for the rest.
    const isSplit = isHybrid && hello.ticket === undefined;
    if (isSplit && this.#partials.has(keys[0]!, hello)) return undefined;
    const reason = this.#admission.judge(now, from, hello, isSplit);
    if (reason !== undefined) {
      if (reason !== "malformed") this.#sendRetry(now, from, hello);
      return reason;
    }
    if (!isSplit) return this.#answer(now, arrival, suite);
    return this.#partials.add(now, keys[0]!, { hello, suite, byteCount })
      ? "partial-hello-limit"
      : undefined;
  }

  /** The second packet of a hello whose first one has proven its address. */
  #handleRest(
    now: Instant,
    from: Address,
    { connectionId, rest }: HelloRest,
    byteCount: number,
  ): DropReason | undefined {
    const joined = this.#partials.complete(
      now,
      keyOf(from, connectionId),
      rest,
    );
    if (joined === "unknown") return "rest-without-hello";
    if (joined === "mismatch") return "malformed";
    const full = this.#fullness(now, from);
    if (full !== undefined) return full;
    const { hello, suite } = joined;
    const keys = keysOf(from, hello);
    byteCount += joined.byteCount;
    return this.#answer(now, { from, hello, keys, byteCount }, suite);
  }

  #fullness(
    now: Instant,
    from: Address,
  ): "connection-limit" | "half-open-limit" | undefined {
    if (!this.#options.hasRoom()) return "connection-limit";
    return this.#admission.isFull(now, from.hostname)
      ? "half-open-limit"
      : undefined;
  }

  /** This is where the Diffie-Hellman work starts. */
  #answer(
    now: Instant,
    arrival: Arrival,
    suite: Suite,
  ): DropReason | undefined {
    const { from, hello } = arrival;
    const options = this.#options;
    let ticket: OpenedTicket | undefined;
    let resumption: { owner: Uint8Array; psk: Uint8Array } | undefined;
    if (hello.ticket !== undefined) {
      const { resumptions } = options;
      const outcome = resumptions.open(now, hello.ticket, hello.suites[0]!);
      if (!outcome.ok) {
        return this.#refuseTicket(now, from, hello, outcome.reason);
      }
      ticket = outcome.ticket;
      const { resumptionSecret, initiatorPublicKey: owner } = ticket;
      const psk = resumptions.pskOf(resumptionSecret, owner, hello.ticket);
      wipe(resumptionSecret);
      resumption = { owner, psk };
    }
    const connectionId = options.createConnectionId();
    const parameters = {
      ...localTransportParameters(
        this.#config,
        MAX_UDP_PAYLOAD_BYTES,
        connectionId,
      ),
      resetToken: options.resetTokenOf(connectionId, from.hostname),
    };
    const accepted = ResponderHandshake.accept(
      { ...options.handshake, parameters },
      suite,
      hello,
      resumption,
    );
    wipe(resumption?.psk);
    if (!accepted.ok) {
      this.#admission.onFailed(now, from.hostname);
      return accepted.reason;
    }
    const { handshake } = accepted;
    if (ticket !== undefined) {
      // Not before: whoever saw the ticket could use it up with a forged hello.
      ticket.use();
      options.resumptions.onAccepted();
    } else if (!this.#mayComeAgain(now, handshake)) {
      return this.#refuseTicket(now, from, hello, "used");
    }
    const parts = {
      handshake,
      parameters,
      connectionId,
      remoteAddress: from,
    };
    this.#open(now, arrival, parts, ticket);
    return undefined;
  }

  /** A hello that was answered is a connection, and is known when it comes again. */
  #open(
    now: Instant,
    { from, hello, keys, byteCount }: Arrival,
    parts: AnsweredHello,
    ticket: OpenedTicket | undefined,
  ): void {
    const { handshake } = parts;
    const connection = this.#options.open(now, parts);
    connection.handleDatagramReceived(byteCount, from);
    this.#admission.onOpened(from.hostname);
    this.#answered.set(connection, {
      keys,
      ticket,
      ephemeral: ticket && ephemeralOf(hello).slice(),
      halfOpen: { hostname: from.hostname, handshake },
    });
    for (const key of keys) this.#byHello.set(key, connection);
    if (ticket !== undefined) {
      this.#beginnings.push({
        now,
        connection,
        frames: handshake.earlyFrames,
        isHostProven: ticket.isProvenHost(from.hostname),
      });
    }
  }

  /** Whether what left in vain with a ticket was not processed nevertheless. */
  #mayComeAgain(now: Instant, handshake: ResponderHandshake): boolean {
    const { givenUpTicket } = handshake;
    if (givenUpTicket === undefined) return true;
    const { peerStaticPublicKey } = handshake;
    const { resumptions } = this.#options;
    return resumptions.giveUp(now, givenUpTicket, peerStaticPublicKey);
  }

  #refuseSuite(now: Instant, from: Address, hello: InitiatorHello): void {
    this.#options.answers.push(now, from, () =>
      encodeSuiteRefusal(
        hello.connectionId,
        encodeSuites(this.#config.suites),
        responseMacKeyOf(hello),
      ));
  }

  #refuseTicket(
    now: Instant,
    from: Address,
    hello: InitiatorHello,
    reason: TicketRefusalReason,
  ): DropReason {
    const { answers, resumptions } = this.#options;
    resumptions.onRefused(reason);
    // At the rate of retries: after a restart all peers come with old tickets.
    answers.push(
      now,
      from,
      () =>
        encodeTicketRefusal(
          hello.connectionId,
          { isUsed: reason === "used" },
          responseMacKeyOf(hello),
        ),
      "retry",
    );
    return "ticket-refused";
  }

  #sendRetry(now: Instant, from: Address, hello: InitiatorHello): void {
    const isSent = this.#options.answers.push(
      now,
      from,
      () => this.#admission.createRetry(now, from, hello),
      "retry",
    );
    if (isSent) this.#retriesSent++;
  }
}

function ephemeralOf({ noise }: InitiatorHello): Uint8Array {
  return noise.subarray(0, NOISE_EPHEMERAL_LENGTH);
}

function responseMacKeyOf(hello: InitiatorHello): Uint8Array {
  return responseMacKey(hello.connectionId, ephemeralOf(hello));
}

/**
 * By what a hello that was answered is known again: from the same address by
 * the id that its sender chose; with a ticket from anywhere, by the id alone. So
 * what an initiator says after a refusal that somebody has forged is known too.
 */
function keysOf(from: Address, hello: InitiatorHello): string[] {
  const { connectionId, ticket } = hello;
  const key = keyOf(from, connectionId);
  return ticket === undefined ? [key] : [key, idKeyOf(connectionId)];
}

/** Nobody but hellos with a ticket is known by it. */
function idKeyOf(connectionId: Uint8Array): string {
  return connectionId.join(".");
}

function keyOf(from: Address, connectionId: Uint8Array): string {
  return `${formatAddress(from)} ${connectionId.join(".")}`;
}
