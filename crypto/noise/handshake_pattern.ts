/**
 * The handshake patterns of Noise, as data (Noise revision 34, §7), and the
 * PSK modifiers that change them (§9).
 *
 * @module
 */
import { CryptoError } from "../error.ts";

/**
 * One step of a message: `e` and `s` carry a public key, the two-letter tokens
 * are a Diffie-Hellman between the initiator's key (first letter) and the
 * responder's (second), `psk` mixes in a pre-shared key.
 */
export type Token = "e" | "s" | "ee" | "es" | "se" | "ss" | "psk";

/** What is known before, and what each message in turn carries. */
export interface HandshakePattern {
  /** Whether the responder knows the initiator's static key beforehand. */
  readonly isInitiatorStaticKnown: boolean;
  /** Whether the initiator knows the responder's static key beforehand. */
  readonly isResponderStaticKnown: boolean;
  /** The tokens of each message; the initiator sends the first. */
  readonly messages: readonly (readonly Token[])[];
}

function pattern(knows: string, ...messages: string[]): HandshakePattern {
  return {
    isInitiatorStaticKnown: knows.includes("i"),
    isResponderStaticKnown: knows.includes("r"),
    messages: messages.map((line) => line.split(" ") as Token[]),
  };
}

/** Noise §7.4 (one-way) and §7.5 (interactive). `r`, `i`: whose static key is known. */
const PATTERNS: ReadonlyMap<string, HandshakePattern> = new Map([
  ["N", pattern("r", "e es")],
  ["K", pattern("ir", "e es ss")],
  ["X", pattern("r", "e es s ss")],
  ["NN", pattern("", "e", "e ee")],
  ["KN", pattern("i", "e", "e ee se")],
  ["NK", pattern("r", "e es", "e ee")],
  ["KK", pattern("ir", "e es ss", "e ee se")],
  ["NX", pattern("", "e", "e ee s es")],
  ["KX", pattern("i", "e", "e ee se s es")],
  ["XN", pattern("", "e", "e ee", "s se")],
  ["IN", pattern("", "e s", "e ee se")],
  ["XK", pattern("r", "e es", "e ee", "s se")],
  ["IK", pattern("r", "e es s ss", "e ee se")],
  ["XX", pattern("", "e", "e ee s es", "s se")],
  ["IX", pattern("", "e s", "e ee se s es")],
]);

/** The names of the patterns that {@linkcode handshakePattern} knows. */
export const PATTERN_NAMES: readonly string[] = [...PATTERNS.keys()];

/**
 * Looks a pattern up and applies its modifiers.
 *
 * @param name Such as `IK`, `XXpsk3` or `NNpsk0+psk2`.
 * @returns The pattern.
 * @throws {CryptoError} `UNSUPPORTED_PROTOCOL` for a name that is not one.
 */
export function handshakePattern(name: string): HandshakePattern {
  const [, base, modifiers] = /^([A-Z]+)([a-z0-9+]*)$/.exec(name) ?? [];
  const found = base === undefined ? undefined : PATTERNS.get(base);
  if (found === undefined) throw unsupported(name);
  if (!modifiers) return found;
  const messages = found.messages.map((tokens) => [...tokens]);
  const seen = new Set<number>();
  for (const modifier of modifiers.split("+")) {
    const [, digits] = /^psk(\d)$/.exec(modifier) ?? [];
    const position = Number(digits);
    // Noise §9.4: psk0 starts the first message, pskN ends the Nth.
    const message = messages[Math.max(0, position - 1)];
    if (digits === undefined || message === undefined || seen.has(position)) {
      throw unsupported(name);
    }
    seen.add(position);
    if (position === 0) message.unshift("psk");
    else message.push("psk");
  }
  return { ...found, messages };
}

/**
 * Counts the pre-shared keys that a pattern takes.
 *
 * @param pattern The pattern.
 * @returns How many `psk` tokens it has.
 */
export function pskCount(pattern: HandshakePattern): number {
  return pattern.messages.flat().filter((token) => token === "psk").length;
}

function unsupported(name: string): CryptoError {
  return new CryptoError(
    "UNSUPPORTED_PROTOCOL",
    `Noise pattern: ${name.slice(0, 64)}`,
  );
}
