/**
 * What a node has sent on one stream, and how much it takes.
 *
 * @module
 */
import type { StreamFrame } from "../../protocol/mod.ts";

/** The bytes of one stream, in order as far as they came. */
export class RawStream {
  /** Where the stream ends, once it is known. */
  finalSize: number | undefined;
  /** Code of the node's reset. */
  resetCode: number | undefined;
  /** Code with which the node stopped our direction. */
  stopCode: number | undefined;
  /** Offset behind the last byte that ever came. */
  highestOffset = 0;
  /** How far the node lets our direction go, by the credit of this stream. */
  creditEnd: number;
  /** Offset behind the last byte that we have sent. */
  sentEnd = 0;
  readonly #chunks = new Map<number, Uint8Array>();

  /** @param creditBytes What the node granted for each stream. */
  constructor(creditBytes: number) {
    this.creditEnd = creditBytes;
  }

  /**
   * Takes a frame.
   *
   * @param frame A frame of this stream.
   */
  receive(frame: StreamFrame): void {
    const { offset, data } = frame;
    const end = offset + data.length;
    this.highestOffset = Math.max(this.highestOffset, end);
    if (frame.isFin) this.finalSize = end;
    const known = this.#chunks.get(offset);
    if (known === undefined || known.length < data.length) {
      this.#chunks.set(offset, data.slice());
    }
  }

  /** The bytes from the start up to the first that is missing. */
  get bytes(): Uint8Array {
    const chunks = [...this.#chunks].toSorted(([a], [b]) => a - b);
    const joined = new Uint8Array(this.highestOffset);
    let length = 0;
    for (const [offset, data] of chunks) {
      if (offset > length) break;
      joined.set(data, offset);
      length = Math.max(length, offset + data.length);
    }
    return joined.subarray(0, length);
  }

  /** Whether everything has come. */
  get isComplete(): boolean {
    return this.finalSize !== undefined && this.bytes.length >= this.finalSize;
  }
}
