/**
 * The hash functions of Noise and its HKDF (Noise §4.3, §12).
 *
 * @module
 */
import { blake2b, blake2s } from "@noble/hashes/blake2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha512 } from "@noble/hashes/sha2.js";
import type { CHash } from "@noble/hashes/utils.js";
import { wipe } from "../constant_time.ts";
import { noiseHkdfSha256 } from "../derivation.ts";
import { hmacSha256, sha256, SHA256_LENGTH } from "../hash.ts";

/** A hash function with its HMAC. */
export interface NoiseHash {
  /** Size of a digest, in bytes: 32 or 64. */
  readonly length: number;
  /** Hashes the concatenation of `first` and `second`. */
  digest(first: Uint8Array, second: Uint8Array): Uint8Array;
  /** HMAC over the concatenation of `first` and `second`. */
  hmac(key: Uint8Array, first: Uint8Array, second: Uint8Array): Uint8Array;
  /** The whole of {@linkcode noiseHkdf} at once, where there is such a thing. */
  readonly hkdf?: (
    chainingKey: Uint8Array,
    inputKeyMaterial: Uint8Array,
    count: number,
  ) => Uint8Array;
}

function noiseHash(hash: CHash): NoiseHash {
  return {
    length: hash.outputLen,
    digest: (first, second): Uint8Array =>
      hash.create().update(first).update(second).digest(),
    hmac: (key, first, second): Uint8Array =>
      hmac.create(hash, key).update(first).update(second).digest(),
  };
}

/** Hash functions by their name in a protocol name. */
export const NOISE_HASHES: ReadonlyMap<string, NoiseHash> = new Map([
  ["SHA256", {
    length: SHA256_LENGTH,
    digest: sha256,
    hmac: hmacSha256,
    hkdf: noiseHkdfSha256,
  }],
  ["SHA512", noiseHash(sha512)],
  ["BLAKE2s", noiseHash(blake2s)],
  // A keyed BLAKE2 exists, but Noise §12.7 asks for plain HMAC-BLAKE2.
  ["BLAKE2b", noiseHash(blake2b)],
]);

const NONE = new Uint8Array();
const COUNTERS = [1, 2, 3].map((count) => Uint8Array.of(count));

/**
 * HKDF of Noise (§4.3): two or three outputs of the hash's size.
 *
 * @param hash Which hash.
 * @param chainingKey The salt; borrowed.
 * @param inputKeyMaterial Empty, a shared secret or a pre-shared key: at most 64
 * bytes; borrowed.
 * @param count 2 or 3.
 * @returns `count` outputs that the caller owns and wipes, of one buffer as a rule.
 */
export function noiseHkdf(
  hash: NoiseHash,
  chainingKey: Uint8Array,
  inputKeyMaterial: Uint8Array,
  count: 2 | 3,
): Uint8Array[] {
  const outputs: Uint8Array[] = [];
  if (hash.hkdf !== undefined) {
    const { length } = hash;
    const joined = hash.hkdf(chainingKey, inputKeyMaterial, count);
    for (let at = 0; at < joined.length; at += length) {
      outputs.push(joined.subarray(at, at + length));
    }
    return outputs;
  }
  const temporaryKey = hash.hmac(chainingKey, inputKeyMaterial, NONE);
  let previous: Uint8Array = NONE;
  for (let index = 0; index < count; index++) {
    previous = hash.hmac(temporaryKey, previous, COUNTERS[index]!);
    outputs.push(previous);
  }
  wipe(temporaryKey);
  return outputs;
}
