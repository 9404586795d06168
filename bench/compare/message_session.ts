/**
 * Calls and streams over whatever carries whole messages both ways: what a user
 * of a bare message channel has to build first.
 *
 * ```text
 * call     0, number u32, payload    answered by the same bytes
 * stream   1, count u32, bytes u32   answered by so many messages
 * ```
 *
 * @module
 */
import type { PeerConnection, StreamRequest } from "./driver.ts";

const CALL = 0;
const STREAM = 1;

/** Bytes of a call before its payload. */
export const CALL_HEAD_LENGTH = 5;

const STREAM_LENGTH = 9;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What the server does with a request. */
export interface RequestHandlers {
  /** Sends these bytes back. */
  answer(message: Uint8Array): void;
  /** Sends a number of messages. */
  stream(request: StreamRequest): void;
}

/**
 * Answers a request.
 *
 * @param message What came.
 * @param handlers What to do.
 */
export function handleRequest(
  message: Uint8Array,
  handlers: RequestHandlers,
): void {
  if (message[0] !== STREAM) {
    handlers.answer(message);
    return;
  }
  const view = viewOf(message);
  handlers.stream({
    count: view.getUint32(1, true),
    bytes: view.getUint32(5, true),
  });
}

/**
 * Encodes a call.
 *
 * @param number Its number, u32.
 * @param payload With what.
 * @returns The message.
 */
export function encodeCall(number: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(CALL_HEAD_LENGTH + payload.length);
  message[0] = CALL;
  viewOf(message).setUint32(1, number, true);
  message.set(payload, CALL_HEAD_LENGTH);
  return message;
}

/**
 * Finds out which call is answered.
 *
 * @param message The answer.
 * @returns The call's number.
 */
export function numberOfCall(message: Uint8Array): number {
  return viewOf(message).getUint32(1, true);
}

/**
 * Encodes a request for a stream.
 *
 * @param request Of what.
 * @returns Nine bytes.
 */
export function encodeStreamRequest(request: StreamRequest): Uint8Array {
  const message = new Uint8Array(STREAM_LENGTH);
  const view = viewOf(message);
  message[0] = STREAM;
  view.setUint32(1, request.count, true);
  view.setUint32(5, request.bytes, true);
  return message;
}

/** What a session is made from. */
export interface MessageSessionOptions {
  /** Sends one message. */
  send(message: Uint8Array): void;
  /** Ends the channel. */
  close(): Promise<void> | void;
}

/** The asking side. */
export class MessageSession implements PeerConnection {
  readonly #options: MessageSessionOptions;
  readonly #waiting = new Map<number, (answer: Uint8Array) => void>();
  #lastNumber = 0;
  #onMessage: ((message: Uint8Array) => void) | undefined;

  /** @param options The channel. */
  constructor(options: MessageSessionOptions) {
    this.#options = options;
  }

  /**
   * Takes a message from the channel.
   *
   * @param message Borrowed until this returns, unless it answers a call.
   */
  handleMessage(message: Uint8Array): void {
    if (this.#onMessage !== undefined) {
      this.#onMessage(message);
      return;
    }
    const number = numberOfCall(message);
    const resolve = this.#waiting.get(number);
    this.#waiting.delete(number);
    resolve?.(message.subarray(CALL_HEAD_LENGTH));
  }

  /** @inheritdoc */
  call(payload: Uint8Array): Promise<Uint8Array> {
    const number = this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#options.send(encodeCall(number, payload));
    });
  }

  /** @inheritdoc */
  async stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    let left = request.count;
    await new Promise<void>((resolve) => {
      this.#onMessage = (message) => {
        onMessage(message);
        if (--left === 0) resolve();
      };
      this.#options.send(encodeStreamRequest(request));
    });
    this.#onMessage = undefined;
  }

  /** @inheritdoc */
  close(): Promise<void> | void {
    return this.#options.close();
  }
}
