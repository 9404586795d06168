/**
 * A carrier that remembers what it has sent.
 *
 * @module
 */
import {
  type Address,
  type Carrier,
  type CarrierErrorHandler,
  type CarrierStats,
  createUdpCarrier,
  type DatagramHandler,
} from "../../transport/mod.ts";

/** A UDP socket on loopback that records. */
export class RecordingCarrier implements Carrier {
  /** What was sent since it was emptied, in order. */
  readonly sent: { readonly datagram: Uint8Array; readonly to: Address }[] = [];
  /** Whether nothing arrives of what is sent: so behaves a process that stands still. */
  isMute = false;
  readonly #carrier: Carrier;

  private constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** Binds one to any port. */
  static async bind(): Promise<RecordingCarrier> {
    const address = { hostname: "127.0.0.1", port: 0 };
    return new RecordingCarrier(await createUdpCarrier(address));
  }

  /** Where it is bound. */
  get localAddress(): Address {
    return this.#carrier.localAddress;
  }

  /** Largest datagram, in bytes. */
  get maxDatagramBytes(): number {
    return this.#carrier.maxDatagramBytes;
  }

  /** Counters. */
  get stats(): Readonly<CarrierStats> {
    return this.#carrier.stats;
  }

  /** Starts to receive. */
  start(onDatagram: DatagramHandler, onError: CarrierErrorHandler): void {
    this.#carrier.start(onDatagram, onError);
  }

  /** Sends and records. */
  send(datagram: Uint8Array, to: Address): Promise<void> | void {
    this.sent.push({ datagram: datagram.slice(), to });
    if (!this.isMute) return this.#carrier.send(datagram, to);
  }

  /** Closes the socket. */
  close(): Promise<void> | void {
    return this.#carrier.close();
  }

  /** How many datagrams were sent to a port. */
  countTo(port: number): number {
    return this.sent.filter(({ to }) => to.port === port).length;
  }
}
