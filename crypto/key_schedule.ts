/**
 * From a direction's secret to its packet keys.
 *
 * ```text
 * secret ── HKDF-Expand "mxp v1 key"     ─► 32 bytes  packet key
 *        ├─ HKDF-Expand "mxp v1 iv"      ─► 12 bytes  initialisation vector
 *        ├─ HKDF-Expand "mxp v1 hp"      ─► 32 bytes  header protection key
 *        ├─ HKDF-Expand "mxp v1 confirm" ─► 32 bytes  key confirmation
 *        └─ HKDF-Expand "mxp v1 ku"      ─► 32 bytes  the next secret
 *
 * initiator's first secret
 *        └─ HKDF-Expand "mxp v1 resume", handshake hash ─► resumption secret
 *
 * what both static keys share
 *        └─ HKDF-Extract, salted with the resumption secret
 *               └─ HKDF-Expand "mxp v1 psk", ticket     ─► pre-shared key
 * ```
 *
 * The first secret of a direction is the key that the Noise handshake's
 * `Split()` gives it. SHA-256 throughout; a label is its ASCII bytes, alone.
 *
 * @module
 */
import { wipe } from "./constant_time.ts";
import { requireLength } from "./error.ts";
import { hkdfExpandEachSha256, packExpansions } from "./derivation.ts";
import { hkdfExpandSha256, hmacSha256, SHA256_LENGTH } from "./hash.ts";
import { AEAD_KEY_LENGTH, AEAD_NONCE_LENGTH } from "./provider/provider.ts";

/** Size of a traffic secret, in bytes. */
export const TRAFFIC_SECRET_LENGTH = 32;
/** Size of a header protection key, in bytes. */
export const HEADER_PROTECTION_KEY_LENGTH = 32;

const text = new TextEncoder();
const KEY_LABEL = text.encode("mxp v1 key");
const IV_LABEL = text.encode("mxp v1 iv");
const HEADER_PROTECTION_LABEL = text.encode("mxp v1 hp");
const KEY_UPDATE_LABEL = text.encode("mxp v1 ku");
const CONFIRMATION_LABEL = text.encode("mxp v1 confirm");
const RESUMPTION_LABEL = text.encode("mxp v1 resume");
const PSK_LABEL = text.encode("mxp v1 psk");

/** What {@linkcode deriveTrafficKeys} expands, and in which order. */
const TRAFFIC_LABELS = packExpansions([
  KEY_LABEL,
  IV_LABEL,
  HEADER_PROTECTION_LABEL,
  KEY_UPDATE_LABEL,
]);
/** The same without the key that an update does not replace. */
const PHASE_LABELS = packExpansions([KEY_LABEL, IV_LABEL, KEY_UPDATE_LABEL]);

/** The keys of one direction in one key phase; the holder wipes them. */
export interface PhaseKeys {
  /** Packet key, 32 bytes. */
  readonly key: Uint8Array;
  /** Initialisation vector, 12 bytes: xor it with the packet number. */
  readonly iv: Uint8Array;
  /** Secret of the next key phase, 32 bytes. */
  readonly nextSecret: Uint8Array;
}

/** All keys of one direction in its first key phase; the holder wipes them. */
export interface TrafficKeys extends PhaseKeys {
  /** Header protection key, 32 bytes; a key update does not replace it. */
  readonly headerProtectionKey: Uint8Array;
}

/**
 * Derives the packet keys of a direction, and the secret after them.
 *
 * @param secret The direction's 32-byte secret; borrowed.
 * @returns Keys that the caller owns.
 * @throws {CryptoError} `INVALID_KEY` when the secret is not 32 bytes.
 *
 * @example Usage
 * ```ts
 * import { deriveTrafficKeys } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * assert.equal(deriveTrafficKeys(new Uint8Array(32)).iv.length, 12);
 * ```
 */
export function deriveTrafficKeys(secret: Uint8Array): TrafficKeys {
  checkSecret(secret);
  const expanded = hkdfExpandEachSha256(secret, TRAFFIC_LABELS);
  const keys = {
    key: part(expanded, 0, AEAD_KEY_LENGTH),
    iv: part(expanded, 1, AEAD_NONCE_LENGTH),
    headerProtectionKey: part(expanded, 2, HEADER_PROTECTION_KEY_LENGTH),
    nextSecret: part(expanded, 3, TRAFFIC_SECRET_LENGTH),
  };
  wipe(expanded);
  return keys;
}

