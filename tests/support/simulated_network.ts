/**
 * A datagram network in virtual time, every decision of which comes from one
 * seed: latency, jitter, loss, duplication, corruption, bandwidth with a
 * bounded queue, and a packet size limit.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { Address } from "../../transport/core/address.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** How one direction of a path behaves. All rates are probabilities from 0 to 1. */
export interface LinkOptions {
  /** Time that every datagram needs. */
  readonly latencyMs: number;
  /** Further time, drawn evenly from 0 to this: what reorders datagrams. */
  readonly jitterMs: number;
  /** How many come late, after those sent in the `lateMs` after them. */
  readonly lateRate: number;
  /** By how much. */
  readonly lateMs: number;
  /** How many vanish. */
  readonly lossRate: number;
  /** How many arrive twice. */
  readonly duplicateRate: number;
  /** How many arrive with one bit flipped. */
  readonly corruptRate: number;
  /** How fast bytes leave the sender; `Infinity` for no limit. */
  readonly bandwidthBytesPerSecond: number;
  /** How many bytes may wait for the bandwidth; what is over is dropped. */
  readonly queueBytes: number;
  /** The largest datagram that passes; what is over is dropped. */
  readonly mtuBytes: number;
}

/** A link that is only slow: no loss, no reordering. */
export const CLEAN_LINK: LinkOptions = {
  latencyMs: 10,
  jitterMs: 0,
  lateRate: 0,
  lateMs: 0,
  lossRate: 0,
  duplicateRate: 0,
  corruptRate: 0,
  bandwidthBytesPerSecond: Infinity,
  queueBytes: 64 * 1024,
  mtuBytes: 65_507,
};

/** A datagram that arrives. */
export interface Delivery {
  /** Who sent it, as the receiver sees it. */
  readonly from: Address;
  /** Whom it reaches. */
  readonly to: Address;
  /** A copy that belongs to the receiver. */
  readonly datagram: Uint8Array;
}

/** What became of the datagrams. */
export interface NetworkStats {
  /** Handed to the network. */
  sent: number;
  /** Handed out by the network. */
  delivered: number;
  /** Lost at random. */
  lost: number;
  /** Dropped because the queue before the bandwidth was full. */
  droppedByQueue: number;
  /** Dropped because they were larger than the path carries. */
  droppedByMtu: number;
  /** Dropped by the test's own filter. */
  droppedByFilter: number;
  /** Delivered twice. */
  duplicated: number;
  /** Delivered with a flipped bit. */
  corrupted: number;
}

/** Decides whether a datagram passes. */
export type DatagramFilter = (
  datagram: Uint8Array,
  from: Address,
  to: Address,
) => boolean;

interface InFlight extends Delivery {
  readonly at: Instant;
  readonly order: number;
}

/** Links between any number of addresses, all of them alike unless told apart. */
export class SimulatedNetwork {
  /** What became of the datagrams so far. */
  readonly stats: NetworkStats = {
    sent: 0,
    delivered: 0,
    lost: 0,
    droppedByQueue: 0,
    droppedByMtu: 0,
    droppedByFilter: 0,
    duplicated: 0,
    corrupted: 0,
  };
  /** Drops what it returns `false` for, before any other decision. */
  filter: DatagramFilter | undefined;

  readonly #random: SeededRandom;
  readonly #heap: InFlight[] = [];
  readonly #links = new Map<string, LinkOptions>();
  readonly #busyUntil = new Map<string, Instant>();
  readonly #rewrites = new Map<string, Address>();
  #default: LinkOptions;
  #order = 0;

  /**
   * @param random Where every decision comes from.
   * @param options How links behave; what is left out is as in
   * {@linkcode CLEAN_LINK}.
   */
  constructor(random: SeededRandom, options: Partial<LinkOptions> = {}) {
    this.#random = random;
    this.#default = { ...CLEAN_LINK, ...options };
  }

  /**
   * Changes how every link without options of its own behaves from now on.
   *
   * @param options What changes.
   */
  configure(options: Partial<LinkOptions>): void {
    this.#default = { ...this.#default, ...options };
  }

  /**
   * Gives one direction of one path its own behaviour.
   *
   * @param from The sender.
   * @param to The receiver.
   * @param options What differs from the other links.
   */
  configureLink(
    from: Address,
    to: Address,
    options: Partial<LinkOptions>,
  ): void {
    this.#links.set(linkKey(from, to), { ...this.#default, ...options });
  }

  /** Ends all faults: latency stays, everything else becomes clean. */
  heal(): void {
    const { latencyMs, mtuBytes } = this.#default;
    this.#default = { ...CLEAN_LINK, latencyMs, mtuBytes };
    this.#links.clear();
    this.filter = undefined;
  }

