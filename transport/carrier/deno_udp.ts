/**
 * UDP through `Deno.listenDatagram`, which exists only with `--unstable-net`
 * (or `"unstable": ["net"]` in `deno.json`).
 *
 * @module
 */
import type { MonotonicClock } from "../../internal/instant.ts";
import { TokenBucket } from "../../internal/token_bucket.ts";
import type { Address } from "../core/address.ts";
import { systemClock } from "../system_clock.ts";
import { throwUncaught } from "../uncaught.ts";
import {
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  type DatagramHandler,
  type SendRefusedHandler,
  UDP_MAX_DATAGRAM_BYTES,
  UDP_RECEIVE_BUFFER_BYTES,
} from "./carrier.ts";
import {
  bindError,
  carrierError,
  datagramTooLarge,
  sendError,
} from "./socket_error.ts";

/**
 * Failures to receive, one after the other, before the socket counts as broken: so
 * many at once, and so many in a second. Windows reports here that an earlier datagram
 * reached nobody, which is as often as those leave; a broken socket fails as fast as
 * it is asked, 40,000 times a second.
 */
export const MAX_RECEIVE_ERRORS = 1_024;

function ignore(): void {}

/** Whether this runtime has `Deno.listenDatagram`. */
export function hasDenoUdp(): boolean {
  return typeof globalThis.Deno?.listenDatagram === "function";
}

/** Options of {@linkcode DenoUdpCarrier}. */
export interface DenoUdpOptions {
  /**
   * Binds the socket.
   *
   * @default {Deno.listenDatagram}
   */
  readonly listen?: (
    options: Deno.UdpListenOptions & { transport: "udp" },
  ) => Deno.DatagramConn;
  /**
   * Reads the clock, when receiving has failed.
   *
   * @default {the system's}
   */
  readonly clock?: MonotonicClock;
}

/** A UDP socket of Deno. */
export class DenoUdpCarrier implements Carrier {
  /** Where it is bound. */
  readonly localAddress: Address;
  /** 65,507. */
  readonly maxDatagramBytes: number = UDP_MAX_DATAGRAM_BYTES;
  /** What it has counted so far. */
  readonly stats: CarrierStats = { sendErrorCount: 0, receiveErrorCount: 0 };
  readonly #socket: Deno.DatagramConn;
  readonly #clock: MonotonicClock;
  #onSendRefused: SendRefusedHandler | undefined;
  #isClosed = false;
  #receiving: Promise<void> = Promise.resolve();

  /**
   * Binds a socket. Needs the `net` permission.
   *
   * @param address Where; port 0 lets the system choose.
   * @param options What stands in for the runtime's socket and clock.
   * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`.
   */
  constructor(address: Address, options: DenoUdpOptions = {}) {
    const { listen = Deno.listenDatagram, clock = systemClock } = options;
    this.#clock = clock;
    try {
      this.#socket = listen({ transport: "udp", ...address });
    } catch (error) {
      throw bindError(error, address);
    }
    const { hostname, port } = this.#socket.addr as Deno.NetAddr;
    this.localAddress = { hostname, port };
  }

  /** Begins to receive. */
  start(
    onDatagram: DatagramHandler,
    onError: CarrierErrorHandler,
    onSendRefused?: SendRefusedHandler,
  ): void {
    this.#onSendRefused = onSendRefused;
    this.#receiving = this.#receiveAll(onDatagram, onError)
      .catch(throwUncaught);
  }

  /** Sends one datagram; the buffer is free when the promise settles. */
  send(datagram: Uint8Array, to: Address): Promise<void> {
    const { length } = datagram;
    if (length > this.maxDatagramBytes) {
      this.stats.sendErrorCount++;
      return Promise.reject(datagramTooLarge(length, to));
    }
    const { hostname, port } = to;
    // An asynchronous function would leave half as much garbage again.
    return this.#socket.send(datagram, { transport: "udp", hostname, port })
      .then(ignore, (error) => this.#handleSendError(error, length, to));
  }

  /** Closes the socket; the pending receive ends with it. */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#socket.close();
    }
    // The port is taken until the receive that waits has been interrupted.
    return this.#receiving;
  }

  #handleSendError(error: unknown, length: number, to: Address): void {
    this.stats.sendErrorCount++;
    const reported = sendError(error, to, length);
    if (reported !== undefined) throw reported;
    this.#onSendRefused?.(to, error);
  }

  async #receiveAll(
    onDatagram: DatagramHandler,
    onError: CarrierErrorHandler,
  ): Promise<void> {
    const buffer = new Uint8Array(UDP_RECEIVE_BUFFER_BYTES);
    /** How many more failures are normal; made anew for those after a success. */
    let tolerance: TokenBucket | undefined;
    while (!this.#isClosed) {
      let received: [Uint8Array, Deno.Addr];
      try {
        received = await this.#socket.receive(buffer);
        tolerance = undefined;
      } catch (error) {
        if (this.#isClosed) return;
        this.stats.receiveErrorCount++;
        tolerance ??= new TokenBucket(MAX_RECEIVE_ERRORS, MAX_RECEIVE_ERRORS);
        if (tolerance.take(this.#clock())) continue;
        onError(carrierError(error, "Receive"));
        return;
      }
      // Closing while the receive was on its way out leaves one datagram.
      if (this.#isClosed) return;
      const { hostname, port } = received[1] as Deno.NetAddr;
      try {
        const rest = onDatagram(received[0], { hostname, port });
        if (rest !== undefined) await rest;
      } catch (error) {
        onError(carrierError(error, "Datagram handler"));
      }
    }
  }
}
