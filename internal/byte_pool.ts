/**
 * Cheap copies of short byte strings.
 *
 * An `ArrayBuffer` of its own costs 0.3 to 0.8 µs, a view of a shared one a
 * tenth of that, measured on Deno 2.9. So short copies share slabs, as those of
 * Node's `Buffer` do.
 *
 * @module
 */

/** Size of a slab: what one copy that is kept can hold back from the collector. */
const SLAB_BYTES = 16_384;

/** Longest copy that is put into a slab; longer ones get a buffer of their own. */
const MAX_POOLED_BYTES = 2_048;

let slab: ArrayBuffer = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/**
 * Copies bytes.
 *
 * @param bytes What to copy; borrowed.
 * @returns The copy, owned by the caller. Its `buffer` may be shared with other
 * copies: transfer or detach a `slice()` of it instead.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length > MAX_POOLED_BYTES) return bytes.slice();
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const copy = new Uint8Array(slab, used, length);
  // Aligned to eight bytes, so that nobody pays for an odd address.
  used += (length + 7) & ~7;
  copy.set(bytes);
  return copy;
}