  /**
   * Makes a sender appear under another address and receive under it, as a
   * network address translator does after losing its table.
   *
   * @param inside The sender's own address.
   * @param outside What the others see from now on.
   */
  rebind(inside: Address, outside: Address): void {
    for (const [key, address] of this.#rewrites) {
      if (isSame(address, inside)) this.#rewrites.delete(key);
    }
    this.#rewrites.set(`out ${addressKey(inside)}`, outside);
    this.#rewrites.set(`in ${addressKey(outside)}`, inside);
  }

  /**
   * Gives a host a second address, from which all that it sends comes; it is
   * reached at both. So is a socket on every address of its host.
   *
   * @param own The address before.
   * @param preferred The other one.
   */
  addAddress(own: Address, preferred: Address): void {
    this.rebind(own, preferred);
    this.#rewrites.set(`in ${addressKey(own)}`, { ...own });
  }

  /**
   * Takes a datagram.
   *
   * @param now The current instant.
   * @param datagram Copied.
   * @param path Its sender and its receiver.
   */
  send(
    now: Instant,
    datagram: Uint8Array,
    path: { readonly from: Address; readonly to: Address },
  ): void {
    this.stats.sent++;
    const from = this.#rewrites.get(`out ${addressKey(path.from)}`) ??
      path.from;
    const to = this.#rewrites.get(`in ${addressKey(path.to)}`) ?? path.to;
    // Whoever is behind a translator is reached under its new address only.
    if (
      to === path.to && this.#rewrites.has(`out ${addressKey(to)}`)
    ) {
      this.stats.lost++;
      return;
    }
    const key = linkKey(from, to);
    const link = this.#links.get(key) ?? this.#default;
    if (this.filter !== undefined && !this.filter(datagram, from, to)) {
      this.stats.droppedByFilter++;
      return;
    }
    if (datagram.length > link.mtuBytes) {
      this.stats.droppedByMtu++;
      return;
    }
    const sentAt = this.#takeBandwidth(now, key, link, datagram.length);
    if (sentAt === undefined) {
      this.stats.droppedByQueue++;
      return;
    }
    if (this.#random.isHit(link.lossRate)) {
      this.stats.lost++;
      return;
    }
    this.#launch(sentAt, link, { from, to, datagram: datagram.slice() });
    if (this.#random.isHit(link.duplicateRate)) {
      this.stats.duplicated++;
      this.#launch(sentAt, link, { from, to, datagram: datagram.slice() });
    }
  }

  /** When the next datagram arrives; `undefined` when none is on its way. */
  nextDeliveryAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /**
   * Takes a datagram that has arrived.
   *
   * @param now The current instant.
   * @returns The earliest one; `undefined` when none has arrived by now.
   */
  poll(now: Instant): Delivery | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.#popFirst();
    this.stats.delivered++;
    return first;
  }

  /** When the datagram has left the sender; `undefined` when the queue is full. */
  #takeBandwidth(
    now: Instant,
    key: string,
    link: LinkOptions,
    lengthBytes: number,
  ): Instant | undefined {
    if (!Number.isFinite(link.bandwidthBytesPerSecond)) return now;
    const bytesPerMs = link.bandwidthBytesPerSecond / 1_000;
    const startAt = Math.max(now, this.#busyUntil.get(key) ?? now);
    const queuedBytes = (startAt - now) * bytesPerMs;
    if (queuedBytes + lengthBytes > link.queueBytes) return undefined;
    const endAt = startAt + lengthBytes / bytesPerMs;
    this.#busyUntil.set(key, endAt);
    return endAt;
  }

  #launch(sentAt: Instant, link: LinkOptions, delivery: Delivery): void {
    if (
      delivery.datagram.length > 0 && this.#random.isHit(link.corruptRate)
    ) {
      const bit = this.#random.nextInteger(delivery.datagram.length * 8);
      delivery.datagram[bit >>> 3]! ^= 1 << (bit & 7);
      this.stats.corrupted++;
    }
    const jitterMs = link.jitterMs > 0
      ? this.#random.next() * link.jitterMs
      : 0;
    const lateMs = this.#random.isHit(link.lateRate) ? link.lateMs : 0;
    this.#push({
      ...delivery,
      at: sentAt + link.latencyMs + jitterMs + lateMs,
      order: this.#order++,
    });
  }

  #push(item: InFlight): void {
    const heap = this.#heap;
    let index = heap.push(item) - 1;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!isBefore(item, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = item;
  }

  #popFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)
      ) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: InFlight, right: InFlight): boolean {
  return left.at < right.at ||
    (left.at === right.at && left.order < right.order);
}

function addressKey(address: Address): string {
  return `${address.hostname} ${address.port}`;
}

function linkKey(from: Address, to: Address): string {
  return `${addressKey(from)} ${addressKey(to)}`;
}

function isSame(left: Address, right: Address): boolean {
  return left.hostname === right.hostname && left.port === right.port;
}
