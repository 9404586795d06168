/**
 * Hellos wait until everybody else has been served.
 *
 * A hello costs more than reading a datagram does. Were each handled as it
 * comes, then in a flood of them the kernel's buffer would run over, and with
 * it go the packets of connections, which nobody can tell apart in there. Here
 * only hellos are dropped, and those of whoever sends most. One that becomes a
 * connection is worth its time; all others have to do with a share of it,
 * however slow the machine.
 *
 * @module
 */
import type { MonotonicClock } from "../internal/instant.ts";
import { poison } from "../internal/poison.ts";
import { TokenBucket } from "../internal/token_bucket.ts";
import { connectionIdKey, HELLO_CONNECTION_ID_KEY } from "../protocol/mod.ts";
import {
  type Address,
  formatAddress,
  isLoopback,
  senderKey,
} from "./core/address.ts";
import { MIN_HELLO_DATAGRAM_BYTES } from "./core/config.ts";
import type { EndpointConfig } from "./core/endpoint_options.ts";
import { FairQueue } from "./fair_queue.ts";

/**
 * The largest that may wait, in bytes. Ours all have 1,200, and what is larger
 * than an Ethernet carries comes in fragments, which floods are made of.
 */
export const MAX_WAITING_HELLO_BYTES = 1_500;

/** How much time for hellos in vain may be used at once, after a rest, in ms. */
const MAX_VAIN_HELLO_MS = 1;

/**
 * Time in which hellos that wait are handled before the sockets are looked at
 * again, in ms: the kernel keeps some 90 hellos, which is 4.6 ms of a flood.
 */
export const MAX_HELLO_TURN_MS = 0.25;

/**
 * What a turn of hellos in vain counts at most, in ms: of a slow machine it takes one
 * of them. Longer was the process that stood still, and nobody would get in for four
 * times as long.
 */
export const MAX_COUNTED_VAIN_MS = 25;

/** A hello that waits. */
interface WaitingHello {
  readonly slot: number;
  readonly byteCount: number;
  readonly from: Address;
}

/**
 * Whether a datagram may be a hello, by its shape alone: what strangers send to
 * become a connection.
 *
 * @param datagram Any bytes.
 */
export function isHelloShaped(datagram: Uint8Array): boolean {
  return datagram.length >= MIN_HELLO_DATAGRAM_BYTES &&
    connectionIdKey(datagram) === HELLO_CONNECTION_ID_KEY;
}

/** What a {@linkcode HelloQueue} is made from. */
export interface HelloQueueOptions {
  /** Bounds. */
  readonly config: Pick<EndpointConfig, "maxWaitingHellos" | "vainHelloShare">;
  /** Says how long a hello takes. */
  readonly clock: MonotonicClock;
  /** Handles a hello, which it borrows, and says whether it became a connection. */
  readonly handle: (hello: Uint8Array, from: Address) => boolean;
  /** Is lent a hello for which there is no room. */
  readonly drop: (hello: Uint8Array, from: Address) => void;
}

/** The hellos of one socket. */
export class HelloQueue {
  readonly #options: HelloQueueOptions;
  readonly #waiting: FairQueue<WaitingHello>;
  /** Milliseconds for hellos that come to nothing. */
  readonly #vainTime: TokenBucket;
  /** A slot for each that may wait, and for one more. Most sockets never need it. */
  #memory: Uint8Array | undefined;
  #freeSlots: number[] = [];
  #isTurnUsed = false;

  /** @param options Bounds, the clock, and what becomes of hellos. */
  constructor(options: HelloQueueOptions) {
    const { maxWaitingHellos, vainHelloShare } = options.config;
    this.#options = options;
    this.#waiting = new FairQueue(maxWaitingHellos);
    this.#vainTime = new TokenBucket(MAX_VAIN_HELLO_MS, 1000 * vainHelloShare);
  }

  /** Whether any wait. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Takes a hello: the first of a turn is handled at once, others wait.
   *
   * @param hello A whole datagram; borrowed.
   * @param from Where it came from.
   */
  push(hello: Uint8Array, from: Address): void {
    if (this.#isTurnUsed || this.isWaiting) return this.#keep(hello, from);
    this.#isTurnUsed = true;
    const startedAt = this.#options.clock();
    if (this.#vainTime.isEmpty(startedAt)) return this.#keep(hello, from);
    if (!this.#options.handle(hello, from)) {
      this.#spendVainTime(this.#options.clock() - startedAt);
    }
  }

  /** The datagrams that were there have been read: another turn begins. */
  beginTurn(): void {
    this.#isTurnUsed = false;
  }

  /**
   * Handles some of those that wait, as far as there is time for them.
   *
   * @param send Sends what they are answered; part of what they cost.
   */
  handleWaiting(send: () => void): void {
    const startedAt = this.#options.clock();
    if (this.#vainTime.isEmpty(startedAt)) return;
    let vainMs = 0;
    let now = startedAt;
    do {
      const isConnection = this.#handleOldest();
      const before = now;
      now = this.#options.clock();
      if (!isConnection) vainMs += now - before;
    } while (this.isWaiting && now - startedAt < MAX_HELLO_TURN_MS);
    send();
    this.#spendVainTime(vainMs + this.#options.clock() - now);
  }

  #spendVainTime(ms: number): void {
    this.#vainTime.spend(Math.min(ms, MAX_COUNTED_VAIN_MS));
  }

  #keep(hello: Uint8Array, from: Address): void {
    const byteCount = hello.length;
    if (byteCount > MAX_WAITING_HELLO_BYTES) {
      return this.#options.drop(hello, from);
    }
    if (this.#memory === undefined) {
      const slotCount = this.#options.config.maxWaitingHellos + 1;
      this.#memory = new Uint8Array(slotCount * MAX_WAITING_HELLO_BYTES);
      this.#freeSlots = Array.from({ length: slotCount }, (_, slot) => slot);
    }
    const waiting = { slot: this.#freeSlots.pop()!, byteCount, from };
    this.#bytesOf(waiting).set(hello);
    const dropped = this.#waiting.push(flowOf(from), waiting);
    if (dropped === undefined) return;
    this.#options.drop(this.#bytesOf(dropped), dropped.from);
    this.#free(dropped);
  }

  #handleOldest(): boolean {
    const oldest = this.#waiting.shift()!;
    const isConnection = this.#options.handle(
      this.#bytesOf(oldest),
      oldest.from,
    );
    this.#free(oldest);
    return isConnection;
  }

  #bytesOf({ slot, byteCount }: WaitingHello): Uint8Array {
    const start = slot * MAX_WAITING_HELLO_BYTES;
    return this.#memory!.subarray(start, start + byteCount);
  }

  #free(hello: WaitingHello): void {
    poison(this.#bytesOf(hello));
    this.#freeSlots.push(hello.slot);
  }
}

/** Whose a hello is. The processes of one machine differ in nothing but the port. */
function flowOf(from: Address): string {
  return isLoopback(from) ? formatAddress(from) : senderKey(from.hostname);
}
