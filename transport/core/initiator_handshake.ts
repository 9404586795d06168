/**
 * The side of the handshake that starts it.
 *
 * Spec: docs/spec/transport.md, "Handshake".
 *
 * @module
 */
import { type HandshakeState, wipe } from "../../crypto/mod.ts";
import { assert } from "../../internal/assert.ts";
import { MAX_RETRIES_FOLLOWED, TRANSPORT_VERSION } from "./config.ts";
import {
  type EarlyData,
  earlyPayloadLength,
  encodeEarlyPayload,
} from "./early_data.ts";
import { TransportError } from "./error.ts";
import {
  confirmationOf,
  createNoise,
  type HandshakeOptions,
  type HandshakeOutcome,
  readNoise,
  resultOf,
  writeNoise,
} from "./handshake.ts";
import {
  decodeNoisePacket,
  decodeRetry,
  encodeInitiatorFinish,
  encodeInitiatorHello,
  HandshakeKind,
  HandshakePatternCode,
  hasValidMac,
  type HelloHead,
  helloMacKey,
  helloPayloadRoom,
  type InitiatorHello,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import {
  AnswerParts,
  decodeAnswerRest,
  encodeHelloRest,
  splitMessage,
} from "./split_message.ts";
import type { DropReason } from "./stats.ts";
import {
  encodeSuites,
  type Suite,
  suiteAfterRefusal,
  suiteError,
  suiteParts,
} from "./suite.ts";
import { decodeSuiteRefusal } from "./suite_refusal.ts";
import { decodeTicketRefusal } from "./ticket_refusal.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
} from "./transport_parameters.ts";

const EMPTY = new Uint8Array(0);

/** What the first message of NNpsk0 adds to its payload: a key and a tag. */
const NNPSK0_OVERHEAD: number = 32 + 16;

/** One attempt of the initiator: a hello with one suite in use. */
interface HelloAttempt {
  readonly suite: Suite;
  readonly noise: HandshakeState;
  /** The fields of the hello: a retry changes its cookie and nothing else. */
  readonly fields: InitiatorHello;
  /** What of the Noise message does not fit the hello; in hybrid suites. */
  readonly rest: Uint8Array | undefined;
  readonly responseMacKey: Uint8Array;
  /** The answer as far as it is here; in hybrid suites. */
  readonly answer: AnswerParts;
}

/** What a hello with a ticket adds to one without. */
interface Resumption {
  readonly ticket: Uint8Array;
  readonly psk: Uint8Array;
  /** Frames of the streams that do not wait for the handshake. */
  readonly frames: Uint8Array;
}

/** The side that starts. */
export class InitiatorHandshake {
  readonly #options: HandshakeOptions;
  readonly #connectionId: Uint8Array;
  readonly #remoteStaticPublicKey: Uint8Array | undefined;
  readonly #helloMacKey: Uint8Array;
  readonly #early: EarlyData | undefined;
  #attempt: HelloAttempt | undefined;
  /**
   * The attempts that were refused, one for its ticket and one for its suite at
   * most. Whoever saw the hello could have said so: if one is answered after
   * all, the answer counts.
   */
  readonly #refused: HelloAttempt[] = [];
  #hello: Uint8Array | undefined;
  #hasCookie = false;
  #retryCount = 0;
  #isSuiteChanged = false;
  /** A ticket that left in vain: the responder is told to take it no more. */
  #givenUpTicket: Uint8Array | undefined;
  #refusal: TransportError | undefined;
  #finish: Uint8Array | undefined;

  /**
   * @param options Keys, suites, limits and randomness.
   * @param connectionId The id that this side chose.
   * @param remoteStaticPublicKey The responder's static key (IK); absent: XX.
   * @param early A ticket of the responder, and streams whose data leaves with
   * the hello if there is any by then.
   */
  constructor(
    options: HandshakeOptions,
    connectionId: Uint8Array,
    remoteStaticPublicKey: Uint8Array | undefined,
    early?: EarlyData,
  ) {
    this.#options = options;
    this.#connectionId = connectionId;
    this.#remoteStaticPublicKey = remoteStaticPublicKey;
    this.#helloMacKey = helloMacKey(remoteStaticPublicKey);
    this.#early = early;
  }

