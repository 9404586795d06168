/**
 * A real UDP relay on loopback that behaves badly, repeatably: it drops,
 * doubles, reorders and damages datagrams between any number of clients and
 * one target.
 *
 * ```sh
 * deno run --allow-net --unstable-net tests/support/udp_relay.ts \
 *   --target 127.0.0.1:9000 --drop 0.05 --duplicate 0.01 --reorder 0.05 --flip 0.01
 * ```
 *
 * As a script it prints its address, one line, and runs until it is stopped.
 *
 * @module
 */
import { stdout } from "node:process";
import { parseArgs } from "node:util";
import type { Carrier } from "../../transport/carrier/carrier.ts";
import { createUdpCarrier } from "../../transport/carrier/udp.ts";
import { type Address, formatAddress } from "../../transport/core/address.ts";
import { SeededRandom } from "./seeded_random.ts";

/** How many datagrams that wait to be overtaken one direction holds. */
const MAX_HELD_BACK = 4;

/** Clients whose upstream socket stays open; the oldest goes first. */
const MAX_CLIENTS = 1_024;

/** How one direction behaves. All are probabilities from 0 to 1. */
export interface RelayFaults {
  /**
   * How many datagrams vanish.
   *
   * @default {0}
   */
  readonly dropRate?: number;
  /**
   * How many arrive twice.
   *
   * @default {0}
   */
  readonly duplicateRate?: number;
  /**
   * How many are overtaken by the next one or more.
   *
   * @default {0}
   */
  readonly reorderRate?: number;
  /**
   * How many arrive with one bit flipped.
   *
   * @default {0}
   */
  readonly flipRate?: number;
}

/** Options of {@linkcode UdpRelay.start}. */
export interface UdpRelayOptions {
  /** Where datagrams of clients go. */
  readonly target: Address;
  /** Where the relay listens; 127.0.0.1 and any port when absent. */
  readonly listen?: Partial<Address>;
  /**
   * Where every decision comes from.
   *
   * @default {1}
   */
  readonly seed?: number;
  /** Faults on the way to the target. */
  readonly toTarget?: RelayFaults;
  /** Faults on the way back; as `toTarget` when absent. */
  readonly toClient?: RelayFaults;
  /** Bytes that should never be seen in a datagram. */
  readonly marker?: Uint8Array;
}

/** What one direction has seen. */
export interface RelayCounts {
  /** Datagrams that arrived at the relay. */
  datagrams: number;
  /** Their bytes. */
  bytes: number;
  /** Datagrams that were dropped. */
  dropped: number;
  /** Datagrams that were sent twice. */
  duplicated: number;
  /** Datagrams that were held back to be overtaken. */
  reordered: number;
  /** Datagrams that were damaged. */
  flipped: number;
  /** The largest datagram, in bytes. */
  largestBytes: number;
}

interface Direction {
  faults: Required<RelayFaults>;
  /** Of the next ones, how many vanish whatever the faults are. */
  dropNextCount: number;
  readonly counts: RelayCounts;
  readonly random: SeededRandom;
}

interface Client {
  readonly upstream: Carrier;
  readonly heldToTarget: Uint8Array[];
  readonly heldToClient: Uint8Array[];
}

/** A running relay. Each client address has its own socket toward the target. */
export class UdpRelay {
  /** Where clients send to. */
  readonly address: Address;
  readonly #listener: Carrier;
  readonly #options: UdpRelayOptions;
  readonly #toTarget: Direction;
  readonly #toClient: Direction;
  readonly #clients = new Map<string, Promise<Client>>();
  #hasSeenMarker = false;
  #isClosed = false;

