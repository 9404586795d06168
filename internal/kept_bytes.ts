/**
 * Cheap memory for the few bytes that a connection keeps: keys, tokens, ids.
 *
 * A small array with an `ArrayBuffer` of its own takes 0.4 KB beside its bytes, a
 * view of a shared one 0.1 KB. Short-lived copies have slabs of another kind
 * (`byte_pool.ts`): among those, a key would hold back sixteen kilobytes.
 *
 * @module
 */

/** Size of a slab: what little is kept can hold back from the collector. */
const SLAB_BYTES = 2_048;

/** Every array begins at a multiple of it, so that one of words can. */
const ALIGNMENT_BYTES = 8;

/**
 * Shares slabs among short arrays of one kind. None of them goes to the
 * application: with the `buffer` it would get the others.
 */
export class KeptBytes {
  #slab: ArrayBuffer | undefined;
  #used = 0;

  /**
   * Allocates bytes.
   *
   * @param length How many, up to 2,048.
   * @returns Zeros, owned by the caller; their `buffer` is not.
   */
  allocate(length: number): Uint8Array {
    if (this.#slab === undefined || this.#used + length > SLAB_BYTES) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#used, length);
    this.#used += Math.ceil(length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    return bytes;
  }

  /**
   * Allocates words.
   *
   * @param count How many, up to 512.
   * @returns Zeros, owned by the caller; their `buffer` is not.
   */
  allocateWords(count: number): Uint32Array {
    const { buffer, byteOffset } = this.allocate(
      count * Uint32Array.BYTES_PER_ELEMENT,
    );
    return new Uint32Array(buffer, byteOffset, count);
  }

  /**
   * Copies bytes.
   *
   * @param bytes What to copy, up to 2,048; borrowed.
   * @returns The copy, owned by the caller; its `buffer` is not.
   */
  copy(bytes: Uint8Array): Uint8Array {
    const copy = this.allocate(bytes.length);
    copy.set(bytes);
    return copy;
  }
}
