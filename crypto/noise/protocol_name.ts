/**
 * Noise protocol names, such as `Noise_IK_25519_ChaChaPoly_SHA256` (Noise §8).
 *
 * The modifier `hfs` and a KEM go together: `25519+MLKEM768` names both key
 * agreements. The hyphens of ML-KEM-768 are not among the characters that Noise
 * §8 allows.
 *
 * @module
 */
import { CryptoError } from "../error.ts";
import type { Kem } from "../kem.ts";
import { ML_KEM_768 } from "../ml_kem.ts";
import type { AeadSuite } from "../provider/provider.ts";
import {
  type HandshakePattern,
  handshakePattern,
  isHybrid,
} from "./handshake_pattern.ts";
import { NOISE_HASHES, type NoiseHash } from "./noise_hash.ts";

/** Longest protocol name, in characters (Noise §8). */
const MAX_NAME_LENGTH = 255;

const SUITES: ReadonlyMap<string, AeadSuite> = new Map([
  ["ChaChaPoly", "chacha20-poly1305"],
  ["AESGCM", "aes-256-gcm"],
]);

/** Key agreements by name, each with the KEM beside X25519, if there is one. */
const AGREEMENTS: ReadonlyMap<string, Kem | undefined> = new Map([
  ["25519", undefined],
  [`25519+${ML_KEM_768.name}`, ML_KEM_768],
]);

/** What a protocol name stands for. */
export interface NoiseProtocol {
  /** The name itself, which the handshake hashes. */
  readonly name: string;
  /** Who sends what. */
  readonly pattern: HandshakePattern;
  /** The KEM, if the pattern is a hybrid one. */
  readonly kem: Kem | undefined;
  /** The cipher. */
  readonly suite: AeadSuite;
  /** The hash. */
  readonly hash: NoiseHash;
}

/** Names whose meaning is remembered: more than an endpoint ever uses. */
const MAX_KNOWN_NAMES = 32;

const known = new Map<string, NoiseProtocol>();

/**
 * Reads a protocol name.
 *
 * @param name The name; X25519 is the only Diffie-Hellman function known, and
 * ML-KEM-768 the only KEM beside it.
 * @returns What it stands for.
 * @throws {CryptoError} `UNSUPPORTED_PROTOCOL` for anything else.
 */
export function parseProtocolName(name: string): NoiseProtocol {
  let protocol = known.get(name);
  if (protocol === undefined) {
    protocol = readProtocolName(name);
    if (known.size < MAX_KNOWN_NAMES) known.set(name, protocol);
  }
  return protocol;
}

function readProtocolName(name: string): NoiseProtocol {
  const parts = name.length > MAX_NAME_LENGTH ? [] : name.split("_");
  const [prefix, patternName, agreement, cipher, hash] = parts;
  const suite = SUITES.get(cipher ?? "");
  const noiseHash = NOISE_HASHES.get(hash ?? "");
  if (
    parts.length !== 5 || prefix !== "Noise" ||
    !AGREEMENTS.has(agreement!) || suite === undefined ||
    noiseHash === undefined
  ) throw unsupported(name);
  const pattern = handshakePattern(patternName!);
  const kem = AGREEMENTS.get(agreement!);
  if (isHybrid(pattern) !== (kem !== undefined)) throw unsupported(name);
  return { name, pattern, kem, suite, hash: noiseHash };
}

function unsupported(name: string): CryptoError {
  return new CryptoError(
    "UNSUPPORTED_PROTOCOL",
    `Noise protocol: ${name.slice(0, 64)}`,
  );
}
