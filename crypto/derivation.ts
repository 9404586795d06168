/**
 * Derivations that use one key several times: for less than one after the other,
 * because the key is prepared once.
 *
 * @module
 */
import {
  fastestSha256,
  packShortTexts,
  type ShortTexts,
} from "./provider/sha256.ts";

/** Behind the context of an expansion of one block (RFC 5869 §2.3). */
const COUNTER = 1;

/**
 * Lays out the contexts of several expansions of one key.
 *
 * @param infos At most eight, of at most 54 bytes.
 * @returns For {@linkcode hkdfExpandEachSha256}, many times.
 */
export function packExpansions(infos: readonly Uint8Array[]): ShortTexts {
  return packShortTexts(infos.map((info) => {
    const text = new Uint8Array(info.length + 1);
    text.set(info);
    text[info.length] = COUNTER;
    return text;
  }));
}

/**
 * HKDF-Expand with SHA-256, of one block for each of several contexts.
 *
 * @param key The pseudorandom key, 32 bytes; borrowed.
 * @param infos From {@linkcode packExpansions}.
 * @returns 32 bytes for each, one after the other, that the caller owns.
 */
export function hkdfExpandEachSha256(
  key: Uint8Array,
  infos: ShortTexts,
): Uint8Array {
  return fastestSha256().hmacEach(key, infos);
}

/**
 * HKDF of Noise (revision 34, §4.3) with SHA-256.
 *
 * @param chainingKey The salt, 32 bytes; borrowed.
 * @param inputKeyMaterial At most 64 bytes; borrowed.
 * @param count 2 or 3.
 * @returns `count` outputs of 32 bytes, one after the other, that the caller
 * owns.
 */
export function noiseHkdfSha256(
  chainingKey: Uint8Array,
  inputKeyMaterial: Uint8Array,
  count: number,
): Uint8Array {
  return fastestSha256().noiseHkdf(chainingKey, inputKeyMaterial, count);
}
