/**
 * The three-message handshake: Noise IK where the responder's static key is
 * known, Noise XX where it is not.
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
} from "../../crypto/mod.ts";
import { assert } from "../../internal/assert.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { MAX_RETRIES_FOLLOWED, TRANSPORT_VERSION } from "./config.ts";
import type { TransportError } from "./error.ts";
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
  helloMacKey,
  type InitiatorHello,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import {
  encodeSuites,
  type Suite,
  suiteAfterRefusal,
  suiteError,
  suiteParts,
} from "./suite.ts";
import { decodeSuiteRefusal } from "./suite_refusal.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from "./transport_parameters.ts";

const EMPTY = new Uint8Array(0);

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
}

/** Either the result or why the packet was dropped. */
export type HandshakeOutcome =
  | { readonly ok: true; readonly result: HandshakeResult }
  | { readonly ok: false; readonly reason: DropReason };

/** What both sides are made from. */
export interface HandshakeOptions {
  /** Our static key pair. */
  readonly keyPair: KeyPair;
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
  readonly responseMacKey: Uint8Array;
}

/** The side that starts. */
export class InitiatorHandshake {
  readonly #options: HandshakeOptions;
  readonly #connectionId: Uint8Array;
  readonly #remoteStaticPublicKey: Uint8Array | undefined;
  readonly #helloMacKey: Uint8Array;
  #attempt: HelloAttempt;
  #hello: Uint8Array;
  #retryCount = 0;
  #isSuiteChanged = false;
  #refusal: TransportError | undefined;
  #finish: Uint8Array | undefined;

  /**
   * @param options Keys, suites, limits and randomness.
   * @param connectionId The id that this side chose.
   * @param remoteStaticPublicKey The responder's static key (IK); absent: XX.
   */
  constructor(
    options: HandshakeOptions,
    connectionId: Uint8Array,
    remoteStaticPublicKey: Uint8Array | undefined,
  ) {
    this.#options = options;
    this.#connectionId = connectionId;
    this.#remoteStaticPublicKey = remoteStaticPublicKey;
    this.#helloMacKey = helloMacKey(remoteStaticPublicKey);
    this.#attempt = this.#start(options.suites[0]!);
    this.#hello = encodeInitiatorHello(this.#attempt.fields, this.#helloMacKey);
  }

  /** The first message: a whole datagram, repeated until it is answered. */
  get hello(): Uint8Array {
    return this.#hello;
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
    const { fields, responseMacKey } = this.#attempt;
    if (!hasValidMac(packet, responseMacKey)) return "bad-mac";
    // Repeated hellos bring several; whoever saw the hello could send more.
    if (this.#retryCount >= MAX_RETRIES_FOLLOWED) return "duplicate-handshake";
    this.#retryCount++;
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
    const { suite, noise, responseMacKey } = this.#attempt;
    if (!hasValidMac(packet, responseMacKey)) return "bad-mac";
    const { suites } = this.#options;
    const next = this.#isSuiteChanged
      ? undefined
      : suiteAfterRefusal(named, suites);
    if (next === undefined) {
      this.#refusal ??= suiteError(suite, named, suites);
      return undefined;
    }
    noise.wipe();
    this.#isSuiteChanged = true;
    this.#attempt = this.#start(next);
    this.#hello = encodeInitiatorHello(this.#attempt.fields, this.#helloMacKey);
    return undefined;
  }

  /**
   * Takes the second message.
   *
   * @param packet A whole handshake packet of kind 2.
   * @returns The keys, or why it was dropped; the handshake then goes on waiting.
   */
  handleResponderHello(packet: Uint8Array): HandshakeOutcome {
    const decoded = decodeNoisePacket(packet, HandshakeKind.RESPONDER_HELLO);
    if (decoded === undefined) return { ok: false, reason: "malformed" };
    const { suite, noise, responseMacKey } = this.#attempt;
    if (!hasValidMac(packet, responseMacKey)) {
      return { ok: false, reason: "bad-mac" };
    }
    const payload = readNoise(noise, decoded.noise);
    if (payload === undefined) return { ok: false, reason: "handshake-failed" };
    const peerParameters = decodeTransportParameters(payload);
    if (peerParameters?.connectionId === undefined) {
      return { ok: false, reason: "malformed" };
    }
    const last = noise.isComplete ? EMPTY : writeNoise(noise, EMPTY);
    if (last === undefined) return { ok: false, reason: "handshake-failed" };
    const peerConnectionId = peerParameters.connectionId;
    const result = resultOf(noise, suite, peerConnectionId, peerParameters);
    this.#finish = encodeInitiatorFinish(
      peerConnectionId,
      last,
      confirmationOf(result.sendSecret, noise.handshakeHash),
    );
    return { ok: true, result };
  }

