/**
 * Packets that are neither acknowledged nor lost yet, in packet number order.
 *
 * A ring of slots ordered by packet number. Taking a packet out of the middle
 * leaves a hole; holes go away when the front passes them or when the ring
 * would grow. So adding and taking cost amortised constant time, a gap in the
 * numbers costs nothing, and the ring is never more than about twice as long as
 * what it holds.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import type { SentFrame } from "./sent_frame.ts";

/** What is remembered of a packet that was sent. */
export interface SentPacket {
  /** Packet number, a safe integer. */
  readonly packetNumber: number;
  /** When it was sent. */
  readonly sentAt: Instant;
  /** Size on the wire, header and tag included. */
  readonly sizeBytes: number;
  /** Whether the peer must acknowledge it. */
  readonly isAckEliciting: boolean;
  /** Whether it counts towards bytes in flight (RFC 9002 §2). */
  readonly isInFlight: boolean;
  /** What it carried, handed back when it is acknowledged or lost. */
  readonly frames: SentFrame[];
  /**
   * Whether it only asks how large a datagram may be: its loss is no sign of
   * congestion (RFC 9000 §14.4).
   */
  readonly isMtuProbe: boolean;
}

/**
 * How many packets that are not in flight (they carried only acknowledgements)
 * are remembered. The peer need not acknowledge those, so without a bound a
 * side that only receives would remember them for ever.
 */
export const MAX_NOT_IN_FLIGHT_PACKETS = 256;

/** A power of two: most connections have few packets at a time. */
const INITIAL_CAPACITY = 8;

/** Packets in flight, in packet number order. */
export class SentPackets {
  #packets: (SentPacket | undefined)[] = new Array(INITIAL_CAPACITY);
  /** A plain array: a small typed one costs 0.4 KB beside its bytes. */
  #numbers: number[] = new Array(INITIAL_CAPACITY).fill(0);
  #mask = INITIAL_CAPACITY - 1;
  /** Ring index of the first slot, which is never a hole. */
  #head = 0;
  /** Slots in use, holes included. */
  #length = 0;
  /** Slots at the front without a packet that is not in flight. */
  #swept = 0;
  #size = 0;
  #notInFlight = 0;
  #bytesInFlight = 0;
  #ackElicitingInFlight = 0;

  /** How many packets are remembered. */
  get size(): number {
    return this.#size;
  }

  /** Sum of the sizes of the packets that count as in flight. */
  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** How many packets in flight the peer must acknowledge. */
  get ackElicitingInFlight(): number {
    return this.#ackElicitingInFlight;
  }

  /** The packet with the lowest number, if any. */
  get oldest(): SentPacket | undefined {
    return this.#length === 0 ? undefined : this.#packets[this.#head];
  }

