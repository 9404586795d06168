/**
 * UDP through the C library of Linux: for Deno with `--allow-ffi` and
 * `--unstable-net`.
 *
 * A socket of `Deno.listenDatagram` with larger buffers. The runtime waits for
 * it; what is there when it wakes is received with one call, and a batch is
 * sent with one. Whatever the library does not take, because a buffer is full,
 * a datagram too large or an address forbidden, goes through the runtime, which
 * waits, and knows what each error means.
 *
 * @module
 */
import type { Address } from "../core/address.ts";
import type {
  Carrier,
  CarrierErrorHandler,
  CarrierStats,
  DatagramHandler,
  OutgoingDatagram,
  PendingSend,
  SendRefusedHandler,
} from "./carrier.ts";
import { DenoUdpCarrier } from "./deno_udp.ts";
import { DatagramSocket } from "./linux/datagram_socket.ts";
import { type Libc, loadLibc } from "./linux/libc.ts";
import { ReceiveBatch } from "./linux/receive_batch.ts";
import { SendBatch } from "./linux/send_batch.ts";
import { familyOf } from "./linux/socket_address.ts";
import { carrierError } from "./socket_error.ts";

/**
 * Messages, one after the other, that the kernel did not cut although it took
 * their datagrams one by one, before it is no longer asked to.
 */
const MAX_SEGMENTATION_FAILURES = 3;

const NOTHING_PENDING: readonly PendingSend[] = [];

/** What all carriers of the process share. */
class Batches {
  readonly libc: Libc;
  readonly receiving: ReceiveBatch;
  readonly sending: SendBatch;

  constructor(libc: Libc) {
    this.libc = libc;
    this.receiving = new ReceiveBatch(libc);
    this.sending = new SendBatch(libc);
  }
}

const batchesByLibrary = new WeakMap<Libc, Batches>();

/** Options of {@linkcode LinuxUdpCarrier.bind}. */
export interface LinuxUdpOptions {
  /**
   * The C library, or the reason why there is none.
   *
   * @default {that of the system, where --allow-ffi is granted}
   */
  readonly libc?: Libc | string;
  /** Called with the reason when the library cannot serve the socket. */
  readonly onMissing?: (reason: string) => void;
}

/** A UDP socket of Deno that the C library serves as well. */
export class LinuxUdpCarrier implements Carrier {
  /** Where it is bound. */
  readonly localAddress: Address;
  /** 65,507. */
  readonly maxDatagramBytes: number;
  /** Memory for datagrams that were not read yet, in bytes, as the kernel counts. */
  readonly receiveBufferBytes: number;
  /** What it has counted so far. */
  readonly stats: CarrierStats;
  readonly #runtime: DenoUdpCarrier;
  readonly #batches: Batches;
  readonly #socket: DatagramSocket;
  readonly #family: number;
  #isSegmenting = true;
  #segmentationFailureCount = 0;
  #isClosed = false;
  /** Who is given datagrams; must not throw. */
  #handle: DatagramHandler | undefined;

  private constructor(
    runtime: DenoUdpCarrier,
    batches: Batches,
    socket: DatagramSocket,
  ) {
    this.#runtime = runtime;
    this.#batches = batches;
    this.#socket = socket;
    this.localAddress = runtime.localAddress;
    this.#family = familyOf(runtime.localAddress.hostname);
    this.maxDatagramBytes = runtime.maxDatagramBytes;
    this.receiveBufferBytes = socket.receiveBufferBytes;
    this.stats = runtime.stats;
  }

  /**
   * Binds a socket. Needs the `net` permission, and `ffi` to be more than a
   * {@linkcode DenoUdpCarrier}.
   *
   * @param address Where; port 0 lets the system choose.
   * @param options The library, and who hears that it cannot serve the socket.
   * @returns The carrier; that of the runtime alone where something is missing.
   * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`.
   */
  static bind(
    address: Address,
    options: LinuxUdpOptions = {},
  ): LinuxUdpCarrier | DenoUdpCarrier {
    const runtime = new DenoUdpCarrier(address);
    const { libc = loadLibc(), onMissing } = options;
    if (typeof libc === "string") {
      onMissing?.(libc);
      return runtime;
    }
    const socket = DatagramSocket.find(libc, runtime.localAddress);
    if (socket === undefined) {
      onMissing?.("the socket was not found");
      return runtime;
    }
    let batches = batchesByLibrary.get(libc);
    if (batches === undefined) {
      batches = new Batches(libc);
      batchesByLibrary.set(libc, batches);
    }
    return new LinuxUdpCarrier(runtime, batches, socket);
  }

  /** Begins to receive. */
  start(
    onDatagram: DatagramHandler,
    onError: CarrierErrorHandler,
    onSendRefused?: SendRefusedHandler,
  ): void {
    this.#handle = (datagram, from) => {
      try {
        return onDatagram(datagram, from);
      } catch (error) {
        onError(carrierError(error, "Datagram handler"));
      }
    };
    this.#runtime.start(
      (datagram, from) => {
        const rest = this.#handle!(datagram, from);
        this.receiveNow();
        return rest;
      },
      onError,
      onSendRefused,
    );
  }

  /** Delivers what is there, a batch at most. */
  receiveNow(): void {
    if (this.#isClosed || this.#handle === undefined) return;
    const { receiving } = this.#batches;
    const count = receiving.receive(this.#socket.descriptor);
    for (let index = 0; index < count && !this.#isClosed; index++) {
      const from = receiving.sender(index);
      if (from !== undefined) this.#handle(receiving.datagram(index), from);
    }
  }

  /** Sends one datagram; when nothing is returned the buffer is free at once. */
  send(datagram: Uint8Array, to: Address): Promise<void> | void {
    return this.sendBatch([{ datagram, to }])[0]?.sending;
  }

  /** Sends datagrams; their buffers are free at once. */
  sendBatch(datagrams: readonly OutgoingDatagram[]): readonly PendingSend[] {
    const sentCount = this.#sendNow(datagrams);
    if (sentCount === datagrams.length) return NOTHING_PENDING;
    // One after the other: sent together they would arrive in any order.
    let before = Promise.resolve();
    return datagrams.slice(sentCount).map(({ datagram, to }) => {
      const copy = datagram.slice();
      const sending = before.then(() => this.#runtime.send(copy, to));
      before = sending.catch(() => {}); // reported by `sending`
      return { to, sending };
    });
  }

  /** Closes the socket; the pending receive ends with it. */
  close(): Promise<void> {
    this.#isClosed = true; // The library is not called any more.
    return this.#runtime.close();
  }

  /** @returns How many could be sent. */
  #sendNow(datagrams: readonly OutgoingDatagram[]): number {
    const { sending } = this.#batches;
    const { descriptor } = this.#socket;
    let isSegmenting = this.#isSegmenting;
    let sentCount = 0;
    while (sentCount < datagrams.length && !this.#isClosed) {
      const count = sending
        .send(descriptor, this.#family, datagrams, sentCount, isSegmenting);
      sentCount += count;
      if (count === 0) {
        if (sending.firstMessageLength < 2) break;
        // Perhaps a device that cannot, perhaps a full buffer: one by one.
        isSegmenting = false;
      } else if (isSegmenting) {
        this.#segmentationFailureCount = 0;
      } else if (this.#isSegmenting) {
        this.#segmentationFailureCount++;
        this.#isSegmenting =
          this.#segmentationFailureCount < MAX_SEGMENTATION_FAILURES;
      }
    }
    return sentCount;
  }
}
