/**
 * The handshake patterns of Noise, as data (Noise revision 34, §7), and the
 * modifiers that change them: `psk0` and on (§9), and `hfs` of the extension
 * "Hybrid Forward Secrecy".
 *
 * @module
 */
import { CryptoError } from "../error.ts";

/** A Diffie-Hellman between the initiator's key (first letter) and the responder's. */
type AgreementToken = "ee" | "es" | "se" | "ss";

/** `e1` carries a public key of a KEM, `ekem1` a secret encapsulated for it. */
export type HybridToken = "e1" | "ekem1";

/**
 * One step of a message: `e` and `s` carry a public key, the two-letter tokens
 * agree on a secret, `psk` mixes in a pre-shared key.
 */
export type Token = "e" | "s" | AgreementToken | HybridToken | "psk";

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
 * @param name Such as `IK`, `XXpsk3`, `NNpsk0+psk2` or `IKhfs`.
 * @returns The pattern.
 * @throws {CryptoError} `UNSUPPORTED_PROTOCOL` for a name that is not one.
 */
export function handshakePattern(name: string): HandshakePattern {
  const [, base, modifiers] = /^([A-Z]+)([a-z0-9+]*)$/.exec(name) ?? [];
  const found = base === undefined ? undefined : PATTERNS.get(base);
  if (found === undefined) throw unsupported(name);
  if (!modifiers) return found;
  const messages = found.messages.map((tokens) => [...tokens]);
  const names = modifiers.split("+");
  const isApplied = (modifier: string): boolean =>
    modifier === "hfs" ? applyHybrid(messages) : applyPsk(messages, modifier);
  if (new Set(names).size !== names.length || !names.every(isApplied)) {
    throw unsupported(name);
  }
  return { ...found, messages };
}

/** Noise §9.4: psk0 starts the first message, pskN ends the Nth. */
function applyPsk(messages: Token[][], modifier: string): boolean {
  const [, digits] = /^psk(\d)$/.exec(modifier) ?? [];
  const position = Number(digits);
  const message = messages[Math.max(0, position - 1)];
  if (digits === undefined || message === undefined) return false;
  if (position === 0) message.unshift("psk");
  else message.push("psk");
  return true;
}

/**
 * "Hybrid Forward Secrecy" §5: `e1` follows the first `e` and the agreements
 * right behind it, so that it is sealed where it can be; `ekem1` follows the
 * first `ee`.
 */
function applyHybrid(messages: Token[][]): boolean {
  const first = messages.find((tokens) => tokens.includes("e"));
  const agreed = messages.find((tokens) => tokens.includes("ee"));
  // A one-way pattern has no answer that could carry the secret.
  if (first === undefined || agreed === undefined) return false;
  let at = first.indexOf("e") + 1;
  while (isAgreement(first[at])) at++;
  first.splice(at, 0, "e1");
  agreed.splice(agreed.indexOf("ee") + 1, 0, "ekem1");
  return true;
}

function isAgreement(token: Token | undefined): token is AgreementToken {
  return token === "ee" || token === "es" || token === "se" || token === "ss";
}

/**
 * Tells whether a pattern needs a KEM.
 *
 * @param pattern The pattern.
 * @returns Whether it has the modifier `hfs`.
 */
export function isHybrid(pattern: HandshakePattern): boolean {
  return pattern.messages.flat().includes("e1");
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
