/**
 * Bytes one after the other.
 *
 * @module
 */

/**
 * Joins bytes.
 *
 * @param parts What to join; borrowed.
 * @returns New bytes.
 */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
