/**
 * The mask that hides flags, packet number and nonce of a packet header.
 *
 * As RFC 9001 §5.4.4: the first four bytes of a 16-byte ciphertext sample are
 * the ChaCha20 block counter, little-endian, the other twelve its nonce, and
 * the mask is the start of that keystream block. It runs twice for each
 * packet, so the one block is computed here, without a cipher object.
 *
 * @module
 */
import { CryptoError, requireLength, requireUnwiped } from "./error.ts";
import { KEY_BYTES } from "./key_bytes.ts";
import { HEADER_PROTECTION_KEY_LENGTH } from "./key_schedule.ts";

/** Size of the ciphertext sample, in bytes. */
export const HEADER_SAMPLE_LENGTH = 16;
/** Size of the mask: flags 1, packet number 8, nonce 12. */
export const HEADER_MASK_LENGTH = 21;

/** Makes masks under one key. */
export interface HeaderProtection {
  /**
   * Computes the mask for a sample.
   *
   * @param sample 16 bytes of ciphertext; borrowed.
   * @param into At least 21 bytes; the first 21 are overwritten.
   * @throws {CryptoError} `INVALID_LENGTH` for other sizes, `STATE` after a wipe.
   */
  mask(sample: Uint8Array, into: Uint8Array): void;
  /**
   * Computes the mask for a sample that stands in a packet, without a view of it.
   *
   * @param packet Holds the sample; borrowed.
   * @param offset Where its 16 bytes start.
   * @param into At least 21 bytes; the first 21 are overwritten.
   * @throws {CryptoError} `INVALID_LENGTH` where there is less, `STATE` after a wipe.
   */
  maskAt(packet: Uint8Array, offset: number, into: Uint8Array): void;
  /** Forgets the key. */
  wipe(): void;
}

/**
 * Binds a key to the mask function.
 *
 * @param key 32 bytes; copied.
 * @returns The mask function.
 * @throws {CryptoError} `INVALID_KEY` when the key is not 32 bytes.
 *
 * @example Usage
 * ```ts
 * import { createHeaderProtection } from "@mxp/core/crypto";
 *
 * const protection = createHeaderProtection(new Uint8Array(32));
 * const mask = new Uint8Array(21);
 * protection.mask(new Uint8Array(16), mask);
 * ```
 */
export function createHeaderProtection(key: Uint8Array): HeaderProtection {
  requireLength(
    "Header protection key",
    key,
    HEADER_PROTECTION_KEY_LENGTH,
    "INVALID_KEY",
  );
  return new ChaChaMask(key);
}

class ChaChaMask implements HeaderProtection {
  #key: Uint32Array | undefined;

  constructor(key: Uint8Array) {
    this.#key = KEY_BYTES.allocateWords(HEADER_PROTECTION_KEY_LENGTH / 4);
    for (let word = 0; word < this.#key.length; word++) {
      this.#key[word] = readWord(key, word * 4);
    }
  }

  mask(sample: Uint8Array, into: Uint8Array): void {
    requireLength("Header mask sample", sample, HEADER_SAMPLE_LENGTH);
    this.maskAt(sample, 0, into);
  }

