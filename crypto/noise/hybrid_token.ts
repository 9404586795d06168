/**
 * The tokens `e1` and `ekem1` of the modifier `hfs` (the extension "Hybrid
 * Forward Secrecy" of Noise): a KEM beside the Diffie-Hellman of the ephemeral
 * keys.
 *
 * `e1` carries a fresh public key of the KEM, `ekem1` a secret encapsulated for
 * it. Both are sealed where there is a key by then, and the secret is mixed
 * into the chaining key like that of a Diffie-Hellman: what the handshake gives
 * stays secret as long as one of the two does.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";
import { wipe } from "../constant_time.ts";
import { CryptoError } from "../error.ts";
import type { Kem, KemPrivateKey } from "../kem.ts";
import type { HybridToken, Token } from "./handshake_pattern.ts";
import type { SymmetricState } from "./symmetric_state.ts";

/** The KEM's keys at one end; replaced, never modified, by a message. */
export interface HybridKeys {
  /** Ours, once we have written `e1`. */
  readonly own?: KemPrivateKey;
  /** The peer's, once we have read its `e1`. */
  readonly remote?: Uint8Array;
}

/** What a token works on. */
export interface HybridStep {
  /** The KEM of the protocol. */
  readonly kem: Kem;
  /** What is mixed into. */
  readonly symmetric: SymmetricState;
  /** What is known by then. */
  readonly keys: HybridKeys;
}

/**
 * Tells the tokens of this page from the others.
 *
 * @param token Any token.
 * @returns Whether it is one of them.
 */
export function isHybridToken(token: Token): token is HybridToken {
  return token === "e1" || token === "ekem1";
}

/**
 * Size of what a token carries, without a tag.
 *
 * @param kem The KEM of the protocol.
 * @param token Which token.
 * @returns Bytes.
 */
export function hybridTokenLength(kem: Kem, token: HybridToken): number {
  return token === "e1" ? kem.publicKeyLength : kem.ciphertextLength;
}

/**
 * Writes a token.
 *
 * @param token Which token.
 * @param step KEM, state and keys.
 * @param random Where a key or a secret comes from.
 * @returns The bytes for the message, and the keys from now on.
 * @throws {CryptoError} `INVALID_KEY` when what the peer sent is no public key.
 */
export function writeHybridToken(
  token: HybridToken,
  { kem, symmetric, keys }: HybridStep,
  random: RandomSource,
): { readonly bytes: Uint8Array; readonly keys: HybridKeys } {
  if (token === "e1") {
    const own = kem.generateKey(random);
    return {
      bytes: symmetric.sealAndHash(own.publicKey),
      keys: { ...keys, own },
    };
  }
  const { ciphertext, sharedSecret } = kem.encapsulate(keys.remote!, random);
  const bytes = symmetric.sealAndHash(ciphertext);
  symmetric.mixKey(sharedSecret);
  wipe(sharedSecret);
  return { bytes, keys };
}

/**
 * Reads a token. A ciphertext that was made for another key is noticed by what
 * follows it: the two ends have then mixed in different secrets.
 *
 * @param token Which token.
 * @param step KEM, state and keys.
 * @param bytes What the message holds, with the tag if there is one; borrowed.
 * @returns The keys from now on.
 * @throws {CryptoError} `HANDSHAKE_FAILED` when it does not authenticate.
 */
export function readHybridToken(
  token: HybridToken,
  { symmetric, keys }: HybridStep,
  bytes: Uint8Array,
): HybridKeys {
  const opened = symmetric.openAndHash(bytes);
  if (opened === undefined) {
    throw new CryptoError(
      "HANDSHAKE_FAILED",
      `Handshake: ${token} does not authenticate`,
      { fault: "peer" },
    );
  }
  if (token === "e1") return { ...keys, remote: opened };
  const secret = keys.own!.decapsulate(opened);
  symmetric.mixKey(secret);
  wipe(secret);
  return keys;
}
