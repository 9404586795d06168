/**
 * Credit: how many bytes may be sent, and how many were granted.
 *
 * The same two counters serve a stream and a whole connection (RFC 9000 §4).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";

/** Credit that the peer granted us. */
export class SendCredit {
  #limitBytes: number;
  #usedBytes = 0;

  /**
   * Starts with what the handshake granted.
   *
   * @param limitBytes Bytes that may be sent in total.
   */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** How many bytes may still be sent. */
  get availableBytes(): number {
    return this.#limitBytes - this.#usedBytes;
  }

  /** How many bytes were sent. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Spends credit on bytes that were sent for the first time.
   *
   * @param byteCount How many.
   */
  use(byteCount: number): void {
    assert(byteCount <= this.availableBytes, "Credit is never exceeded");
    this.#usedBytes += byteCount;
  }

  /**
   * Takes the limit of the handshake in place of the one before it.
   *
   * @param limitBytes Bytes that may be sent in total, at least those used.
   */
  settle(limitBytes: number): void {
    assert(limitBytes >= this.#usedBytes, "Credit is never exceeded");
    this.#limitBytes = limitBytes;
  }

  /**
   * Takes a new limit. A smaller one than before is old news (RFC 9000 §4.1).
   *
   * @param limitBytes Bytes that may be sent in total.
   * @returns Whether there is more credit than before.
   */
  raise(limitBytes: number): boolean {
    if (limitBytes <= this.#limitBytes) return false;
    this.#limitBytes = limitBytes;
    return true;
  }
}

/**
 * Credit that we granted the peer. It is renewed as the application reads, so
 * a slow reader slows the sender down.
 */
export class ReceiveWindow {
  readonly #windowBytes: number;
  #advertisedBytes: number;
  #receivedBytes = 0;
  #consumedBytes = 0;

  /**
   * Starts with what the handshake granted.
   *
   * @param windowBytes How many bytes may be on their way or unread.
   */
  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#advertisedBytes = windowBytes;
  }

  /** How many bytes the peer has used up. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** How many bytes were used up and not consumed yet. */
  get unconsumedBytes(): number {
    return this.#receivedBytes - this.#consumedBytes;
  }

  /** How many more bytes the peer may send. */
  get availableBytes(): number {
    return this.#advertisedBytes - this.#receivedBytes;
  }

  /** Whether half of the window has been consumed since the last limit went out. */
  get isUpdateDue(): boolean {
    return this.#grantableBytes >= Math.max(1, this.#windowBytes / 2);
  }

  /**
   * Whether a new limit doubles what the peer may send, at least, or is needed since
   * little of it is left. For a window that several streams share: when more than
   * half of it lies with readers that do not read, the others never consume half of
   * it, and a peer may keep the rest for what is short.
   */
  get isShareDue(): boolean {
    const { availableBytes } = this;
    const neededBytes = availableBytes <= this.#windowBytes / 8
      ? Math.min(availableBytes, this.#windowBytes / 64)
      : availableBytes;
    return this.#grantableBytes >= Math.max(1, neededBytes);
  }

  get #grantableBytes(): number {
    return this.nextLimitBytes - this.#advertisedBytes;
  }

  /**
   * Counts bytes that arrived for the first time. The caller has compared them
   * with {@linkcode ReceiveWindow.availableBytes}.
   *
   * @param byteCount How many.
   */
  receive(byteCount: number): void {
    assert(byteCount <= this.availableBytes, "Received more than granted");
    this.#receivedBytes += byteCount;
  }

  /**
   * Counts bytes that were read or thrown away.
   *
   * @param byteCount How many.
   */
  consume(byteCount: number): void {
    assert(byteCount <= this.unconsumedBytes, "Consumed more than received");
    this.#consumedBytes += byteCount;
  }

  /** The limit that can be granted now: the newest value, for a frame. */
  get nextLimitBytes(): number {
    return this.#consumedBytes + this.#windowBytes;
  }

  /** Notes that {@linkcode ReceiveWindow.nextLimitBytes} was sent. */
  onLimitSent(): void {
    this.#advertisedBytes = this.nextLimitBytes;
  }
}