  private constructor(listener: Carrier, options: UdpRelayOptions) {
    this.#listener = listener;
    this.#options = options;
    this.address = listener.localAddress;
    const seed = options.seed ?? 1;
    this.#toTarget = createDirection(options.toTarget, seed);
    this.#toClient = createDirection(
      options.toClient ?? options.toTarget,
      seed ^ 0x5a5a5a5a,
    );
    listener.start((datagram, from) => {
      this.#handleClientDatagram(datagram, from);
    }, () => {});
  }

  /**
   * Starts a relay.
   *
   * @param options Target and faults.
   * @returns The running relay.
   */
  static async start(options: UdpRelayOptions): Promise<UdpRelay> {
    const listener = await createUdpCarrier({
      hostname: options.listen?.hostname ?? "127.0.0.1",
      port: options.listen?.port ?? 0,
    });
    return new UdpRelay(listener, options);
  }

  /** What went to the target. */
  get toTarget(): Readonly<RelayCounts> {
    return this.#toTarget.counts;
  }

  /** What came back from it. */
  get toClient(): Readonly<RelayCounts> {
    return this.#toClient.counts;
  }

  /** Whether the marker was in any datagram, in either direction. */
  get hasSeenMarker(): boolean {
    return this.#hasSeenMarker;
  }

  /**
   * Changes the faults from now on. What is held back stays so.
   *
   * @param toTarget Faults on the way to the target.
   * @param toClient Faults on the way back; the same when absent.
   */
  setFaults(toTarget: RelayFaults, toClient: RelayFaults = toTarget): void {
    this.#toTarget.faults = withDefaults(toTarget);
    this.#toClient.faults = withDefaults(toClient);
  }

  /**
   * Drops the next datagram of a direction, whatever the faults are.
   *
   * @param direction Which way.
   */
  dropNext(direction: "toTarget" | "toClient"): void {
    const isToTarget = direction === "toTarget";
    (isToTarget ? this.#toTarget : this.#toClient).dropNextCount++;
  }

  /** Stops, and closes every socket. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#listener.close();
    for (const client of this.#clients.values()) {
      await (await client).upstream.close();
    }
    this.#clients.clear();
  }

  #handleClientDatagram(borrowed: Uint8Array, from: Address): void {
    const datagram = borrowed.slice();
    this.#clientOf(from).then((client) => {
      if (this.#isClosed) return;
      this.#pass(datagram, this.#toTarget, client.heldToTarget, (bytes) => {
        send(client.upstream, bytes, this.#options.target);
      });
    }).catch(() => {
      // The upstream socket could not be bound: the datagram is lost.
    });
  }

  #clientOf(from: Address): Promise<Client> {
    const key = formatAddress(from);
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = this.#createClient(from);
      this.#clients.set(key, client);
      this.#evictOldest();
    }
    return client;
  }

  async #createClient(from: Address): Promise<Client> {
    const hostname = this.#options.target.hostname.includes(":")
      ? "::1"
      : "127.0.0.1";
    const upstream = await createUdpCarrier({ hostname, port: 0 });
    const client: Client = { upstream, heldToTarget: [], heldToClient: [] };
    upstream.start((datagram) => {
      this.#pass(
        datagram.slice(),
        this.#toClient,
        client.heldToClient,
        (bytes) => send(this.#listener, bytes, from),
      );
    }, () => {});
    return client;
  }

  #evictOldest(): void {
    if (this.#clients.size <= MAX_CLIENTS) return;
    const [key, client] = this.#clients.entries().next().value!;
    this.#clients.delete(key);
    client.then(({ upstream }) => upstream.close()).catch(() => {});
  }

  #pass(
    datagram: Uint8Array,
    direction: Direction,
    held: Uint8Array[],
    forward: (bytes: Uint8Array) => void,
  ): void {
    const { counts, faults, random } = direction;
    counts.datagrams++;
    counts.bytes += datagram.length;
    counts.largestBytes = Math.max(counts.largestBytes, datagram.length);
    const { marker } = this.#options;
    if (marker !== undefined && contains(datagram, marker)) {
      this.#hasSeenMarker = true;
    }
    if (direction.dropNextCount > 0) {
      direction.dropNextCount--;
      counts.dropped++;
      return;
    }
    if (random.isHit(faults.dropRate)) {
      counts.dropped++;
      return;
    }
    if (datagram.length > 0 && random.isHit(faults.flipRate)) {
      counts.flipped++;
      const bit = random.nextInteger(datagram.length * 8);
      datagram[bit >>> 3]! ^= 1 << (bit & 7);
    }
    if (held.length < MAX_HELD_BACK && random.isHit(faults.reorderRate)) {
      counts.reordered++;
      held.push(datagram);
      return;
    }
    forward(datagram);
    if (random.isHit(faults.duplicateRate)) {
      counts.duplicated++;
      forward(datagram.slice());
    }
    for (const overtaken of held.splice(0)) forward(overtaken);
  }
}

function createDirection(
  faults: RelayFaults | undefined,
  seed: number,
): Direction {
  return {
    faults: withDefaults(faults ?? {}),
    dropNextCount: 0,
    random: new SeededRandom(seed),
    counts: {
      datagrams: 0,
      bytes: 0,
      dropped: 0,
      duplicated: 0,
      reordered: 0,
      flipped: 0,
      largestBytes: 0,
    },
  };
}

function withDefaults(faults: RelayFaults): Required<RelayFaults> {
  return {
    dropRate: 0,
    duplicateRate: 0,
    reorderRate: 0,
    flipRate: 0,
    ...faults,
  };
}

function send(carrier: Carrier, datagram: Uint8Array, to: Address): void {
  // Whatever fails is one more lost datagram.
  Promise.resolve(carrier.send(datagram, to)).catch(() => {});
}

function contains(bytes: Uint8Array, marker: Uint8Array): boolean {
  if (marker.length === 0) return false;
  for (
    let at = bytes.indexOf(marker[0]!);
    at >= 0 && at + marker.length <= bytes.length;
    at = bytes.indexOf(marker[0]!, at + 1)
  ) {
    if (marker.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}

function parseAddress(text: string): Address {
  const { hostname, port } = new URL(`udp://${text}`);
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      listen: { type: "string", default: "127.0.0.1:0" },
      seed: { type: "string", default: "1" },
      drop: { type: "string", default: "0" },
      duplicate: { type: "string", default: "0" },
      reorder: { type: "string", default: "0" },
      flip: { type: "string", default: "0" },
    },
  });
  if (values.target === undefined) {
    throw new TypeError("Relay: --target host:port is missing");
  }
  const relay = await UdpRelay.start({
    target: parseAddress(values.target),
    listen: parseAddress(values.listen),
    seed: Number(values.seed),
    toTarget: {
      dropRate: Number(values.drop),
      duplicateRate: Number(values.duplicate),
      reorderRate: Number(values.reorder),
      flipRate: Number(values.flip),
    },
  });
  stdout.write(`${formatAddress(relay.address)}\n`);
}