  #start(suite: Suite): HelloAttempt {
    const options = this.#options;
    const connectionId = this.#connectionId;
    const others = options.suites.filter((each) => each !== suite);
    const head = {
      version: TRANSPORT_VERSION,
      connectionId,
      pattern: this.#remoteStaticPublicKey === undefined
        ? HandshakePatternCode.XX
        : HandshakePatternCode.IK,
      suites: encodeSuites([suite, ...others]),
    };
    const noise = createNoise(
      options,
      "initiator",
      suite,
      head,
      this.#remoteStaticPublicKey,
    );
    const message = noise.writeMessage(
      encodeTransportParameters(options.parameters),
    );
    const ephemeral = message.subarray(0, NOISE_EPHEMERAL_LENGTH);
    return {
      suite,
      noise,
      fields: { ...head, cookie: EMPTY, noise: message },
      responseMacKey: responseMacKey(connectionId, ephemeral),
    };
  }
}

/** The side that answers. */
export class ResponderHandshake {
  /** The second message: a whole packet, repeated when the hello is. */
  readonly response: Uint8Array;
  readonly #noise: HandshakeState;
  readonly #suite: Suite;
  readonly #initiatorConnectionId: Uint8Array;
  readonly #peerParameters: TransportParameters;
  #finishNoise: Uint8Array = EMPTY;
  #result: HandshakeResult | undefined;

  private constructor(
    noise: HandshakeState,
    suite: Suite,
    hello: InitiatorHello,
    peerParameters: TransportParameters,
    response: Uint8Array,
  ) {
    this.#noise = noise;
    this.#suite = suite;
    this.#initiatorConnectionId = hello.connectionId.slice();
    this.#peerParameters = peerParameters;
    this.response = encodeResponderHello(
      this.#initiatorConnectionId,
      response,
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
   * @param hello The decoded hello.
   * @returns The waiting handshake, or why the hello was dropped.
   */
  static accept(
    options: HandshakeOptions,
    suite: Suite,
    hello: InitiatorHello,
  ):
    | { readonly ok: true; readonly handshake: ResponderHandshake }
    | { readonly ok: false; readonly reason: DropReason } {
    const noise = createNoise(options, "responder", suite, hello, undefined);
    const payload = readNoise(noise, hello.noise);
    if (payload === undefined) return { ok: false, reason: "handshake-failed" };
    const peerParameters = decodeTransportParameters(payload);
    if (peerParameters === undefined) return { ok: false, reason: "malformed" };
    const { resetToken, ...rest } = peerParameters;
    // The first message of XX is in the clear: what it holds is no secret.
    const isTokenSecret = hello.pattern === HandshakePatternCode.IK;
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
      ),
    };
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
    this.#result ??= resultOf(
      this.#noise,
      this.#suite,
      this.#initiatorConnectionId,
      this.#peerParameters,
    );
    const result = this.#result;
    const expected = confirmationOf(
      result.receiveSecret,
      this.#noise.handshakeHash,
    );
    if (!isEqualConstantTime(decoded.trailer, expected)) {
      return { ok: false, reason: "handshake-failed" };
    }
    return { ok: true, result };
  }
}

function createNoise(
  options: HandshakeOptions,
  role: "initiator" | "responder",
  suite: Suite,
  head: Pick<InitiatorHello, "version" | "connectionId" | "pattern" | "suites">,
  remoteStaticPublicKey: Uint8Array | undefined,
): HandshakeState {
  const pattern = head.pattern === HandshakePatternCode.IK ? "IK" : "XX";
  return new HandshakeState({
    protocolName: `Noise_${pattern}_25519_${
      suiteParts(suite).noiseCipher
    }_SHA256`,
    role,
    prologue: handshakePrologue(head),
    staticPrivateKey: options.keyPair.privateKey,
    ...(remoteStaticPublicKey === undefined ? {} : { remoteStaticPublicKey }),
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
  suite: Suite,
  peerConnectionId: Uint8Array,
  peerParameters: TransportParameters,
): HandshakeResult {
  const peerStaticPublicKey = noise.remoteStaticPublicKey;
  assert(
    peerStaticPublicKey !== undefined,
    "IK and XX both transmit the static keys",
  );
  const { send, receive } = noise.splitKeys();
  return {
    suite,
    peerStaticPublicKey,
    peerConnectionId,
    peerParameters,
    sendSecret: send,
    receiveSecret: receive,
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
