/**
 * Room in the send buffers: for each stream, and for all of them together.
 *
 * @module
 */
import type { SendStream } from "./send_stream.ts";
import type { Stream } from "./stream.ts";

/** What a stream may hold however full the others are, in bytes. */
const RESERVED_BYTES = 4_096;

const NOBODY: readonly Stream[] = [];

/** Counts what is held, and remembers whose write was cut short. */
export class SendSpace {
  readonly #streamBytes: number;
  readonly #totalBytes: number;
  #heldBytes = 0;
  /** Streams whose write was cut short; made for the first. */
  #waiting: Set<Stream> | undefined;
  /** Whether a write was cut short by what other streams hold. */
  #isTotalShort = false;

  /**
   * Starts empty.
   *
   * @param streamBytes What one stream holds at most.
   * @param totalBytes What all streams hold at most.
   */
  constructor(streamBytes: number, totalBytes: number) {
    this.#streamBytes = streamBytes;
    this.#totalBytes = totalBytes;
  }

  /**
   * How much a stream may take now.
   *
   * @param send Its sending side.
   * @returns Bytes.
   */
  roomFor(send: SendStream): number {
    const held = send.bufferedBytes;
    const own = this.#streamBytes - held;
    const shared = Math.max(
      this.#totalBytes - this.#heldBytes,
      RESERVED_BYTES - held,
    );
    return Math.max(0, Math.min(own, shared));
  }

  /**
   * Counts bytes that a stream took.
   *
   * @param byteCount How many.
   */
  onWritten(byteCount: number): void {
    this.#heldBytes += byteCount;
  }

  /**
   * Remembers that a stream's write was cut short.
   *
   * @param stream The stream.
   */
  wait(stream: Stream): void {
    this.#waiting ??= new Set();
    this.#waiting.add(stream);
    if (stream.send!.bufferedBytes < this.#streamBytes) {
      this.#isTotalShort = true;
    }
  }

  /**
   * Forgets that a stream waits: it writes no more.
   *
   * @param stream The stream.
   */
  stopWaiting(stream: Stream): void {
    this.#waiting?.delete(stream);
  }

  /**
   * Counts bytes that were let go.
   *
   * @param stream Whose they were.
   * @param byteCount How many.
   * @returns The streams that waited and now have room for half a buffer, or
   * for whatever the total allows.
   */
  onReleased(stream: Stream, byteCount: number): readonly Stream[] {
    this.#heldBytes -= byteCount;
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.size === 0) return NOBODY;
    if (
      this.#isTotalShort && this.#heldBytes <= this.#totalBytes / 2
    ) {
      // Everybody may have waited for this, so everybody is looked at, once.
      this.#isTotalShort = false;
      return [...waiting].filter((each) => this.#wake(each));
    }
    return waiting.has(stream) && this.#wake(stream) ? [stream] : NOBODY;
  }

  #wake(stream: Stream): boolean {
    const held = stream.send!.bufferedBytes;
    const isRoomy = held <= this.#streamBytes / 2 &&
      (this.#heldBytes < this.#totalBytes || held < RESERVED_BYTES);
    if (isRoomy) this.#waiting?.delete(stream);
    return isRoomy;
  }
}