/**
 * Derives the packet keys of a direction in a key phase after the first: the
 * header protection key stays as it is.
 *
 * @param secret The direction's 32-byte secret; borrowed.
 * @returns Keys that the caller owns.
 * @throws {CryptoError} `INVALID_KEY` when the secret is not 32 bytes.
 */
export function derivePhaseKeys(secret: Uint8Array): PhaseKeys {
  checkSecret(secret);
  const expanded = hkdfExpandEachSha256(secret, PHASE_LABELS);
  const keys = {
    key: part(expanded, 0, AEAD_KEY_LENGTH),
    iv: part(expanded, 1, AEAD_NONCE_LENGTH),
    nextSecret: part(expanded, 2, TRAFFIC_SECRET_LENGTH),
  };
  wipe(expanded);
  return keys;
}

/** A copy of its own: what is kept of a key phase must not keep the rest. */
function part(expanded: Uint8Array, index: number, length: number): Uint8Array {
  const at = index * SHA256_LENGTH;
  return expanded.slice(at, at + length);
}

/**
 * Derives the secret of the next key phase. One way: the old secret cannot be
 * computed from it.
 *
 * @param secret The current 32-byte secret; borrowed, the caller wipes it.
 * @returns 32 bytes.
 * @throws {CryptoError} `INVALID_KEY` when the secret is not 32 bytes.
 */
export function nextTrafficSecret(secret: Uint8Array): Uint8Array {
  return derive(secret, KEY_UPDATE_LABEL, TRAFFIC_SECRET_LENGTH);
}

/**
 * Derives the key with which a side proves that it holds the secret.
 *
 * @param secret The direction's 32-byte secret; borrowed.
 * @returns 32 bytes.
 * @throws {CryptoError} `INVALID_KEY` when the secret is not 32 bytes.
 */
export function confirmationKey(secret: Uint8Array): Uint8Array {
  return derive(secret, CONFIRMATION_LABEL, TRAFFIC_SECRET_LENGTH);
}

/**
 * Derives what the tickets of a connection stand for. Nothing that the
 * connection sends can be opened with it.
 *
 * @param initiatorSecret First secret of what the initiator sends, 32 bytes;
 * borrowed.
 * @param handshakeHash The final transcript hash.
 * @returns 32 bytes.
 * @throws {CryptoError} `INVALID_KEY` when the secret is not 32 bytes.
 */
export function resumptionSecret(
  initiatorSecret: Uint8Array,
  handshakeHash: Uint8Array,
): Uint8Array {
  return derive(
    initiatorSecret,
    joined(RESUMPTION_LABEL, handshakeHash),
    TRAFFIC_SECRET_LENGTH,
  );
}

/**
 * Derives the pre-shared key of the one connection that a ticket resumes. Who
 * has it was in the connection that the ticket comes from, and has the static
 * key of one of its ends.
 *
 * @param secret From {@linkcode resumptionSecret}; borrowed.
 * @param staticSecret What the static keys of both ends share; borrowed.
 * @param ticket All bytes of the ticket: no two tickets give the same key.
 * @returns 32 bytes.
 * @throws {CryptoError} `INVALID_KEY` when a secret is not 32 bytes.
 */
export function ticketPsk(
  secret: Uint8Array,
  staticSecret: Uint8Array,
  ticket: Uint8Array,
): Uint8Array {
  checkSecret(secret);
  checkSecret(staticSecret);
  // HKDF-Extract (RFC 5869 §2.2).
  const extracted = hmacSha256(secret, staticSecret);
  const info = joined(PSK_LABEL, ticket);
  const psk = derive(extracted, info, TRAFFIC_SECRET_LENGTH);
  wipe(extracted);
  return psk;
}

function joined(label: Uint8Array, rest: Uint8Array): Uint8Array {
  const info = new Uint8Array(label.length + rest.length);
  info.set(label);
  info.set(rest, label.length);
  return info;
}

function derive(
  secret: Uint8Array,
  label: Uint8Array,
  length: number,
): Uint8Array {
  checkSecret(secret);
  return hkdfExpandSha256(secret, label, length);
}

function checkSecret(secret: Uint8Array): void {
  requireLength("Secret", secret, TRAFFIC_SECRET_LENGTH, "INVALID_KEY");
}
