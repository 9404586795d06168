/**
 * Messages on a stream of bytes: four bytes of length, little-endian, and the
 * message.
 *
 * @module
 */

const HEAD_LENGTH = 4;

/**
 * Puts the length before a message.
 *
 * @param message The message.
 * @returns The frame, a copy.
 */
export function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(HEAD_LENGTH + message.length);
  new DataView(framed.buffer).setUint32(0, message.length, true);
  framed.set(message, HEAD_LENGTH);
  return framed;
}

/** Cuts a stream of bytes into the messages that were framed. */
export class Deframer {
  readonly #onMessage: (message: Uint8Array) => void;
  #head = new Uint8Array(HEAD_LENGTH);
  #headLength = 0;
  /** A message of which a part has arrived. */
  #partial: Uint8Array | undefined;
  #partialLength = 0;

  /** @param onMessage Called with each message, borrowed until it returns. */
  constructor(onMessage: (message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  /** @param chunk What arrived. */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#partial !== undefined) {
        offset += this.#fill(this.#partial, chunk.subarray(offset));
        continue;
      }
      this.#head[this.#headLength++] = chunk[offset++]!;
      if (this.#headLength < HEAD_LENGTH) continue;
      this.#headLength = 0;
      const length = new DataView(this.#head.buffer).getUint32(0, true);
      if (chunk.length - offset >= length) {
        this.#onMessage(chunk.subarray(offset, offset + length));
        offset += length;
      } else {
        this.#partial = new Uint8Array(length);
        this.#partialLength = 0;
      }
    }
  }

  #fill(partial: Uint8Array, rest: Uint8Array): number {
    const missing = partial.length - this.#partialLength;
    const part = rest.subarray(0, missing);
    partial.set(part, this.#partialLength);
    this.#partialLength += part.length;
    if (part.length === missing) {
      this.#partial = undefined;
      this.#onMessage(partial);
    }
    return part.length;
  }
}
