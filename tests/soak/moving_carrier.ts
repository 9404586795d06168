/**
 * A UDP carrier that changes its address without a word, as a network address
 * translator does that has forgotten who is behind it.
 *
 * @module
 */
import {
  type Carrier,
  type CarrierStats,
  createUdpCarrier,
} from "../../transport/mod.ts";
import type {
  CarrierErrorHandler,
  DatagramHandler,
} from "../../transport/carrier/carrier.ts";
import type { Address } from "../../transport/core/address.ts";

/** A carrier over one socket after another. */
export class MovingCarrier implements Carrier {
  /** Where it was bound first. */
  readonly localAddress: Address;
  /** As of every UDP socket. */
  readonly maxDatagramBytes: number;
  #socket: Carrier;
  #moving: Promise<void> = Promise.resolve();
  #onDatagram: DatagramHandler = () => {};
  #onError: CarrierErrorHandler = () => {};

  private constructor(socket: Carrier) {
    this.#socket = socket;
    this.localAddress = socket.localAddress;
    this.maxDatagramBytes = socket.maxDatagramBytes;
  }

  /**
   * Binds the first socket.
   *
   * @param hostname A numeric address.
   */
  static async bind(hostname: string): Promise<MovingCarrier> {
    return new MovingCarrier(await createUdpCarrier({ hostname, port: 0 }));
  }

  /** What the present socket has counted. */
  get stats(): Readonly<CarrierStats> {
    return this.#socket.stats;
  }

  /**
   * Goes on from another address. What is on its way to the old one is lost.
   *
   * @param hostname A numeric address; the port is a new one.
   */
  move(hostname: string): Promise<void> {
    // One after the other: each closes the socket that it leaves.
    this.#moving = this.#moving.then(() => this.#move(hostname));
    return this.#moving;
  }

  async #move(hostname: string): Promise<void> {
    const left = this.#socket;
    this.#socket = await createUdpCarrier({ hostname, port: 0 });
    this.#socket.start(this.#onDatagram, this.#onError);
    await left.close();
  }

  /** Begins to receive. */
  start(onDatagram: DatagramHandler, onError: CarrierErrorHandler): void {
    this.#onDatagram = onDatagram;
    this.#onError = onError;
    this.#socket.start(onDatagram, onError);
  }

  /** Sends one datagram from where it is now. */
  send(datagram: Uint8Array, to: Address): Promise<void> | void {
    return this.#socket.send(datagram, to);
  }

  /** Closes the present socket. */
  close(): Promise<void> | void {
    return this.#socket.close();
  }
}
