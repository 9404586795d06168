/**
 * A tap on the wire: it stands before a process, passes every datagram on and
 * sees what anyone on the way would see.
 *
 * @module
 */
import {
  type Address,
  type Carrier,
  createUdpCarrier,
  formatAddress,
} from "../transport/mod.ts";
import type { PlaintextWatch } from "./plaintext_watch.ts";

/** What went over the wire, at all taps together. */
export interface WireCounts {
  /** Datagrams, in both directions. */
  datagrams: number;
  /** Their bytes. */
  bytes: number;
}

/** Datagrams that wait for a socket of their sender. */
const MAX_WAITING = 256;

/** One tap. Each sender gets a socket of its own toward the process behind. */
export class WireTap {
  /** Where others send to. */
  readonly address: Address;
  /** The process behind; set once it listens. */
  target: Address | undefined;
  readonly #front: Carrier;
  readonly #watch: PlaintextWatch;
  readonly #counts: WireCounts;
  readonly #senders = new Map<string, Promise<Carrier>>();
  #waitingCount = 0;
  #isClosed = false;

  private constructor(
    front: Carrier,
    watch: PlaintextWatch,
    counts: WireCounts,
  ) {
    this.#front = front;
    this.#watch = watch;
    this.#counts = counts;
    this.address = front.localAddress;
    front.start((datagram, from) => this.#forward(datagram, from), () => {});
  }

  /**
   * Opens a tap on a port of this machine.
   *
   * @param watch Looks into every datagram.
   * @param counts Counts every datagram.
   * @returns The tap.
   */
  static async open(
    watch: PlaintextWatch,
    counts: WireCounts,
  ): Promise<WireTap> {
    const front = await createUdpCarrier({ hostname: "127.0.0.1", port: 0 });
    return new WireTap(front, watch, counts);
  }

  /** Closes every socket. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#front.close();
    for (const sender of this.#senders.values()) {
      await (await sender).close();
    }
  }

  #forward(borrowed: Uint8Array, from: Address): void {
    this.#see(borrowed);
    // Lost, as on any wire: whoever sent it sends it again.
    if (this.#waitingCount >= MAX_WAITING) return;
    const datagram = borrowed.slice();
    this.#waitingCount++;
    this.#senderFor(from).then((sender) => {
      if (this.target !== undefined) this.#send(sender, datagram, this.target);
    }).finally(() => this.#waitingCount--);
  }

  #senderFor(from: Address): Promise<Carrier> {
    const key = formatAddress(from);
    let sender = this.#senders.get(key);
    if (sender === undefined) {
      sender = this.#openSender(from);
      this.#senders.set(key, sender);
    }
    return sender;
  }

  async #openSender(from: Address): Promise<Carrier> {
    const sender = await createUdpCarrier({ hostname: "127.0.0.1", port: 0 });
    sender.start((datagram) => {
      this.#see(datagram);
      this.#send(this.#front, datagram.slice(), from);
    }, () => {});
    return sender;
  }

  #see(datagram: Uint8Array): void {
    this.#counts.datagrams++;
    this.#counts.bytes += datagram.length;
    this.#watch.inspect(datagram);
  }

  #send(carrier: Carrier, datagram: Uint8Array, to: Address): void {
    if (this.#isClosed) return;
    Promise.resolve(carrier.send(datagram, to)).catch(() => {
      // Lost: the sockets are being closed, or their buffers are full.
    });
  }
}
