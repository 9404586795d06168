/**
 * The three-message handshake: Noise IK where the responder's static key is
 * known, Noise XX where it is not, Noise IKpsk1 where the responder has given a
 * ticket and there is data to send with the hello.
 *
 * Each side is an object that owns one Noise handshake and the packets it has
 * made, which are repeated byte for byte when they get lost. What arrives here
 * is not authenticated yet: a bad packet gives a {@linkcode DropReason}, never
 * an exception.
 *
 * Spec: docs/spec/transport.md, "Handshake".
 *
 * @module
 */
import {
  confirmationKey,
  HandshakeState,
  hmacSha256,
  isEqualConstantTime,
  type KeyPair,
  type ProviderName,
  resumptionSecret,
  type StaticKey,
} from "../../crypto/mod.ts";
import { assert } from "../../internal/assert.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { MAX_RETRIES_FOLLOWED, TRANSPORT_VERSION } from "./config.ts";
import {
  decodeEarlyPayload,
  type EarlyData,
  earlyPayloadLength,
  encodeEarlyPayload,
} from "./early_data.ts";
import { TransportError } from "./error.ts";
import {
  AnswerParts,
  decodeAnswerRest,
  encodeAnswerRest,
  encodeHelloRest,
  splitMessage,
} from "./split_message.ts";
import type { DropReason } from "./stats.ts";
import {
  decodeNoisePacket,
  decodeRetry,
  encodeInitiatorFinish,
  encodeInitiatorHello,
  encodeResponderHello,
  HANDSHAKE_MAC_LENGTH,
  HandshakeKind,
  HandshakePatternCode,
  handshakePrologue,
  hasValidMac,
  type HelloHead,
  helloMacKey,
  helloPayloadRoom,
  type InitiatorHello,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import {
  encodeSuites,
  noiseProtocolName,
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
  type TransportParameters,
} from "./transport_parameters.ts";

const EMPTY = new Uint8Array(0);

/** Names of the patterns in a Noise protocol name. */
const NOISE_PATTERNS: Readonly<Record<number, string>> = {
  [HandshakePatternCode.IK]: "IK",
  [HandshakePatternCode.XX]: "XX",
  [HandshakePatternCode.IKPSK1]: "IKpsk1",
};

/** What the first message of IKpsk1 adds to its payload: two keys, two tags. */
const IKPSK1_OVERHEAD: number = 32 + 32 + 16 + 16;

/** What both sides hold when the handshake is done. */
export interface HandshakeResult {
  /** What the two ends settled on. */
  readonly suite: Suite;
  /** The peer's static public key, proven. */
  readonly peerStaticPublicKey: Uint8Array;
  /** The id that the peer chose. */
  readonly peerConnectionId: Uint8Array;
  /** The peer's limits. */
  readonly peerParameters: TransportParameters;
  /** Secret of the packets that this side sends. */
  readonly sendSecret: Uint8Array;
  /** Secret of the packets that this side receives. */
  readonly receiveSecret: Uint8Array;
  /** What the tickets of this connection stand for. */
  readonly resumptionSecret: Uint8Array;
  /** Whether a ticket was used, and what came with it has arrived. */
  readonly isResumed: boolean;
}

/**
 * Either the result, or why the packet was dropped; without a reason it was not,
 * and the rest of the message has still to come.
 */
export type HandshakeOutcome =
  | { readonly ok: true; readonly result: HandshakeResult }
  | { readonly ok: false; readonly reason: DropReason | undefined };

/** What both sides are made from. */
export interface HandshakeOptions {
  /** Our static key pair. */
  readonly keyPair: KeyPair;
  /** The same, imported for many handshakes; absent: for this one alone. */
  readonly staticKey?: StaticKey | undefined;
  /** Suites that we take, the preferred one first. */
  readonly suites: readonly Suite[];
  /** Our limits; the responder's hold its connection id. */
  readonly parameters: TransportParameters;
  /** Where the ephemeral key comes from. */
  readonly random: RandomSource;
  /** Which implementation of the primitives to use. */
  readonly provider: ProviderName | undefined;
}

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
    this.#refused.push(attempt);
    this.#restart(this.#start(next));
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
    if (attempt.fields.ticket === undefined) return "duplicate-handshake";
    if (refused.isUsed) {
      // What left with the hello was processed: to send it again might be twice.
      this.#refusal ??= new TransportError(
        "CONNECTION_LOST",
        "Handshake: the peer knows the hello, and nothing of its connection",
      );
      return undefined;
    }
    this.#refused.push(attempt);
    this.#restart(this.#start(attempt.suite));
    return undefined;
  }

  /**
   * Takes the second message, or a part of it.
   *
   * @param packet A whole handshake packet of kind 2 or 8.
   * @returns The keys, or why it was dropped; the handshake then goes on waiting.
   */
  handleResponderHello(packet: Uint8Array): HandshakeOutcome {
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
      isResumed: fields.ticket !== undefined,
    });
    this.#finish = encodeInitiatorFinish(
      peerConnectionId,
      last,
      confirmationOf(result.sendSecret, noise.handshakeHash),
    );
    return { ok: true, result };
  }

  get #current(): HelloAttempt {
    return this.#attempt ??= this.#early === undefined
      ? this.#start(this.#options.suites[0]!)
      : this.#resume(this.#early);
  }

  #restart(attempt: HelloAttempt): void {
    this.#attempt = attempt;
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
      helloPayloadRoom(head, IKPSK1_OVERHEAD) -
        earlyPayloadLength(parameters, 0),
    );
    return frames === undefined
      ? this.#start(this.#options.suites[0]!)
      : this.#start(suite, { ticket, psk, frames });
  }

  #headOf(suite: Suite, ticket: Uint8Array | undefined): HelloHead {
    const others = this.#options.suites.filter((each) => each !== suite);
    const isKeyKnown = this.#remoteStaticPublicKey !== undefined;
    const { IK, XX, IKPSK1 } = HandshakePatternCode;
    const head = {
      version: TRANSPORT_VERSION,
      connectionId: this.#connectionId,
      pattern: isKeyKnown ? IK : XX,
      suites: encodeSuites([suite, ...others]),
    };
    return ticket === undefined ? head : { ...head, pattern: IKPSK1, ticket };
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
    const parameters = encodeTransportParameters(options.parameters);
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

