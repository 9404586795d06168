/**
 * Integers of 64 bits, little-endian, that a `number` holds exactly.
 *
 * @module
 */

/** Highest value of the upper half. */
const MAX_HIGH_HALF = 0x1fffff;

/**
 * Reads one.
 *
 * @param bytes Where to read; eight bytes from `offset` on must exist.
 * @param offset Where the integer starts.
 * @returns The integer, or -1 when it is 2^53 or more.
 */
export function readU53(bytes: Uint8Array, offset: number): number {
  const low = bytes[offset]! | (bytes[offset + 1]! << 8) |
    (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24);
  const high = bytes[offset + 4]! | (bytes[offset + 5]! << 8) |
    (bytes[offset + 6]! << 16) |
    (bytes[offset + 7]! << 24);
  if (high < 0 || high > MAX_HIGH_HALF) return -1;
  return high * 0x100000000 + (low >>> 0);
}