  /**
   * Remembers a packet, whose ownership passes to the table. Past
   * {@linkcode MAX_NOT_IN_FLIGHT_PACKETS}, the oldest packet that is not in
   * flight is forgotten: nobody waits for it.
   *
   * @param packet Its number must be above all the numbers remembered.
   */
  add(packet: SentPacket): void {
    if (this.#length > this.#mask) this.#makeRoom();
    const tail = (this.#head + this.#length) & this.#mask;
    assert(
      this.#length === 0 ||
        packet.packetNumber > this.#numbers[(tail - 1) & this.#mask]!,
      "packets are added in packet number order",
    );
    this.#packets[tail] = packet;
    this.#numbers[tail] = packet.packetNumber;
    this.#length++;
    this.#size++;
    if (packet.isInFlight) {
      this.#bytesInFlight += packet.sizeBytes;
      if (packet.isAckEliciting) this.#ackElicitingInFlight++;
    } else if (++this.#notInFlight > MAX_NOT_IN_FLIGHT_PACKETS) {
      this.#forgetNotInFlight();
    }
  }

  /**
   * Removes one packet.
   *
   * @param packetNumber Which one.
   * @returns The packet, or `undefined` when it is not remembered.
   */
  take(packetNumber: number): SentPacket | undefined {
    const offset = this.#lowerBound(packetNumber);
    if (offset === this.#length) return undefined;
    const index = (this.#head + offset) & this.#mask;
    if (this.#numbers[index] !== packetNumber) return undefined;
    const packet = this.#remove(index);
    this.#trim();
    return packet;
  }

  /** Removes the packet with the lowest number, if any. */
  takeOldest(): SentPacket | undefined {
    if (this.#length === 0) return undefined;
    const packet = this.#remove(this.#head);
    this.#trim();
    return packet;
  }

  /**
   * Removes the packets with numbers in `[start, end)`. The cost depends on
   * what is remembered in the range, not on how wide the range is.
   *
   * @param start First number.
   * @param end First number after the last.
   * @param into Where the packets are appended, in ascending order.
   */
  takeRange(start: number, end: number, into: SentPacket[]): void {
    let offset = this.#lowerBound(start);
    while (offset < this.#length) {
      const index = (this.#head + offset) & this.#mask;
      if (this.#numbers[index]! >= end) break;
      const packet = this.#remove(index);
      if (packet !== undefined) into.push(packet);
      offset++;
    }
    this.#trim();
  }

  /** Removes everything and returns it in ascending order. */
  takeAll(): SentPacket[] {
    const all: SentPacket[] = [];
    this.takeRange(0, Infinity, all);
    return all;
  }

  /** Goes through the packets in ascending order; not across a change. */
  *[Symbol.iterator](): Generator<SentPacket, void, undefined> {
    for (let offset = 0; offset < this.#length; offset++) {
      const packet = this.#packets[(this.#head + offset) & this.#mask];
      if (packet !== undefined) yield packet;
    }
  }

  #remove(index: number): SentPacket | undefined {
    const packet = this.#packets[index];
    if (packet === undefined) return undefined;
    this.#packets[index] = undefined;
    this.#size--;
    if (packet.isInFlight) {
      this.#bytesInFlight -= packet.sizeBytes;
      if (packet.isAckEliciting) this.#ackElicitingInFlight--;
    } else {
      this.#notInFlight--;
    }
    return packet;
  }

  /** Drops the holes at the front. */
  #trim(): void {
    while (this.#length > 0 && this.#packets[this.#head] === undefined) {
      this.#head = (this.#head + 1) & this.#mask;
      this.#length--;
      if (this.#swept > 0) this.#swept--;
    }
  }

  /** Each slot is looked at once: whatever lies before `#swept` is in flight. */
  #forgetNotInFlight(): void {
    for (;;) {
      const index = (this.#head + this.#swept++) & this.#mask;
      const packet = this.#packets[index];
      if (packet !== undefined && !packet.isInFlight) {
        this.#remove(index);
        break;
      }
    }
    this.#trim();
  }

  /** Squeezes the holes out, into a larger ring unless half of it is holes. */
  #makeRoom(): void {
    const oldCapacity = this.#mask + 1;
    const capacity = this.#size * 2 > oldCapacity
      ? oldCapacity * 2
      : oldCapacity;
    const packets: (SentPacket | undefined)[] = new Array(capacity);
    const numbers: number[] = new Array(capacity).fill(0);
    let length = 0;
    for (const packet of this) {
      packets[length] = packet;
      numbers[length++] = packet.packetNumber;
    }
    this.#packets = packets;
    this.#numbers = numbers;
    this.#mask = capacity - 1;
    this.#head = 0;
    this.#length = length;
    this.#swept = 0;
  }

  /** Offset from the head of the first slot whose number is at least `value`. */
  #lowerBound(value: number): number {
    if (this.#length === 0) return 0;
    const distance = value - this.#numbers[this.#head]!;
    if (distance <= 0) return 0;
    // numbers grow by one or more per slot, so the distance bounds the offset,
    // and equals it when no number was skipped
    let high = Math.min(distance, this.#length);
    if (
      high < this.#length &&
      this.#numbers[(this.#head + high) & this.#mask] === value
    ) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[(this.#head + middle) & this.#mask]! < value) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }
}
