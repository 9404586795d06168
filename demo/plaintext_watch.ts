/**
 * Looks for pieces of a file in datagrams.
 *
 * @module
 */

/** Length of a piece, in bytes. */
const PIECE_LENGTH = 16;

/** Pieces that are looked for. */
const MAX_PIECES = 4_096;

/** How much of the file pieces are taken from, in bytes. */
const MAX_SAMPLE_BYTES = 4 * 1024 * 1024;

/** Fewer different bytes than this are no sign: padding looks like it. */
const MIN_DISTINCT_BYTES = 6;

/** Knows pieces of a file, evenly spread, and finds them at any offset. */
export class PlaintextWatch {
  readonly #pieces = new Map<number, Uint8Array[]>();
  readonly #isPossible = new Uint8Array(65_536);
  #pieceCount = 0;
  #foundCount = 0;

  /** @param sample The beginning of the file, or all of it. */
  constructor(sample: Uint8Array) {
    const total = Math.floor(sample.length / PIECE_LENGTH);
    const stride = Math.max(1, Math.ceil(total / MAX_PIECES));
    for (let index = 0; index < total; index += stride) {
      const start = index * PIECE_LENGTH;
      this.#add(sample.subarray(start, start + PIECE_LENGTH));
    }
  }

  /** How many pieces are looked for. */
  get pieceCount(): number {
    return this.#pieceCount;
  }

  /** How many datagrams held one. */
  get foundCount(): number {
    return this.#foundCount;
  }

  /**
   * Looks at a datagram.
   *
   * @param datagram Borrowed.
   */
  inspect(datagram: Uint8Array): void {
    const last = datagram.length - PIECE_LENGTH;
    for (let offset = 0; offset <= last; offset++) {
      const key = keyAt(datagram, offset);
      if (this.#isPossible[(key ^ (key >>> 16)) & 0xffff] === 0) continue;
      const isFound = this.#pieces.get(key)?.some((piece) =>
        piece.every((byte, index) => datagram[offset + index] === byte)
      );
      if (isFound) {
        this.#foundCount++;
        return;
      }
    }
  }

  #add(piece: Uint8Array): void {
    if (new Set(piece).size < MIN_DISTINCT_BYTES) return;
    const key = keyAt(piece, 0);
    const pieces = this.#pieces.get(key) ?? [];
    pieces.push(piece);
    this.#pieces.set(key, pieces);
    this.#isPossible[(key ^ (key >>> 16)) & 0xffff] = 1;
    this.#pieceCount++;
  }
}

/**
 * Reads what a {@linkcode PlaintextWatch} takes pieces from.
 *
 * @param path The file.
 * @returns Its first 4 MiB.
 */
export async function readSample(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const sample = new Uint8Array(Math.min(size, MAX_SAMPLE_BYTES));
  let length = 0;
  while (length < sample.length) {
    const count = await file.read(sample.subarray(length));
    if (count === null) break;
    length += count;
  }
  return sample.subarray(0, length);
}

function keyAt(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | bytes[offset + 1]! << 8 | bytes[offset + 2]! << 16 |
    bytes[offset + 3]! << 24) >>> 0;
}
