/**
 * Noise protocol names, such as `Noise_IK_25519_ChaChaPoly_SHA256` (Noise §8).
 *
 * @module
 */
import { CryptoError } from "../error.ts";
import type { AeadSuite } from "../provider/provider.ts";
import {
  type HandshakePattern,
  handshakePattern,
} from "./handshake_pattern.ts";
import { NOISE_HASHES, type NoiseHash } from "./noise_hash.ts";

/** Longest protocol name, in characters (Noise §8). */
const MAX_NAME_LENGTH = 255;

const SUITES: ReadonlyMap<string, AeadSuite> = new Map([
  ["ChaChaPoly", "chacha20-poly1305"],
  ["AESGCM", "aes-256-gcm"],
]);

/** What a protocol name stands for. */
export interface NoiseProtocol {
  /** The name itself, which the handshake hashes. */
  readonly name: string;
  /** Who sends what. */
  readonly pattern: HandshakePattern;
  /** The cipher. */
  readonly suite: AeadSuite;
  /** The hash. */
  readonly hash: NoiseHash;
}

/**
 * Reads a protocol name.
 *
 * @param name The name; X25519 is the only Diffie-Hellman function known.
 * @returns What it stands for.
 * @throws {CryptoError} `UNSUPPORTED_PROTOCOL` for anything else.
 */
export function parseProtocolName(name: string): NoiseProtocol {
  const parts = name.length > MAX_NAME_LENGTH ? [] : name.split("_");
  const [prefix, pattern, dh, cipher, hash] = parts;
  const suite = SUITES.get(cipher ?? "");
  const noiseHash = NOISE_HASHES.get(hash ?? "");
  if (
    parts.length !== 5 || prefix !== "Noise" || dh !== "25519" ||
    suite === undefined || noiseHash === undefined
  ) {
    throw new CryptoError(
      "UNSUPPORTED_PROTOCOL",
      `Noise protocol: ${name.slice(0, 64)}`,
    );
  }
  return {
    name,
    pattern: handshakePattern(pattern!),
    suite,
    hash: noiseHash,
  };
}