  /**
   * The first message: a whole datagram, repeated until it is answered. It is
   * made when it is asked for first; data that comes later waits.
   */
  get hello(): Uint8Array {
    return this.#hello ??= encodeInitiatorHello(
      this.#current.fields,
      this.#helloMacKey,
    );
  }

  /**
   * The second datagram of the hello, in hybrid suites: it leaves once a retry
   * has given us a cookie, for without one nobody keeps the first.
   */
  get helloRest(): Uint8Array | undefined {
    const { rest } = this.#current;
    if (rest === undefined || !this.#hasCookie) return undefined;
    return encodeHelloRest({ connectionId: this.#connectionId, rest });
  }

  /** The third message; exists once the second was accepted. */
  get finish(): Uint8Array {
    assert(
      this.#finish !== undefined,
      "The finish exists after the ResponderHello",
    );
    return this.#finish;
  }

  /** Why the responder will take no hello of ours, as far as it can be believed. */
  get refusal(): TransportError | undefined {
    return this.#refusal;
  }

  /**
   * Takes the demand for a proof of our address: the hello is the same from now
   * on, with the cookie in it.
   *
   * @param packet A whole handshake packet of kind 5.
   * @returns Why it was dropped, or `undefined`; the hello then has to be sent.
   */
  handleRetry(packet: Uint8Array): DropReason | undefined {
    const cookie = decodeRetry(packet);
    if (cookie === undefined) return "malformed";
    const { fields, responseMacKey } = this.#current;
    if (!hasValidMac(packet, responseMacKey)) return "bad-mac";
    // Repeated hellos bring several; whoever saw the hello could send more.
    if (this.#retryCount >= MAX_RETRIES_FOLLOWED) return "duplicate-handshake";
    this.#retryCount++;
    this.#hasCookie = true;
    this.#hello = encodeInitiatorHello(
      { ...fields, cookie },
      this.#helloMacKey,
    );
    return undefined;
  }

  /**
   * Takes the word that the suite in use is not the one that the responder
   * likes best of those offered: the hello is a new one from then on, with
   * another suite in use and all of them listed again. It is followed once.
   *
   * @param packet A whole handshake packet of kind 6 and reason 2.
   * @returns Why it was dropped, or `undefined`; the hello then has to be sent,
   * unless there is a {@linkcode InitiatorHandshake.refusal} now.
   */
  handleSuiteRefusal(packet: Uint8Array): DropReason | undefined {
    const named = decodeSuiteRefusal(packet);
    if (named === undefined) return "malformed";
    const attempt = this.#current;
    const { suite } = attempt;
    if (!hasValidMac(packet, attempt.responseMacKey)) return "bad-mac";
    const { suites } = this.#options;
    const next = this.#isSuiteChanged ? undefined : suiteAfterRefusal(named, [
      suite,
      ...suites.filter((each) => each !== suite),
    ]);
    if (next === undefined) {
      this.#refusal ??= suiteError(suite, named, suites);
      return undefined;
    }
    this.#isSuiteChanged = true;
    this.#restart(attempt, next);
    return undefined;
  }

  /**
   * Takes the word that our ticket is not taken: the hello is a new one from
   * then on, with a new ephemeral key and without ticket and data.
   *
   * @param packet A whole handshake packet of kind 6 and reason 3 or 4.
   * @returns Why it was dropped, or `undefined`; the hello then has to be sent,
   * unless there is a {@linkcode InitiatorHandshake.refusal} now.
   */
  handleTicketRefusal(packet: Uint8Array): DropReason | undefined {
    const refused = decodeTicketRefusal(packet);
    if (refused === undefined) return "malformed";
    const attempt = this.#current;
    if (!hasValidMac(packet, attempt.responseMacKey)) return "bad-mac";
    const { ticket } = attempt.fields;
    // A hello that gives a ticket up can be told that it comes too late.
    const named = refused.isUsed ? ticket ?? this.#givenUpTicket : ticket;
    if (named === undefined) return "duplicate-handshake";
    if (refused.isUsed) {
      // What left with the hello was processed: to send it again might be twice.
      this.#refusal ??= new TransportError(
        "CONNECTION_LOST",
        "Handshake: the peer knows the hello, and nothing of its connection",
      );
      return undefined;
    }
    this.#restart(attempt, attempt.suite);
    return undefined;
  }

  /**
   * Takes the second message, or a part of it.
   *
   * @param packet A whole handshake packet of kind 2 or 8.
   * @returns The keys, or why it was dropped; the handshake then goes on waiting.
   */
  handleResponderHello(packet: Uint8Array): HandshakeOutcome {
    if (this.#finish !== undefined) {
      return { ok: false, reason: "duplicate-handshake" };
    }
    const attempts = [this.#current, ...this.#refused];
    const rest = decodeAnswerRest(packet);
    if (rest !== undefined) {
      const attempt = attempts.find(({ suite }) => suiteParts(suite).isHybrid);
      return attempt === undefined
        ? { ok: false, reason: "malformed" }
        : this.#complete(attempt, attempt.answer.takeRest(rest));
    }
    const decoded = decodeNoisePacket(packet, HandshakeKind.RESPONDER_HELLO);
    if (decoded === undefined) return { ok: false, reason: "malformed" };
    const attempt = attempts.find((each) =>
      hasValidMac(packet, each.responseMacKey)
    );
    if (attempt === undefined) return { ok: false, reason: "bad-mac" };
    const message = suiteParts(attempt.suite).isHybrid
      ? attempt.answer.takeFirst(decoded.noise)
      : decoded.noise;
    return this.#complete(attempt, message);
  }

  /** Reads the second message, if it is whole, and writes the third. */
  #complete(
    { suite, noise, fields }: HelloAttempt,
    message: Uint8Array | undefined,
  ): HandshakeOutcome {
    if (message === undefined) return { ok: false, reason: undefined };
    const payload = readNoise(noise, message);
    if (payload === undefined) return { ok: false, reason: "handshake-failed" };
    const peerParameters = decodeTransportParameters(payload);
    if (peerParameters?.connectionId === undefined) {
      return { ok: false, reason: "malformed" };
    }
    const last = noise.isComplete ? EMPTY : writeNoise(noise, EMPTY);
    if (last === undefined) return { ok: false, reason: "handshake-failed" };
    const peerConnectionId = peerParameters.connectionId;
    const result = resultOf(noise, {
      isInitiator: true,
      suite,
      peerConnectionId,
      peerParameters,
      ticketPeer: fields.ticket && this.#remoteStaticPublicKey,
      isResumed: fields.ticket !== undefined,
    });
    this.#finish = encodeInitiatorFinish(
      peerConnectionId,
      last,
      confirmationOf(result.sendSecret, noise.handshakeHash),
    );
    this.wipe();
    return { ok: true, result };
  }

  /**
   * Lets go of what is needed up to an answer: the ephemeral keys, which would
   * open what is recorded of the connection, and some kilobytes of packets.
   */
  wipe(): void {
    for (const attempt of [this.#attempt, ...this.#refused]) {
      attempt?.noise.wipe();
    }
    this.#refused.length = 0;
    this.#attempt = undefined;
    this.#hello = undefined;
  }

  get #current(): HelloAttempt {
    assert(
      this.#attempt !== undefined || this.#finish === undefined,
      "No hello is made once one was answered",
    );
    return this.#attempt ??= this.#early === undefined
      ? this.#start(this.#options.suites[0]!)
      : this.#resume(this.#early);
  }

  #restart(refused: HelloAttempt, suite: Suite): void {
    this.#refused.push(refused);
    this.#givenUpTicket ??= refused.fields.ticket;
    this.#attempt = this.#start(suite);
    // The new hello has to prove the address anew.
    this.#retryCount = 0;
    this.#hello = undefined;
    this.#hasCookie = false;
  }

  #resume(early: EarlyData): HelloAttempt {
    const { suite, ticket, psk } = early.ticket;
    const parameters = encodeTransportParameters(this.#options.parameters);
    const head = this.#headOf(suite, ticket);
    const frames = early.take(
      helloPayloadRoom(head, NNPSK0_OVERHEAD) -
        earlyPayloadLength(parameters, 0),
    );
    return frames === undefined
      ? this.#start(this.#options.suites[0]!)
      : this.#start(suite, { ticket, psk, frames });
  }

  #headOf(suite: Suite, ticket: Uint8Array | undefined): HelloHead {
    const others = this.#options.suites.filter((each) => each !== suite);
    const isKeyKnown = this.#remoteStaticPublicKey !== undefined;
    const { IK, XX, NNPSK0 } = HandshakePatternCode;
    const head = {
      version: TRANSPORT_VERSION,
      connectionId: this.#connectionId,
      pattern: isKeyKnown ? IK : XX,
      suites: encodeSuites([suite, ...others]),
    };
    return ticket === undefined ? head : { ...head, pattern: NNPSK0, ticket };
  }

  #start(suite: Suite, resumption?: Resumption): HelloAttempt {
    const options = this.#options;
    const head = this.#headOf(suite, resumption?.ticket);
    const noise = createNoise(options, {
      role: "initiator",
      suite,
      head,
      remoteStaticPublicKey: this.#remoteStaticPublicKey,
      psk: resumption?.psk,
    });
    // It is used up: with it whoever has recorded this hello could read it.
    wipe(resumption?.psk);
    const givenUpTicket = this.#givenUpTicket;
    const parameters = encodeTransportParameters({
      ...options.parameters,
      ...(givenUpTicket === undefined ? {} : { givenUpTicket }),
    });
    const message = noise.writeMessage(
      resumption === undefined
        ? parameters
        : encodeEarlyPayload(parameters, resumption.frames),
    );
    const ephemeral = message.subarray(0, NOISE_EPHEMERAL_LENGTH);
    const { first, rest } = suiteParts(suite).isHybrid
      ? splitMessage(message)
      : { first: message, rest: undefined };
    return {
      suite,
      noise,
      fields: { ...head, cookie: EMPTY, noise: first },
      rest,
      responseMacKey: responseMacKey(this.#connectionId, ephemeral),
      answer: new AnswerParts(),
    };
  }
}