  maskAt(packet: Uint8Array, offset: number, into: Uint8Array): void {
    const sampleRoom = packet.length - offset;
    if (
      !(offset >= 0 && sampleRoom >= HEADER_SAMPLE_LENGTH) ||
      into.length < HEADER_MASK_LENGTH
    ) {
      throw new CryptoError(
        "INVALID_LENGTH",
        `Header mask: ${sampleRoom} bytes of sample, ${into.length} of room`,
      );
    }
    maskBlock(requireUnwiped(this.#key), packet, offset, into);
  }

  wipe(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }
}

/** "expand 32-byte k", as four words. */
const SIGMA_0 = 0x61707865;
const SIGMA_1 = 0x3320646e;
const SIGMA_2 = 0x79622d32;
const SIGMA_3 = 0x6b206574;

/**
 * One ChaCha20 block (RFC 8439 §2.3), of which the first 21 bytes are kept.
 * Sixteen locals rather than an array: they stay in registers.
 */
function maskBlock(
  key: Uint32Array,
  packet: Uint8Array,
  offset: number,
  into: Uint8Array,
): void {
  let a0 = SIGMA_0, a1 = SIGMA_1, a2 = SIGMA_2, a3 = SIGMA_3;
  let b0 = key[0]! | 0, b1 = key[1]! | 0, b2 = key[2]! | 0, b3 = key[3]! | 0;
  let c0 = key[4]! | 0, c1 = key[5]! | 0, c2 = key[6]! | 0, c3 = key[7]! | 0;
  let d0 = readWord(packet, offset), d1 = readWord(packet, offset + 4);
  let d2 = readWord(packet, offset + 8), d3 = readWord(packet, offset + 12);
  for (let round = 0; round < 20; round += 2) {
    // Columns.
    // deno-fmt-ignore
    {
      a0 = (a0 + b0) | 0; d0 = rotate(d0 ^ a0, 16); c0 = (c0 + d0) | 0; b0 = rotate(b0 ^ c0, 12);
      a0 = (a0 + b0) | 0; d0 = rotate(d0 ^ a0, 8); c0 = (c0 + d0) | 0; b0 = rotate(b0 ^ c0, 7);
      a1 = (a1 + b1) | 0; d1 = rotate(d1 ^ a1, 16); c1 = (c1 + d1) | 0; b1 = rotate(b1 ^ c1, 12);
      a1 = (a1 + b1) | 0; d1 = rotate(d1 ^ a1, 8); c1 = (c1 + d1) | 0; b1 = rotate(b1 ^ c1, 7);
      a2 = (a2 + b2) | 0; d2 = rotate(d2 ^ a2, 16); c2 = (c2 + d2) | 0; b2 = rotate(b2 ^ c2, 12);
      a2 = (a2 + b2) | 0; d2 = rotate(d2 ^ a2, 8); c2 = (c2 + d2) | 0; b2 = rotate(b2 ^ c2, 7);
      a3 = (a3 + b3) | 0; d3 = rotate(d3 ^ a3, 16); c3 = (c3 + d3) | 0; b3 = rotate(b3 ^ c3, 12);
      a3 = (a3 + b3) | 0; d3 = rotate(d3 ^ a3, 8); c3 = (c3 + d3) | 0; b3 = rotate(b3 ^ c3, 7);
    }
    // Diagonals.
    // deno-fmt-ignore
    {
      a0 = (a0 + b1) | 0; d3 = rotate(d3 ^ a0, 16); c2 = (c2 + d3) | 0; b1 = rotate(b1 ^ c2, 12);
      a0 = (a0 + b1) | 0; d3 = rotate(d3 ^ a0, 8); c2 = (c2 + d3) | 0; b1 = rotate(b1 ^ c2, 7);
      a1 = (a1 + b2) | 0; d0 = rotate(d0 ^ a1, 16); c3 = (c3 + d0) | 0; b2 = rotate(b2 ^ c3, 12);
      a1 = (a1 + b2) | 0; d0 = rotate(d0 ^ a1, 8); c3 = (c3 + d0) | 0; b2 = rotate(b2 ^ c3, 7);
      a2 = (a2 + b3) | 0; d1 = rotate(d1 ^ a2, 16); c0 = (c0 + d1) | 0; b3 = rotate(b3 ^ c0, 12);
      a2 = (a2 + b3) | 0; d1 = rotate(d1 ^ a2, 8); c0 = (c0 + d1) | 0; b3 = rotate(b3 ^ c0, 7);
      a3 = (a3 + b0) | 0; d2 = rotate(d2 ^ a3, 16); c1 = (c1 + d2) | 0; b0 = rotate(b0 ^ c1, 12);
      a3 = (a3 + b0) | 0; d2 = rotate(d2 ^ a3, 8); c1 = (c1 + d2) | 0; b0 = rotate(b0 ^ c1, 7);
    }
  }
  writeWord(into, 0, a0 + SIGMA_0);
  writeWord(into, 4, a1 + SIGMA_1);
  writeWord(into, 8, a2 + SIGMA_2);
  writeWord(into, 12, a3 + SIGMA_3);
  writeWord(into, 16, b0 + key[0]!);
  into[20] = b1 + key[1]!;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
    (bytes[at + 3]! << 24);
}

function writeWord(into: Uint8Array, at: number, word: number): void {
  into[at] = word;
  into[at + 1] = word >>> 8;
  into[at + 2] = word >>> 16;
  into[at + 3] = word >>> 24;
}