/** The side that answers. */
export class ResponderHandshake {
  /** The second message: a whole packet, repeated when the hello is. */
  readonly response: Uint8Array;
  /** What of it takes a packet of its own; in hybrid suites. */
  readonly responseRest: Uint8Array | undefined;
  /** Frames that came with a ticket; none of other hellos. */
  readonly earlyFrames: Uint8Array;
  readonly #isResumed: boolean;
  readonly #noise: HandshakeState;
  readonly #suite: Suite;
  /** The id that the initiator chose, 8 bytes. */
  readonly initiatorConnectionId: Uint8Array;
  readonly #peerParameters: TransportParameters;
  #finishNoise: Uint8Array = EMPTY;
  #confirmation: Uint8Array = EMPTY;
  #result: HandshakeResult | undefined;

  private constructor(
    noise: HandshakeState,
    suite: Suite,
    hello: InitiatorHello,
    peerParameters: TransportParameters,
    response: Uint8Array,
    earlyFrames: Uint8Array,
  ) {
    this.earlyFrames = earlyFrames;
    this.#isResumed = hello.ticket !== undefined;
    this.#noise = noise;
    this.#suite = suite;
    this.initiatorConnectionId = hello.connectionId.slice();
    this.#peerParameters = peerParameters;
    const { first, rest } = suiteParts(suite).isHybrid
      ? splitMessage(response)
      : { first: response, rest: undefined };
    this.responseRest = rest &&
      encodeAnswerRest(this.initiatorConnectionId, rest);
    this.response = encodeResponderHello(
      this.initiatorConnectionId,
      first,
      responseMacKey(
        hello.connectionId,
        hello.noise.subarray(0, NOISE_EPHEMERAL_LENGTH),
      ),
    );
  }

  /**
   * Takes the first message. Version, suite and MAC were checked before: this
   * is where the Diffie-Hellman work starts.
   *
   * @param options Keys, suites, limits and randomness.
   * @param suite From `acceptedSuite`.
   * @param hello The decoded hello, its Noise message whole.
   * @param psk The pre-shared key of the hello's ticket, if it has one.
   * @returns The waiting handshake, or why the hello was dropped.
   */
  static accept(
    options: HandshakeOptions,
    suite: Suite,
    hello: InitiatorHello,
    psk?: Uint8Array,
  ):
    | { readonly ok: true; readonly handshake: ResponderHandshake }
    | { readonly ok: false; readonly reason: DropReason } {
    const noise = createNoise(options, {
      role: "responder",
      suite,
      head: hello,
      remoteStaticPublicKey: undefined,
      psk,
    });
    const payload = readNoise(noise, hello.noise);
    if (payload === undefined) return { ok: false, reason: "handshake-failed" };
    const early = psk === undefined
      ? { parameters: payload, frames: EMPTY }
      : decodeEarlyPayload(payload);
    const peerParameters = early &&
      decodeTransportParameters(early.parameters);
    if (peerParameters === undefined) return { ok: false, reason: "malformed" };
    const { resetToken, ...rest } = peerParameters;
    // The first message of XX is in the clear: what it holds is no secret.
    const isTokenSecret = hello.pattern !== HandshakePatternCode.XX;
    const response = writeNoise(
      noise,
      encodeTransportParameters(options.parameters),
    );
    if (response === undefined) {
      return { ok: false, reason: "handshake-failed" };
    }
    return {
      ok: true,
      handshake: new ResponderHandshake(
        noise,
        suite,
        hello,
        resetToken !== undefined && isTokenSecret
          ? { ...rest, resetToken }
          : rest,
        response,
        early!.frames,
      ),
    };
  }

