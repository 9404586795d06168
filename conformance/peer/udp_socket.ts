/**
 * A UDP socket that waits for datagrams, up to a time.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import {
  type Address,
  type Carrier,
  createUdpCarrier,
  systemClock,
} from "../../transport/mod.ts";

/** A datagram and when it came. */
export interface Received {
  /** Its bytes, owned by the caller. */
  readonly bytes: Uint8Array;
  /** When it came. */
  readonly at: Instant;
}

/** Datagrams that wait; a node that sends more in a row loses some. */
const MAX_WAITING = 4_096;

/** A socket that talks to one node. */
export class UdpSocket {
  readonly #carrier: Carrier;
  readonly #target: Address;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#wake?.();
  readonly #waiting: Received[] = [];
  #wake: (() => void) | undefined;
  #bytesReceived = 0;
  #largestBytes = 0;

  private constructor(
    carrier: Carrier,
    target: Address,
    signal: AbortSignal | undefined,
  ) {
    this.#carrier = carrier;
    this.#target = target;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
    carrier.start((datagram, from) => {
      if (from.port !== target.port || this.#waiting.length >= MAX_WAITING) {
        return;
      }
      this.#bytesReceived += datagram.length;
      this.#largestBytes = Math.max(this.#largestBytes, datagram.length);
      this.#waiting.push({ bytes: datagram.slice(), at: systemClock() });
      this.#wake?.();
    }, () => {});
  }

  /**
   * Binds a socket.
   *
   * @param target The node, a numeric address.
   * @param signal Ends every wait for a datagram.
   * @returns The socket; its owner closes it.
   * @throws {TransportError} `BIND_FAILED`.
   */
  static async open(
    target: Address,
    signal?: AbortSignal,
  ): Promise<UdpSocket> {
    const hostname = target.hostname.includes(":") ? "::" : "0.0.0.0";
    const carrier = await createUdpCarrier({ hostname, port: 0 });
    return new UdpSocket(carrier, target, signal);
  }

  /** Bytes that came from the node. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Size of the largest datagram that came from the node. */
  get largestBytes(): number {
    return this.#largestBytes;
  }

  /**
   * Sends a datagram to the node.
   *
   * @param datagram Its bytes.
   */
  send(datagram: Uint8Array): void {
    // What cannot be sent is one more lost datagram.
    Promise.resolve(this.#carrier.send(datagram.slice(), this.#target))
      .catch(() => {});
  }

  /**
   * Waits for a datagram.
   *
   * @param until When to give up.
   * @returns The oldest that waits, or `undefined` when none came in time.
   * Rejects with the signal's reason once it fires.
   */
  async receive(until: Instant): Promise<Received | undefined> {
    this.#signal?.throwIfAborted();
    if (this.#waiting.length === 0) {
      const waitMs = until - systemClock();
      if (waitMs > 0) await this.#pause(waitMs);
      this.#signal?.throwIfAborted();
    }
    return this.#waiting.shift();
  }

  /** Forgets what waits. */
  drain(): void {
    this.#waiting.length = 0;
  }

  /** Gives the port back. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#wake?.();
    await this.#carrier.close();
  }

  #pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.ceil(waitMs));
      this.#wake = done;
    });
  }
}
