/**
 * Two ends of a stream in memory, for tests of what reads and writes messages.
 *
 * @module
 */
import type { ByteStream } from "../../mesh/message_channel.ts";
import type { ReadWaiter } from "../../transport/mod.ts";

/**
 * Takes the first of some chunks, or as much of it as fits.
 *
 * @param chunks What is there; changed.
 * @param into Where the bytes are put, if anywhere.
 * @returns As `ByteStream.read`.
 */
export function takeChunk(
  chunks: Uint8Array[],
  into?: Uint8Array,
): Uint8Array | undefined {
  const chunk = chunks.shift();
  if (chunk === undefined || into === undefined) return chunk;
  const taken = chunk.subarray(0, into.length);
  if (taken.length < chunk.length) {
    chunks.unshift(chunk.subarray(taken.length));
  }
  into.set(taken);
  return into.subarray(0, taken.length);
}

/** How many bytes chunks hold. */
export function sumOfLengths(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** One end of a {@linkcode createStreamPair}. */
export class TestStream implements ByteStream {
  /** The other end. */
  peer!: TestStream;
  /** The code of our reset, once there was one. */
  resetCode: number | undefined;
  /** The code with which we stopped the peer, once we did. */
  stopCode: number | undefined;
  /** Told when the other end stops this one, by a test. */
  onStopped?: (code: number) => void;
  /** While true, writes of this end wait. */
  isBlocked = false;
  /** What the other end has not acknowledged, as a test says. */
  undeliveredBytes = 0;
  /** Whether the other end leaves alone what it has, as a test says. */
  isHeldBack = false;
  #chunks: Uint8Array[] = [];
  #isEnded = false;
  #error: Error | undefined;
  #wakeReader: () => void = () => {};
  #wakeWriter: () => void = () => {};

  /** Hands bytes to the other end. */
  async write(bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    while (this.isBlocked && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    if (this.#error !== undefined) throw this.#error;
    this.peer.#chunks.push(copy);
    this.peer.#wakeReader();
  }

  /** Hands bytes to the other end unless writes wait. */
  tryWrite(bytes: Uint8Array, isLast = false): boolean {
    if (this.isBlocked || this.#error !== undefined) return false;
    this.peer.#chunks.push(bytes.slice());
    if (isLast) this.peer.#isEnded = true;
    this.peer.#wakeReader();
    return true;
  }

  /** Lets waiting writes go on. */
  unblock(): void {
    this.isBlocked = false;
    this.#wakeWriter();
  }

  /** Ends our direction. */
  finish(): void {
    this.peer.#isEnded = true;
    this.peer.#wakeReader();
  }

  /** Bytes of the other end that were not read. */
  get readableBytes(): number {
    return sumOfLengths(this.#chunks);
  }

  /** The next bytes of the other end. */
  async read(into?: Uint8Array): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = takeChunk(this.#chunks, into);
      if (chunk !== undefined) return chunk;
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** As `read`, for a waiter. */
  readWith(waiter: ReadWaiter, into?: Uint8Array): void {
    this.read(into).then(
      (chunk) => waiter.resolve(chunk),
      (error) => waiter.reject(error),
    );
  }

  /** The next bytes if they are there. */
  tryRead(into?: Uint8Array): Uint8Array | undefined {
    return takeChunk(this.#chunks, into);
  }

  /** Whether the other end has ended and everything was read. */
  get isReadOver(): boolean {
    return this.#isEnded && this.#chunks.length === 0;
  }

  /** Gives up our direction. */
  reset(code: number): void {
    this.resetCode ??= code;
    this.peer.fail(new Error(`reset with ${code}`));
  }

  /** Asks the other end to give up its direction. */
  stopSending(code: number): void {
    this.stopCode ??= code;
  }

  /** Makes reads and writes of this end fail from now on. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#wakeReader();
    this.#wakeWriter();
  }
}

/**
 * Makes a stream.
 *
 * @returns Its two ends.
 */
export function createStreamPair(): [TestStream, TestStream] {
  const left = new TestStream();
  const right = new TestStream();
  left.peer = right;
  right.peer = left;
  return [left, right];
}