  /** Whether both sides' keys follow from the two messages so far. */
  get hasKeys(): boolean {
    return this.#noise.isComplete;
  }

  /**
   * What both sides hold: from the start after a hello with a ticket, otherwise
   * once the third message was read. The initiator has proven its keys only
   * when {@linkcode ResponderHandshake.handleFinish} says so.
   */
  get result(): HandshakeResult {
    if (this.#result === undefined) {
      this.#result = resultOf(this.#noise, {
        isInitiator: false,
        suite: this.#suite,
        peerConnectionId: this.initiatorConnectionId,
        peerParameters: this.#peerParameters,
        isResumed: this.#isResumed,
      });
      // Now: whoever uses the secrets wipes them, maybe before the finish comes.
      this.#confirmation = confirmationOf(
        this.#result.receiveSecret,
        this.#noise.handshakeHash,
      );
    }
    return this.#result;
  }

  /**
   * Takes the third message.
   *
   * @param packet A whole handshake packet of kind 3.
   * @returns The keys, or why it was dropped; the handshake then goes on waiting.
   */
  handleFinish(packet: Uint8Array): HandshakeOutcome {
    const decoded = decodeNoisePacket(packet, HandshakeKind.INITIATOR_FINISH);
    if (decoded === undefined) return { ok: false, reason: "malformed" };
    // A finish whose confirmation was damaged on the way has already completed
    // the Noise part: its repetition has to bring the same Noise message.
    if (!this.#noise.isComplete) {
      if (readNoise(this.#noise, decoded.noise) === undefined) {
        return { ok: false, reason: "handshake-failed" };
      }
      this.#finishNoise = decoded.noise.slice();
    } else if (!isEqualConstantTime(decoded.noise, this.#finishNoise)) {
      return { ok: false, reason: "handshake-failed" };
    }
    const { result } = this;
    if (!isEqualConstantTime(decoded.trailer, this.#confirmation)) {
      return { ok: false, reason: "handshake-failed" };
    }
    return { ok: true, result };
  }
}

function createNoise(
  options: HandshakeOptions,
  parts: {
    readonly role: "initiator" | "responder";
    readonly suite: Suite;
    readonly head: HelloHead;
    readonly remoteStaticPublicKey: Uint8Array | undefined;
    readonly psk: Uint8Array | undefined;
  },
): HandshakeState {
  const { role, suite, head, remoteStaticPublicKey, psk } = parts;
  const pattern = NOISE_PATTERNS[head.pattern]!;
  return new HandshakeState({
    protocolName: noiseProtocolName(suite, pattern),
    role,
    prologue: handshakePrologue(head),
    staticPrivateKey: options.keyPair.privateKey,
    staticKey: options.staticKey,
    ...(remoteStaticPublicKey === undefined ? {} : { remoteStaticPublicKey }),
    ...(psk === undefined ? {} : { psks: [psk] }),
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    random: options.random,
  });
}

/** Reads a Noise message; `undefined` when it does not authenticate. */
function readNoise(
  noise: HandshakeState,
  message: Uint8Array,
): Uint8Array | undefined {
  try {
    return noise.readMessage(message);
  } catch {
    return undefined;
  }
}

/** Writes a Noise message; `undefined` when the peer's keys cannot be used. */
function writeNoise(
  noise: HandshakeState,
  payload: Uint8Array,
): Uint8Array | undefined {
  try {
    return noise.writeMessage(payload);
  } catch {
    return undefined;
  }
}

function resultOf(
  noise: HandshakeState,
  parts:
    & Pick<
      HandshakeResult,
      "suite" | "peerConnectionId" | "peerParameters" | "isResumed"
    >
    & { readonly isInitiator: boolean },
): HandshakeResult {
  const { isInitiator, ...settled } = parts;
  const peerStaticPublicKey = noise.remoteStaticPublicKey;
  assert(
    peerStaticPublicKey !== undefined,
    "Every pattern transmits or knows the static keys",
  );
  const { send, receive } = noise.splitKeys();
  return {
    ...settled,
    peerStaticPublicKey,
    sendSecret: send,
    receiveSecret: receive,
    resumptionSecret: resumptionSecret(
      isInitiator ? send : receive,
      noise.handshakeHash,
    ),
  };
}

/** Proves that the initiator holds the keys of this very handshake. */
function confirmationOf(
  initiatorSecret: Uint8Array,
  handshakeHash: Uint8Array,
): Uint8Array {
  return hmacSha256(confirmationKey(initiatorSecret), handshakeHash)
    .slice(0, HANDSHAKE_MAC_LENGTH);
}
