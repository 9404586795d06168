/**
 * UDP through `node:dgram`: for Node, Bun, and Deno without `--unstable-net`.
 *
 * @module
 */
import { createSocket, type Socket } from "node:dgram";
import type { Address } from "../core/address.ts";
import { scheduleMacrotask } from "../macrotask.ts";
import {
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  type DatagramHandler,
  type SendRefusedHandler,
  UDP_MAX_DATAGRAM_BYTES,
} from "./carrier.ts";
import {
  bindError,
  carrierError,
  datagramTooLarge,
  sendError,
} from "./socket_error.ts";

/**
 * Socket buffers that are asked for. The system's default holds 92 datagrams
 * of 1,200 bytes and drops the rest in silence; where the limit is lower, the
 * system takes the limit.
 */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** A UDP socket of `node:dgram`. */
export class NodeUdpCarrier implements Carrier {
  /** Where it is bound. */
  readonly localAddress: Address;
  /** 65,507. */
  readonly maxDatagramBytes: number = UDP_MAX_DATAGRAM_BYTES;
  /** What it has counted so far. */
  readonly stats: CarrierStats = { sendErrorCount: 0, receiveErrorCount: 0 };
  readonly #socket: Socket;
  #onSendRefused: SendRefusedHandler | undefined;
  #closing: Promise<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.localAddress = { hostname: address, port };
    // An `error` event that nobody listens to ends the process.
    socket.on("error", () => {
      this.stats.receiveErrorCount++;
    });
  }

  /**
   * Binds a socket. Needs the `net` permission in Deno.
   *
   * @param address Where, a numeric address; port 0 lets the system choose.
   * @returns The bound carrier.
   * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`.
   */
  static bind(address: Address): Promise<NodeUdpCarrier> {
    return new Promise((resolve, reject) => {
      const family = address.hostname.includes(":") ? 6 : 4;
      const socket = createSocket({
        type: family === 6 ? "udp6" : "udp4",
        // Addresses are numeric here: asking the resolver costs a turn of the
        // event loop for each datagram.
        lookup: (hostname, _options, callback) =>
          callback(null, hostname, family),
      });
      const onBindError = (error: unknown) => {
        socket.close();
        reject(bindError(error, address));
      };
      socket.once("error", onBindError);
      try {
        socket.bind({ address: address.hostname, port: address.port }, () => {
          socket.removeListener("error", onBindError);
          growBuffers(socket);
          resolve(new NodeUdpCarrier(socket));
        });
      } catch (error) {
        onBindError(error);
      }
    });
  }

  /** Begins to receive. */
  start(
    onDatagram: DatagramHandler,
    onError: CarrierErrorHandler,
    onSendRefused?: SendRefusedHandler,
  ): void {
    this.#onSendRefused = onSendRefused;
    this.#socket.on("message", (datagram, from) => {
      if (this.#closing !== undefined) return;
      // Not as a `Buffer`, the `slice` of which is a view and not a copy.
      const bytes = new Uint8Array(
        datagram.buffer,
        datagram.byteOffset,
        datagram.byteLength,
      );
      try {
        onDatagram(bytes, { hostname: from.address, port: from.port });
      } catch (error) {
        onError(carrierError(error, "Datagram handler"));
      }
    });
  }

  /** Sends one datagram; the buffer is free when the promise settles. */
  send(datagram: Uint8Array, to: Address): Promise<void> {
    if (datagram.length > this.maxDatagramBytes) {
      this.stats.sendErrorCount++;
      return Promise.reject(datagramTooLarge(datagram.length, to));
    }
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        // `dgram` gives `null` for success in some runtimes.
        if (error === undefined || error === null) return resolve();
        this.stats.sendErrorCount++;
        const reported = sendError(error, to, datagram.length);
        if (reported !== undefined) return reject(reported);
        this.#onSendRefused?.(to, error);
        resolve();
      };
      try {
        this.#socket.send(datagram, to.port, to.hostname, settle);
      } catch (error) {
        settle(error);
      }
    });
  }

  /** Closes the socket. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.close();
      // Not the callback of `close`: in Deno it may never be called.
      scheduleMacrotask(resolve);
    });
    return this.#closing;
  }
}

/**
 * Asks for larger buffers; a runtime without them keeps its own. Deno takes
 * the number for the size of the array that it allocates for each datagram.
 */
function growBuffers(socket: Socket): void {
  if (globalThis.Deno !== undefined) return;
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // The default works, with more loss under load.
  }
}
