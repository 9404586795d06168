/**
 * UDP through `Deno.listenDatagram`, which exists only with `--unstable-net`
 * (or `"unstable": ["net"]` in `deno.json`).
 *
 * @module
 */
import type { Address } from "../core/address.ts";
import { throwUncaught } from "../uncaught.ts";
import {
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  type DatagramHandler,
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
 * Failures to receive, one after the other, after which the socket counts as
 * broken. Single ones are normal: Windows reports here that an earlier
 * datagram reached nobody.
 */
const MAX_CONSECUTIVE_RECEIVE_ERRORS = 256;

/** Whether this runtime has `Deno.listenDatagram`. */
export function hasDenoUdp(): boolean {
  return typeof globalThis.Deno?.listenDatagram === "function";
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
  #isClosed = false;
  #receiving: Promise<void> = Promise.resolve();

  /**
   * Binds a socket. Needs the `net` permission.
   *
   * @param address Where; port 0 lets the system choose.
   * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`.
   */
  constructor(address: Address) {
    try {
      this.#socket = Deno.listenDatagram({ transport: "udp", ...address });
    } catch (error) {
      throw bindError(error, address);
    }
    const { hostname, port } = this.#socket.addr as Deno.NetAddr;
    this.localAddress = { hostname, port };
  }

  /** Begins to receive. */
  start(onDatagram: DatagramHandler, onError: CarrierErrorHandler): void {
    this.#receiving = this.#receiveAll(onDatagram, onError)
      .catch(throwUncaught);
  }

  /** Sends one datagram; the buffer is free when the promise settles. */
  async send(datagram: Uint8Array, to: Address): Promise<void> {
    if (datagram.length > this.maxDatagramBytes) {
      this.stats.sendErrorCount++;
      throw datagramTooLarge(datagram.length, to);
    }
    try {
      await this.#socket.send(datagram, {
        transport: "udp",
        hostname: to.hostname,
        port: to.port,
      });
    } catch (error) {
      this.stats.sendErrorCount++;
      const reported = sendError(error, to, datagram.length);
      if (reported !== undefined) throw reported;
    }
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

  async #receiveAll(
    onDatagram: DatagramHandler,
    onError: CarrierErrorHandler,
  ): Promise<void> {
    const buffer = new Uint8Array(UDP_RECEIVE_BUFFER_BYTES);
    let consecutiveErrorCount = 0;
    while (!this.#isClosed) {
      let received: [Uint8Array, Deno.Addr];
      try {
        received = await this.#socket.receive(buffer);
        consecutiveErrorCount = 0;
      } catch (error) {
        if (this.#isClosed) return;
        this.stats.receiveErrorCount++;
        if (++consecutiveErrorCount < MAX_CONSECUTIVE_RECEIVE_ERRORS) continue;
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
