/**
 * With what a handshake starts, and whether that is what its pattern needs.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";
import { CryptoError, requireLength } from "../error.ts";
import {
  type AgreementKey,
  type ProviderName,
  X25519_KEY_LENGTH,
} from "../provider/provider.ts";
import type { StaticKey } from "../static_key.ts";
import {
  type HandshakePattern,
  pskCount,
  type Token,
} from "./handshake_pattern.ts";

/** Longest handshake message, in bytes (Noise §3). */
export const MAX_NOISE_MESSAGE_LENGTH = 65_535;
/** Size of a pre-shared key, in bytes (Noise §9.1). */
export const PSK_LENGTH = 32;

/** Which end of a handshake: the initiator sends the first message. */
export type HandshakeRole = "initiator" | "responder";

/** Has ephemeral keys that were made ahead. */
export interface EphemeralKeySource {
  /**
   * Takes a key out; the handshake wipes it.
   *
   * @returns A key that nobody else gets, or `undefined` when there is none.
   */
  take(): AgreementKey | undefined;
}

/** How a {@linkcode HandshakeState} is made. Bytes are copied. */
export interface HandshakeOptions {
  /** Such as `Noise_IK_25519_ChaChaPoly_SHA256`. */
  readonly protocolName: string;
  /** Which end this is. */
  readonly role: HandshakeRole;
  /**
   * What both ends must have seen alike, or the handshake fails.
   *
   * @default {no bytes}
   */
  readonly prologue?: Uint8Array | undefined;
  /** Our 32-byte static key, where the pattern has one for this role. */
  readonly staticPrivateKey?: Uint8Array | undefined;
  /**
   * The same, imported: it serves many handshakes faster, stays the caller's
   * and takes the place of `staticPrivateKey` and of its provider.
   */
  readonly staticKey?: StaticKey | undefined;
  /**
   * The peer's 32-byte static key. Needed where the pattern has it known
   * beforehand; where the peer sends it, any other key fails the handshake.
   */
  readonly remoteStaticPublicKey?: Uint8Array | undefined;
  /** Pre-shared keys of 32 bytes, in the order in which they are used. */
  readonly psks?: readonly Uint8Array[] | undefined;
  /** Where ephemeral keys come from, if this role sends one. */
  readonly random?: RandomSource | undefined;
  /** Gives ephemeral keys that were made ahead; absent, or without one: made from `random`. */
  readonly ephemeralKeys?: EphemeralKeySource | undefined;
  /** For test vectors only: an ephemeral key used twice gives the secrets away. */
  readonly testEphemeralPrivateKey?: Uint8Array | undefined;
  /**
   * Which implementation of the primitives.
   *
   * @default {the fastest one here, for each primitive}
   */
  readonly provider?: ProviderName | undefined;
}

/**
 * Checks that the keys are those that the pattern needs for the role.
 *
 * @param options With what the handshake is to start.
 * @param pattern Its pattern.
 * @throws {CryptoError} `INVALID_KEY` for a key that is missing, not wanted or
 * of the wrong size, `STATE` when an ephemeral key is needed and there is no
 * random source.
 */
export function checkHandshakeKeys(
  options: HandshakeOptions,
  pattern: HandshakePattern,
): void {
  const mine = options.role === "initiator";
  const sends = (token: Token, isInitiator: boolean): boolean =>
    pattern.messages.some((tokens, index) =>
      (index % 2 === 0) === isInitiator && tokens.includes(token)
    );
  const knows = (isInitiator: boolean): boolean =>
    isInitiator
      ? pattern.isInitiatorStaticKnown
      : pattern.isResponderStaticKnown;
  const isStaticNeeded = knows(mine) || sends("s", mine);
  checkKey(
    "static private key",
    options.staticKey?.publicKey ?? options.staticPrivateKey,
    isStaticNeeded,
  );
  const remote = options.remoteStaticPublicKey;
  checkKey("remote static key", remote, knows(!mine));
  if (remote && !knows(!mine) && !sends("s", !mine)) {
    throw new CryptoError(
      "INVALID_KEY",
      "Handshake: the pattern has no remote static key",
    );
  }
  checkPsks(options.psks ?? [], pskCount(pattern));
  const ephemeral = options.testEphemeralPrivateKey;
  checkKey("ephemeral private key", ephemeral, false);
  const isHybridRole = sends("e1", mine) || sends("ekem1", mine);
  if (!options.random && (isHybridRole || !ephemeral && sends("e", mine))) {
    throw new CryptoError(
      "STATE",
      "Handshake: a random source is needed for the ephemeral key",
    );
  }
}

function checkPsks(psks: readonly Uint8Array[], count: number): void {
  if (psks.length !== count) {
    throw new CryptoError(
      "INVALID_KEY",
      `Handshake: ${count} pre-shared keys expected, got ${psks.length}`,
    );
  }
  for (const psk of psks) {
    requireLength("Pre-shared key", psk, PSK_LENGTH, "INVALID_KEY");
  }
}

function checkKey(
  subject: string,
  key: Uint8Array | undefined,
  isNeeded: boolean,
): void {
  if (key !== undefined) {
    // A text has a length too.
    if (!(key instanceof Uint8Array)) {
      throw new CryptoError(
        "INVALID_KEY",
        `Handshake: the ${subject} must be bytes`,
      );
    }
    requireLength(
      `Handshake ${subject}`,
      key,
      X25519_KEY_LENGTH,
      "INVALID_KEY",
    );
  } else if (isNeeded) {
    throw new CryptoError(
      "INVALID_KEY",
      `Handshake: the ${subject} is missing`,
    );
  }
}
