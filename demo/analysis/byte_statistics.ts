/**
 * What can be said about any file: its size, its lines, how random it is.
 *
 * @module
 */

const NEWLINE = 0x0a;

/** Counts bytes. */
export class ByteStatistics {
  readonly #counts = new Float64Array(256);
  #byteCount = 0;
  #lastByte: number | undefined;

  /**
   * Takes the next bytes.
   *
   * @param bytes Borrowed.
   */
  add(bytes: Uint8Array): void {
    for (const byte of bytes) this.#counts[byte]!++;
    this.#byteCount += bytes.length;
    this.#lastByte = bytes.at(-1) ?? this.#lastByte;
  }

  /** How many bytes there were. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** How many lines: a last one without line break counts too. */
  get lineCount(): number {
    const isOpen = this.#lastByte !== undefined && this.#lastByte !== NEWLINE;
    return this.#counts[NEWLINE]! + (isOpen ? 1 : 0);
  }

  /** Whether it can be text: text has no zero bytes. */
  get hasZeroByte(): boolean {
    return this.#counts[0]! > 0;
  }

  /** Shannon entropy in bits per byte: 8 for noise, 0 for one repeated byte. */
  get entropyBits(): number {
    let bits = 0;
    for (const count of this.#counts) {
      if (count === 0) continue;
      const probability = count / this.#byteCount;
      bits -= probability * Math.log2(probability);
    }
    return bits;
  }
}
