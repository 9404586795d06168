/**
 * The side of the handshake that answers.
 *
 * Spec: docs/spec/transport.md, "Handshake".
 *
 * @module
 */
import { type HandshakeState, isEqualConstantTime } from "../../crypto/mod.ts";
import { assert } from "../../internal/assert.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";
import { decodeEarlyPayload } from "./early_data.ts";
import {
  confirmationOf,
  createNoise,
  type HandshakeOptions,
  type HandshakeOutcome,
  type HandshakeResult,
  readNoise,
  resultOf,
  writeNoise,
} from "./handshake.ts";
import {
  decodeNoisePacket,
  encodeResponderHello,
  HandshakeKind,
  HandshakePatternCode,
  type InitiatorHello,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import { encodeAnswerRest, splitMessage } from "./split_message.ts";
import type { DropReason } from "./stats.ts";
import { type Suite, suiteParts } from "./suite.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from "./transport_parameters.ts";

const EMPTY = new Uint8Array(0);

/** What a hello came to. */
interface Accepted {
  readonly noise: HandshakeState;
  readonly suite: Suite;
  readonly hello: InitiatorHello;
  readonly peerParameters: TransportParameters;
  /** Noise message 2. */
  readonly response: Uint8Array;
  readonly earlyFrames: Uint8Array;
  readonly ticketOwner: Uint8Array | undefined;
}

/** The side that answers. */
export class ResponderHandshake {
  /** The second message: a whole packet, repeated when the hello is. */
  readonly response: Uint8Array;
  /** What of it takes a packet of its own; in hybrid suites. */
  readonly responseRest: Uint8Array | undefined;
  /** Frames that came with a ticket; none of other hellos. */
  readonly earlyFrames: Uint8Array;
  /** A ticket that the initiator has sent before, in vain as it was told. */
  readonly givenUpTicket: Uint8Array | undefined;
  readonly #ticketOwner: Uint8Array | undefined;
  readonly #noise: HandshakeState;
  readonly #suite: Suite;
  /** The id that the initiator chose, 8 bytes. */
  readonly initiatorConnectionId: Uint8Array;
  readonly #peerParameters: TransportParameters;
  #finishNoise: Uint8Array = EMPTY;
  #confirmation: Uint8Array = EMPTY;
  #result: HandshakeResult | undefined;

  private constructor(accepted: Accepted) {
    const { suite, hello, peerParameters, response } = accepted;
    this.earlyFrames = accepted.earlyFrames;
    this.givenUpTicket = peerParameters.givenUpTicket;
    this.#ticketOwner = accepted.ticketOwner;
    this.#noise = accepted.noise;
    this.#suite = suite;
    this.initiatorConnectionId = CONNECTION_BYTES.copy(hello.connectionId);
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
   * @param resumption Owner and pre-shared key of the hello's ticket, if it has
   * one; the key is copied.
   * @returns The waiting handshake, or why the hello was dropped.
   */
  static accept(
    options: HandshakeOptions,
    suite: Suite,
    hello: InitiatorHello,
    resumption?: { readonly owner: Uint8Array; readonly psk: Uint8Array },
  ):
    | { readonly ok: true; readonly handshake: ResponderHandshake }
    | { readonly ok: false; readonly reason: DropReason } {
    const noise = createNoise(options, {
      role: "responder",
      suite,
      head: hello,
      remoteStaticPublicKey: undefined,
      psk: resumption?.psk,
    });
    const fail = (reason: DropReason): { ok: false; reason: DropReason } => {
      noise.wipe();
      return { ok: false, reason };
    };
    const payload = readNoise(noise, hello.noise);
    if (payload === undefined) return fail("handshake-failed");
    const early = resumption === undefined
      ? { parameters: payload, frames: EMPTY }
      : decodeEarlyPayload(payload);
    const peerParameters = early &&
      decodeTransportParameters(early.parameters);
    if (peerParameters === undefined) return fail("malformed");
    const { resetToken: _token, givenUpTicket: _ticket, ...limits } =
      peerParameters;
    // The first message of XX is in the clear: anybody could have written it.
    const isSealed = hello.pattern !== HandshakePatternCode.XX;
    const response = writeNoise(
      noise,
      encodeTransportParameters(options.parameters),
    );
    if (response === undefined) return fail("handshake-failed");
    return {
      ok: true,
      handshake: new ResponderHandshake({
        noise,
        suite,
        hello,
        peerParameters: isSealed ? peerParameters : limits,
        response,
        earlyFrames: early!.frames,
        ticketOwner: resumption?.owner,
      }),
    };
  }

  /** The initiator's static public key, 32 bytes; proven by a hello with a ticket. */
  get peerStaticPublicKey(): Uint8Array {
    const key = this.#ticketOwner ?? this.#noise.remoteStaticPublicKey;
    assert(key !== undefined, "The first message, or a ticket, holds the key");
    return key;
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
        ticketPeer: this.#ticketOwner,
        isResumed: this.#ticketOwner !== undefined,
      });
      // Now: whoever uses the secrets wipes them, maybe before the finish comes.
      this.#confirmation = confirmationOf(
        this.#result.receiveSecret,
        this.#noise.handshakeHash,
      );
      // Nor does anybody need the ephemeral keys any more.
      this.#noise.wipe();
    }
    return this.#result;
  }

  /** Forgets the ephemeral keys of a handshake that comes to nothing. */
  wipe(): void {
    this.#noise.wipe();
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
