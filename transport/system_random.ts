/**
 * The machine's randomness.
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";

/** What `crypto.getRandomValues` fills in one call (Web Cryptography §10.1.1). */
const MAX_FILL_BYTES = 65_536;

/**
 * The system's generator, for public and secret bytes alike: its output
 * reveals nothing about its state.
 */
export const systemRandom: RandomSource = {
  fillPublic: fill,
  fillSecret: fill,
};

function fill(into: Uint8Array): void {
  if (into.length <= MAX_FILL_BYTES) {
    // The type wants bytes that are not shared; keys and ids never are.
    crypto.getRandomValues(into as Uint8Array<ArrayBuffer>);
    return;
  }
  for (let offset = 0; offset < into.length; offset += MAX_FILL_BYTES) {
    crypto.getRandomValues(
      into.subarray(offset, offset + MAX_FILL_BYTES) as Uint8Array<ArrayBuffer>,
    );
  }
}
