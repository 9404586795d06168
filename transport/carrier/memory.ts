/**
 * A network inside one process: for tests, and for agents that share a process.
 *
 * @module
 */
import { type Address, formatAddress } from "../core/address.ts";
import { TransportError } from "../core/error.ts";
import { scheduleMacrotask } from "../macrotask.ts";
import {
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  type DatagramHandler,
  UDP_MAX_DATAGRAM_BYTES,
} from "./carrier.ts";
import { carrierError, datagramTooLarge } from "./socket_error.ts";

/** Datagrams that wait for one receiver; more are dropped, as a socket does. */
export const MEMORY_QUEUE_LENGTH = 1_024;

/** Datagrams handed to one receiver before others may run. */
const MAX_DELIVERIES_PER_TURN = 64;

/** First of the ports that are given out for port 0 (RFC 6335 §6). */
const FIRST_DYNAMIC_PORT = 49_152;
const LAST_PORT = 65_535;

/** Options of a {@linkcode MemoryNetwork}. */
export interface MemoryNetworkOptions {
  /** Drops what it returns `false` for; the datagram is borrowed. */
  readonly filter?: (
    datagram: Uint8Array,
    from: Address,
    to: Address,
  ) => boolean;
}

interface Waiting {
  readonly datagram: Uint8Array;
  readonly from: Address;
}

/** Addresses and the carriers bound to them. */
export class MemoryNetwork {
  readonly #carriers = new Map<string, MemoryCarrier>();
  readonly #filter: MemoryNetworkOptions["filter"];
  #nextPort = FIRST_DYNAMIC_PORT;

  /**
   * Starts without carriers.
   *
   * @param options What to drop.
   */
  constructor(options: MemoryNetworkOptions = {}) {
    this.#filter = options.filter;
  }

  /**
   * Binds a carrier.
   *
   * @param address Where; 127.0.0.1 and any free port by default.
   * @returns The carrier.
   * @throws {TransportError} `ADDRESS_IN_USE`.
   */
  createCarrier(address: Partial<Address> = {}): Carrier {
    const hostname = address.hostname ?? "127.0.0.1";
    const port = address.port || this.#freePort(hostname);
    const local = { hostname, port };
    const key = formatAddress(local);
    if (this.#carriers.has(key)) {
      throw new TransportError(
        "ADDRESS_IN_USE",
        `Bind: ${key} is taken by another carrier`,
      );
    }
    const carrier = new MemoryCarrier(
      local,
      (datagram, to) => this.#route(datagram, local, to),
      () => this.#carriers.delete(key),
    );
    this.#carriers.set(key, carrier);
    return carrier;
  }

  #route(datagram: Uint8Array, from: Address, to: Address): void {
    if (this.#filter !== undefined && !this.#filter(datagram, from, to)) return;
    this.#carriers.get(formatAddress(to))?.deliver(datagram, from);
  }

  #freePort(hostname: string): number {
    for (let tried = FIRST_DYNAMIC_PORT; tried <= LAST_PORT; tried++) {
      const port = this.#nextPort;
      this.#nextPort = port === LAST_PORT ? FIRST_DYNAMIC_PORT : port + 1;
      if (!this.#carriers.has(formatAddress({ hostname, port }))) return port;
    }
    throw new TransportError("ADDRESS_IN_USE", `Bind: ${hostname} has no port`);
  }
}

class MemoryCarrier implements Carrier {
  readonly localAddress: Address;
  readonly maxDatagramBytes: number = UDP_MAX_DATAGRAM_BYTES;
  readonly stats: CarrierStats = { sendErrorCount: 0, receiveErrorCount: 0 };
  readonly #route: (datagram: Uint8Array, to: Address) => void;
  readonly #unbind: () => void;
  #waiting: Waiting[] = [];
  #onDatagram: DatagramHandler | undefined;
  #onError: CarrierErrorHandler = () => {};
  #isScheduled = false;
  #isClosed = false;

  constructor(
    localAddress: Address,
    route: (datagram: Uint8Array, to: Address) => void,
    unbind: () => void,
  ) {
    this.localAddress = localAddress;
    this.#route = route;
    this.#unbind = unbind;
  }

  start(onDatagram: DatagramHandler, onError: CarrierErrorHandler): void {
    this.#onDatagram = onDatagram;
    this.#onError = onError;
    this.#schedule();
  }

  send(datagram: Uint8Array, to: Address): Promise<void> | void {
    if (datagram.length > this.maxDatagramBytes) {
      this.stats.sendErrorCount++;
      return Promise.reject(datagramTooLarge(datagram.length, to));
    }
    if (this.#isClosed) this.stats.sendErrorCount++;
    else this.#route(datagram, to);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#unbind();
  }

  deliver(datagram: Uint8Array, from: Address): void {
    if (this.#waiting.length >= MEMORY_QUEUE_LENGTH) return;
    this.#waiting.push({ datagram: datagram.slice(), from });
    this.#schedule();
  }

  /** Arrival is never inside the sender's call, as with a socket. */
  #schedule(): void {
    if (
      this.#isScheduled || this.#onDatagram === undefined ||
      this.#waiting.length === 0
    ) return;
    this.#isScheduled = true;
    scheduleMacrotask(() => {
      this.#isScheduled = false;
      this.#deliverTurn();
    });
  }

  #deliverTurn(): void {
    const turn = this.#waiting.splice(0, MAX_DELIVERIES_PER_TURN);
    for (const { datagram, from } of turn) {
      if (this.#isClosed) return;
      try {
        this.#onDatagram?.(datagram, from);
      } catch (error) {
        this.#onError(carrierError(error, "Datagram handler"));
      }
    }
    this.#schedule();
  }
}
