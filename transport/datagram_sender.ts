/**
 * From the endpoint to the carrier: datagrams are written, sent, and their
 * buffers used again, within what is fair to the rest of the process.
 *
 * @module
 */
import { BlockPool } from "../internal/block_pool.ts";
import type { MonotonicClock } from "../internal/instant.ts";
import {
  type Carrier,
  type OutgoingDatagram,
  type PendingSend,
  type SendRefusedHandler,
  UDP_MAX_DATAGRAM_BYTES,
} from "./carrier/carrier.ts";
import type { Address } from "./core/address.ts";
import { MIN_HELLO_DATAGRAM_BYTES } from "./core/config.ts";
import type { Endpoint } from "./core/endpoint.ts";
import { TransportError } from "./core/error.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import { isHelloShaped } from "./hello_queue.ts";
import { OutgoingBatch } from "./outgoing_batch.ts";

/**
 * Datagrams sent before the rest of the process may run. At about 10 µs each
 * (a system call) that is well below a millisecond.
 */
export const MAX_DATAGRAMS_PER_TURN = 64;

/**
 * Sends that may be under way; then the next waits for one of them. A batch of
 * which the carrier could send nothing at once may go beyond it.
 */
export const MAX_SENDS_IN_FLIGHT = 32;

/** Buffers to write to that are kept for the next use, at most: 2 MiB. */
const MAX_FREE_BUFFERS = 32;

/**
 * A datagram up to this size is copied, so that the buffer it was written to is
 * free at once: those of hundreds of sockets with a call each would be more than
 * are kept, and a new one is 16 pages that the system has to clear.
 */
const SMALL_BYTES = 2_048;

/** Buffers for copies that are kept for the next use, at most: 1 MiB. */
const MAX_FREE_SMALL_BUFFERS = 512;

/**
 * Where datagrams are until a socket has taken them, for all sockets of the
 * process: one with nothing to send holds none.
 */
const buffers = new BlockPool(UDP_MAX_DATAGRAM_BYTES, MAX_FREE_BUFFERS);
const smallBuffers = new BlockPool(SMALL_BYTES, MAX_FREE_SMALL_BUFFERS);

function release(buffer: Uint8Array): void {
  const pool = buffer.length === SMALL_BYTES ? smallBuffers : buffers;
  pool.release(buffer);
}

/** One that throws is taken as one that rejects every datagram. */
function sendBatchSafely(
  carrier: Carrier,
  datagrams: readonly OutgoingDatagram[],
): readonly PendingSend[] {
  try {
    return carrier.sendBatch?.(datagrams) ?? [];
  } catch (error) {
    return datagrams.map(({ to }) => ({ to, sending: Promise.reject(error) }));
  }
}

/** A send under way, and then another one: a datagram makes less garbage. */
interface SendInFlight {
  to: Address | undefined;
  /** To be used again when it was sent. */
  buffer: Uint8Array | undefined;
  readonly onSent: () => void;
  readonly onFailed: (error: unknown) => void;
}

/** What a {@linkcode DatagramSender} is made from. */
export interface DatagramSenderOptions {
  /** Writes datagrams. */
  readonly endpoint: Pick<Endpoint, "pollTransmit">;
  /** Sends them. */
  readonly carrier: Carrier;
  /** The clock. */
  readonly clock: MonotonicClock;
  /** Calls `task` in a turn of its own, for which the sockets are not forgotten. */
  readonly scheduleTurn: (task: () => void) => void;
  /** Called when more may be sent than when it was asked last. */
  readonly onReady: () => void;
  /** Nothing can be sent to this address, and trying again cannot help; must not throw. */
  readonly onSendFailed: (to: Address, error: TransportError) => void;
  /** A datagram did not fit the path; must not throw. */
  readonly onSendRefused: SendRefusedHandler;
  /** Called with what nobody else handles; must not throw. */
  readonly onError: (error: unknown) => void;
}

/** Sends what an endpoint has to send. */
export class DatagramSender {
  readonly #options: DatagramSenderOptions;
  #carrier: Carrier;
  /** What a carrier that takes many datagrams at once is given. */
  #batch: OutgoingBatch;
  #inFlightCount = 0;
  readonly #idleSends: SendInFlight[] = [];
  #sentThisTurn = 0;
  #isYielding = false;
  #isBlocked = false;
  #isTransmitting = false;
  #hasSent = false;
  #hasSentHello = false;
  #ready: Deferred<void> | undefined;
  #settled: Deferred<void> | undefined;

  /** @param options Endpoint, carrier, clock, and who hears. */
  constructor(options: DatagramSenderOptions) {
    this.#options = options;
    this.#carrier = options.carrier;
    this.#batch = new OutgoingBatch(options.carrier.maxDatagramBytes);
  }

  /** Whether the endpoint is being asked: an observer, not the application, calls. */
  get isTransmitting(): boolean {
    return this.#isTransmitting;
  }

  /**
   * Sends with another carrier from now on.
   *
   * @param carrier The carrier.
   */
  replaceCarrier(carrier: Carrier): void {
    this.#carrier = carrier;
    this.#batch = new OutgoingBatch(carrier.maxDatagramBytes);
  }

