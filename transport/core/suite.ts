/**
 * The suites that a handshake can settle on, their numbers on the wire, and who
 * decides between them.
 *
 * The responder's order decides: a hello is taken only if the suite in use is,
 * of those that it lists, the one that the responder likes best. The list is
 * part of the prologue, so nobody on the way can shorten it; and an initiator
 * that is told to use another suite lists all of its own again. So whatever is
 * said on the way, the two ends meet at the same suite or not at all.
 *
 * Spec: docs/spec/transport.md, "Choosing the suite".
 *
 * @module
 */
import type { AeadSuite } from "../../crypto/mod.ts";
import { TransportError } from "./error.ts";

/**
 * Name of a suite: how keys are agreed on, and the cipher of the packets. Where
 * only a cipher is named, keys are agreed on with X25519.
 */
export type Suite = AeadSuite | "x25519-mlkem768-chacha20-poly1305";

/** What a suite stands for. */
export interface SuiteParts {
  /** Its number on the wire. */
  readonly code: number;
  /** Cipher of the packets. */
  readonly aead: AeadSuite;
  /** Name of its cipher in a Noise protocol name. */
  readonly noiseCipher: string;
  /**
   * Whether the handshake has a KEM beside X25519: then its messages take two
   * datagrams each, a hello always needs a cookie, and there are no tickets.
   */
  readonly isHybrid: boolean;
}

const SUITES: Readonly<Record<Suite, SuiteParts>> = {
  "chacha20-poly1305": {
    code: 1,
    aead: "chacha20-poly1305",
    noiseCipher: "ChaChaPoly",
    isHybrid: false,
  },
  "aes-256-gcm": {
    code: 2,
    aead: "aes-256-gcm",
    noiseCipher: "AESGCM",
    isHybrid: false,
  },
  "x25519-mlkem768-chacha20-poly1305": {
    code: 3,
    aead: "chacha20-poly1305",
    noiseCipher: "ChaChaPoly",
    isHybrid: true,
  },
};

/** Every suite that there is. */
export const SUITE_NAMES: readonly Suite[] = Object.keys(SUITES) as Suite[];

/**
 * What a suite stands for.
 *
 * @param suite Its name.
 * @returns Number and ciphers.
 */
export function suiteParts(suite: Suite): SuiteParts {
  return SUITES[suite];
}

/**
 * The Noise protocol of a suite.
 *
 * @param suite Its name.
 * @param pattern Name of the pattern, such as `IK` or `NNpsk0`.
 * @returns The protocol name.
 */
export function noiseProtocolName(suite: Suite, pattern: string): string {
  const { noiseCipher, isHybrid } = SUITES[suite];
  return isHybrid
    ? `Noise_${pattern}hfs_25519+MLKEM768_${noiseCipher}_SHA256`
    : `Noise_${pattern}_25519_${noiseCipher}_SHA256`;
}

/**
 * The numbers of suites.
 *
 * @param suites Names, in order.
 * @returns One byte each.
 */
export function encodeSuites(suites: readonly Suite[]): Uint8Array {
  return Uint8Array.from(suites, (suite) => SUITES[suite].code);
}

/**
 * The suite that a hello uses, if we take it and prefer no other that it lists.
 *
 * @param offered Suite numbers of a hello, the one in use first.
 * @param accepted Our suites, the preferred one first.
 * @returns The suite, or `undefined`.
 */
export function acceptedSuite(
  offered: Uint8Array,
  accepted: readonly Suite[],
): Suite | undefined {
  const preferred = accepted.find((suite) =>
    offered.includes(SUITES[suite].code)
  );
  return preferred !== undefined && SUITES[preferred].code === offered[0]
    ? preferred
    : undefined;
}

/**
 * The suite to try after a responder has named those that it takes: the one
 * that it likes best of ours.
 *
 * @param named Suite numbers, as the responder prefers them.
 * @param own Our suites, the one that was refused first.
 * @returns The suite, or `undefined` when no other is common to both.
 */
export function suiteAfterRefusal(
  named: Uint8Array,
  own: readonly Suite[],
): Suite | undefined {
  for (const code of named) {
    const suite = own.find((each) => SUITES[each].code === code);
    // What was just refused cannot be what the responder likes best.
    if (suite !== undefined) return suite === own[0] ? undefined : suite;
  }
  return undefined;
}

/**
 * What the user is told when the two ends cannot meet.
 *
 * @param refused The suite that was refused last.
 * @param named Suite numbers that the responder named.
 * @param own Our suites.
 * @returns The error.
 */
export function suiteError(
  refused: Suite,
  named: Uint8Array,
  own: readonly Suite[],
): TransportError {
  const theirs = [...named].map(nameOf).join(", ");
  const isCommon = own.some((suite) => named.includes(SUITES[suite].code));
  return new TransportError(
    "HANDSHAKE_FAILED",
    isCommon
      ? `Handshake: the peer refused the suite ${refused} and names ${theirs}, which does not agree with what it said or took before`
      : `Handshake: no suite in common, this side offers ${
        own.join(", ")
      }, the peer takes ${theirs}`,
  );
}

function nameOf(code: number): string {
  return SUITE_NAMES.find((suite) => SUITES[suite].code === code) ??
    `unknown suite ${code}`;
}
