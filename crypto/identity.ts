/**
 * The long-lived key pair of an agent or node, and its form as text.
 *
 * ```text
 * {
 *   "version": 1,
 *   "type": "mxp-x25519",
 *   "privateKey": "<32 bytes, base64url without padding>",
 *   "publicKey": "<32 bytes, base64url without padding>"
 * }
 * ```
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import { isEqualConstantTime, wipe } from "./constant_time.ts";
import { CryptoError, requireLength } from "./error.ts";
import { fingerprint } from "./fingerprint.ts";
import { X25519_KEY_LENGTH } from "./provider/provider.ts";
import { generateKeyPair, type KeyPair, publicKeyOf } from "./x25519.ts";

/** Version of the text form that is written. */
export const IDENTITY_VERSION = 1;
/** Longest text that is looked at, in characters. */
export const MAX_IDENTITY_TEXT_LENGTH = 4096;

const IDENTITY_TYPE = "mxp-x25519";

/** A long-lived key pair and the name by which people know it. */
export interface Identity {
  /** The static key pair of every handshake. */
  readonly keyPair: KeyPair;
  /** What a person compares: `SHA256:` and 43 characters. */
  readonly fingerprint: string;
}

/**
 * Makes a new identity.
 *
 * @param random Where the private key comes from.
 * @returns An identity that the caller owns.
 */
export function createIdentity(random: RandomSource): Identity {
  return identityOf(generateKeyPair(random));
}

/**
 * Makes an identity of a key pair.
 *
 * @param keyPair The pair; kept, not copied.
 * @returns The identity.
 * @throws {CryptoError} `INVALID_KEY` when a key is not 32 bytes.
 */
export function identityOf(keyPair: KeyPair): Identity {
  requireLength(
    "Private key",
    keyPair.privateKey,
    X25519_KEY_LENGTH,
    "INVALID_KEY",
  );
  return { keyPair, fingerprint: fingerprint(keyPair.publicKey) };
}

/**
 * Writes an identity as text. The text is secret.
 *
 * @param identity The identity.
 * @returns JSON on several lines, with a line break at the end.
 */
export function encodeIdentity(identity: Identity): string {
  const fields = {
    version: IDENTITY_VERSION,
    type: IDENTITY_TYPE,
    privateKey: encodeBase64Url(identity.keyPair.privateKey),
    publicKey: encodeBase64Url(identity.keyPair.publicKey),
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/**
 * Reads an identity from text.
 *
 * @param text What {@linkcode encodeIdentity} wrote.
 * @returns The identity.
 * @throws {CryptoError} `IDENTITY_INVALID` for anything else, including a
 * public key that does not belong to the private one.
 */
export function decodeIdentity(text: string): Identity {
  if (text.length > MAX_IDENTITY_TEXT_LENGTH) {
    throw invalid(`longer than ${MAX_IDENTITY_TEXT_LENGTH} characters`);
  }
  const fields = parseFields(text);
  if (fields.version !== IDENTITY_VERSION || fields.type !== IDENTITY_TYPE) {
    throw invalid("not of a version and type that this release reads");
  }
  const privateKey = keyOf(fields, "privateKey");
  const publicKey = keyOf(fields, "publicKey");
  if (!isEqualConstantTime(publicKeyOf(privateKey), publicKey)) {
    wipe(privateKey);
    throw invalid("the two keys do not belong together");
  }
  return identityOf({ privateKey, publicKey });
}

function parseFields(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // No cause: its message quotes the text, which holds the private key.
    throw invalid("not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw invalid("not a JSON object");
  }
  return parsed as Record<string, unknown>;
}

function keyOf(
  fields: Record<string, unknown>,
  name: "privateKey" | "publicKey",
): Uint8Array {
  const text = fields[name];
  const key = typeof text === "string" ? decodeBase64Url(text) : undefined;
  if (key?.length !== X25519_KEY_LENGTH) {
    throw invalid(`${name} is not ${X25519_KEY_LENGTH} bytes in base64url`);
  }
  return key;
}

function invalid(detail: string): CryptoError {
  return new CryptoError("IDENTITY_INVALID", `Identity: ${detail}`);
}
