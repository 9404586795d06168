/**
 * The three-message handshake: Noise IK where the responder's static key is
 * known, Noise XX where it is not, Noise NNpsk0 where the responder has given a
 * ticket and there is data to send with the hello.
 *
 * Here is what both sides have in common; they are `initiator_handshake.ts` and
 * `responder_handshake.ts`. Each is an object that owns one Noise handshake and
 * the packets it has made, which are repeated byte for byte when they get lost.
 * What arrives there is not authenticated yet: a bad packet gives a {@linkcode
 * DropReason}, never an exception.
 *
 * Spec: docs/spec/transport.md, "Handshake".
 *
 * @module
 */
import {
  confirmationKey,
  type EphemeralKeySource,
  HandshakeState,
  hmacSha256,
  type KeyPair,
  type ProviderName,
  resumptionSecret,
  type StaticKey,
} from "../../crypto/mod.ts";
import { assert } from "../../internal/assert.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import {
  HANDSHAKE_MAC_LENGTH,
  HandshakePatternCode,
  handshakePrologue,
  type HelloHead,
} from "./handshake_packet.ts";
import type { DropReason } from "./stats.ts";
import { noiseProtocolName, type Suite } from "./suite.ts";
import type { TransportParameters } from "./transport_parameters.ts";

/** Names of the patterns in a Noise protocol name. */
const NOISE_PATTERNS: Readonly<Record<number, string>> = {
  [HandshakePatternCode.IK]: "IK",
  [HandshakePatternCode.XX]: "XX",
  [HandshakePatternCode.NNPSK0]: "NNpsk0",
};

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
  /** Has some that were made ahead. */
  readonly ephemeralKeys?: EphemeralKeySource | undefined;
  /** Which implementation of the primitives to use. */
  readonly provider: ProviderName | undefined;
}

/**
 * Starts our half of the Noise handshake that a hello stands for.
 *
 * @param options Keys and randomness.
 * @param parts The hello, and what is known besides.
 * @returns The state before the first message.
 */
export function createNoise(
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
  // The static keys have no part in NNpsk0: the pre-shared key stands for both.
  const keys = psk === undefined
    ? {
      staticPrivateKey: options.keyPair.privateKey,
      staticKey: options.staticKey,
      ...(remoteStaticPublicKey === undefined ? {} : { remoteStaticPublicKey }),
    }
    : { psks: [psk] };
  return new HandshakeState({
    protocolName: noiseProtocolName(suite, pattern),
    role,
    prologue: handshakePrologue(head),
    ...keys,
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    random: options.random,
    ephemeralKeys: options.ephemeralKeys,
  });
}

/**
 * Reads a Noise message.
 *
 * @param noise The state.
 * @param message The message; borrowed.
 * @returns Its payload, or `undefined` when it does not authenticate.
 */
export function readNoise(
  noise: HandshakeState,
  message: Uint8Array,
): Uint8Array | undefined {
  try {
    return noise.readMessage(message);
  } catch {
    return undefined;
  }
}

/**
 * Writes a Noise message.
 *
 * @param noise The state.
 * @param payload What to carry; borrowed.
 * @returns The message, or `undefined` when the peer's keys cannot be used.
 */
export function writeNoise(
  noise: HandshakeState,
  payload: Uint8Array,
): Uint8Array | undefined {
  try {
    return noise.writeMessage(payload);
  } catch {
    return undefined;
  }
}

/**
 * What both sides hold in the end.
 *
 * @param noise The state after the last message.
 * @param parts What was settled beside the keys.
 * @returns The result; its secrets are owned by the caller.
 */
export function resultOf(
  noise: HandshakeState,
  parts:
    & Pick<
      HandshakeResult,
      "suite" | "peerConnectionId" | "peerParameters" | "isResumed"
    >
    & {
      readonly isInitiator: boolean;
      /** Whose ticket it is, or who gave it. */
      readonly ticketPeer: Uint8Array | undefined;
    },
): HandshakeResult {
  const { isInitiator, ticketPeer, ...settled } = parts;
  const peerStaticPublicKey = ticketPeer?.slice() ??
    noise.remoteStaticPublicKey;
  assert(
    peerStaticPublicKey !== undefined,
    "Every pattern without a ticket transmits or knows the static keys",
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

/**
 * Proves that the initiator holds the keys of this very handshake.
 *
 * @param initiatorSecret Secret of the packets that the initiator sends.
 * @param handshakeHash The transcript.
 * @returns 16 bytes.
 */
export function confirmationOf(
  initiatorSecret: Uint8Array,
  handshakeHash: Uint8Array,
): Uint8Array {
  return hmacSha256(confirmationKey(initiatorSecret), handshakeHash)
    .slice(0, HANDSHAKE_MAC_LENGTH);
}