  /**
   * Sends what there is to send.
   *
   * @returns Whether there may be more than this turn allows.
   */
  transmit(): boolean {
    this.#isTransmitting = true;
    try {
      for (;;) {
        if (this.#isYielding) return true;
        if (this.#sentThisTurn >= MAX_DATAGRAMS_PER_TURN) {
          this.#yield();
          return true;
        }
        if (this.#inFlightCount >= MAX_SENDS_IN_FLIGHT) {
          this.#isBlocked = true;
          return true;
        }
        if (!this.#transmitNext()) return false;
        this.#hasSent = true;
        this.#sentThisTurn++;
      }
    } finally {
      this.#isTransmitting = false;
      this.#sendBatch();
    }
  }

  /** Sends one datagram now, if that is possible. */
  transmitUrgently(): void {
    if (this.#isYielding || this.#inFlightCount >= MAX_SENDS_IN_FLIGHT) return;
    this.#isTransmitting = true;
    try {
      this.#transmitNext();
      this.#sentThisTurn++;
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isTransmitting = false;
      this.#sendBatch();
    }
  }

  /** @returns Whether `transmit` has sent anything since this was asked last. */
  takeHasSent(): boolean {
    const hasSent = this.#hasSent;
    this.#hasSent = false;
    return hasSent;
  }

  /** @returns Whether a hello was sent since this was asked last. */
  takeHasSentHello(): boolean {
    const hasSentHello = this.#hasSentHello;
    this.#hasSentHello = false;
    return hasSentHello;
  }

  /** @returns Fulfilled when more may be sent, in place of `onReady` this once. */
  waitUntilReady(): Promise<void> {
    this.#ready = createDeferred();
    return this.#ready.promise;
  }

  /** @returns Fulfilled when nothing is under way any more. */
  waitUntilSettled(): Promise<void> {
    if (this.#inFlightCount === 0) return Promise.resolve();
    this.#settled = createDeferred();
    return this.#settled.promise;
  }

  /** @returns Whether there was something to send. */
  #transmitNext(): boolean {
    return this.#carrier.sendBatch === undefined
      ? this.#transmitOne()
      : this.#transmitToBatch();
  }

  #transmitOne(): boolean {
    const { maxDatagramBytes } = this.#carrier;
    const buffer = buffers.take();
    const room = maxDatagramBytes < buffer.length
      ? buffer.subarray(0, maxDatagramBytes)
      : buffer;
    const { endpoint, clock } = this.#options;
    const transmit = endpoint.pollTransmit(clock(), room);
    if (transmit === undefined) {
      buffers.release(buffer);
      return false;
    }
    const { length, to } = transmit;
    this.#noteHello(buffer, length);
    if (length > SMALL_BYTES) this.#send(buffer, length, to);
    else {
      const copy = smallBuffers.take();
      copy.set(buffer.subarray(0, length));
      buffers.release(buffer);
      this.#send(copy, length, to);
    }
    return true;
  }

  #noteHello(datagram: Uint8Array, length: number): void {
    // The buffer is longer: only what was written counts.
    if (length < MIN_HELLO_DATAGRAM_BYTES || !isHelloShaped(datagram)) return;
    this.#hasSentHello = true;
  }

  #transmitToBatch(): boolean {
    const { endpoint, clock } = this.#options;
    const room = this.#batch.room();
    const transmit = endpoint.pollTransmit(clock(), room);
    if (transmit === undefined) return false;
    this.#noteHello(room, transmit.length);
    this.#batch.add(room, transmit);
    if (this.#batch.isFull) this.#sendBatch();
    return true;
  }

  #sendBatch(): void {
    const carrier = this.#carrier;
    const pending = this.#batch
      .sendWith((datagrams) => sendBatchSafely(carrier, datagrams));
    for (const { sending, to } of pending) {
      if (sending !== undefined) this.#awaitSend(sending, to);
    }
  }

  #send(buffer: Uint8Array, length: number, to: Address): void {
    let sending: Promise<void> | void;
    try {
      sending = this.#carrier.send(buffer.subarray(0, length), to);
    } catch (error) {
      sending = Promise.reject(error);
    }
    if (sending === undefined) release(buffer);
    else this.#awaitSend(sending, to, buffer);
  }

  #awaitSend(sending: Promise<void>, to: Address, buffer?: Uint8Array): void {
    this.#inFlightCount++;
    const send = this.#idleSends.pop() ?? this.#createSend();
    send.to = to;
    send.buffer = buffer;
    sending.then(send.onSent, send.onFailed);
  }

  #createSend(): SendInFlight {
    const send: SendInFlight = {
      to: undefined,
      buffer: undefined,
      onSent: () => this.#handleSent(send),
      onFailed: (error) => {
        const to = send.to!;
        this.#handleSent(send);
        this.#handleSendError(to, error);
      },
    };
    return send;
  }

  #handleSent(send: SendInFlight): void {
    if (send.buffer !== undefined) release(send.buffer);
    send.to = send.buffer = undefined;
    if (this.#idleSends.length < MAX_SENDS_IN_FLIGHT) {
      this.#idleSends.push(send);
    }
    this.#inFlightCount--;
    if (this.#isBlocked && this.#inFlightCount <= MAX_SENDS_IN_FLIGHT / 2) {
      this.#isBlocked = false;
      this.#goOn();
    }
    if (this.#inFlightCount === 0) this.#settled?.resolve();
  }

  #handleSendError(to: Address, error: unknown): void {
    // Too large for the path: for the endpoint it is a lost datagram.
    if (error instanceof TransportError && error.code !== "CARRIER_FAILED") {
      return this.#options.onSendRefused(to, error);
    }
    this.#options.onSendFailed(
      to,
      error instanceof TransportError ? error : new TransportError(
        "CARRIER_FAILED",
        "Send: the carrier failed",
        { cause: error },
      ),
    );
  }

  /** Lets the rest of the process run. */
  #yield(): void {
    this.#isYielding = true;
    this.#options.scheduleTurn(() => {
      this.#isYielding = false;
      this.#sentThisTurn = 0;
      this.#goOn();
    });
  }

  #goOn(): void {
    const ready = this.#ready;
    if (ready === undefined) return this.#options.onReady();
    this.#ready = undefined;
    ready.resolve();
  }
}
