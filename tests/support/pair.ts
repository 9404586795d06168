/**
 * Two real endpoints, a virtual clock and a simulated network between them, so
 * that a test reads as a story: connect, lose, recover.
 *
 * @module
 */
import assert from "node:assert/strict";
import { concat } from "../../internal/concat.ts";
import { generateKeyPair, type KeyPair } from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import type { Address } from "../../transport/core/address.ts";
import type { EndpointOptions } from "../../transport/core/endpoint_options.ts";
import type { Connection } from "../../transport/core/connection.ts";
import type { ConnectionEvent } from "../../transport/core/connection_event.ts";
import {
  type ConnectOptions,
  Endpoint,
} from "../../transport/core/endpoint.ts";
import type { EndpointObserver } from "../../transport/core/observer.ts";
import { SeededRandom } from "./seeded_random.ts";
import { type LinkOptions, SimulatedNetwork } from "./simulated_network.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** Where the two ends are. */
export const CLIENT_ADDRESS: Address = { hostname: "10.0.0.1", port: 4001 };
/** Where the responder is. */
export const SERVER_ADDRESS: Address = { hostname: "10.0.0.2", port: 9000 };

/** Turns of the loop without any progress in time after which a run is stuck. */
const MAX_TURNS_AT_ONE_INSTANT = 100_000;

/** One end of a pair. */
export class PairEnd {
  /** The endpoint under test; {@linkcode PairEnd.restart} replaces it. */
  endpoint: Endpoint;
  /** Where it is. */
  readonly address: Address;
  /** Its static keys. */
  readonly keyPair: KeyPair;
  /** Connections that others opened to it. */
  readonly incoming: Connection[] = [];
  /** Every event of every connection, in order. */
  readonly events: { connection: Connection; event: ConnectionEvent }[] = [];
  /** Called for each event, after it was recorded. */
  onEvent:
    | ((connection: Connection, event: ConnectionEvent) => void)
    | undefined;
  /** Sizes of the datagrams that left, in bytes. */
  readonly sentSizes: number[] = [];
  readonly #options: Partial<EndpointOptions>;
  readonly #random: SeededRandom;
  readonly #observer: EndpointObserver | undefined;

  /**
   * @param address Where it is.
   * @param options Its configuration; a key pair is drawn when none is given.
   * @param random Where keys and ids come from.
   * @param observer Who watches, if anybody.
   */
  constructor(
    address: Address,
    options: Partial<EndpointOptions>,
    random: SeededRandom,
    observer?: EndpointObserver,
  ) {
    this.#observer = observer;
    this.address = address;
    this.#options = options;
    this.#random = random;
    this.keyPair = options.keyPair ?? generateKeyPair(random);
    this.endpoint = this.#createEndpoint();
  }

  /**
   * Forgets every connection without a word, as a process does that is killed
   * and started again.
   *
   * @param options What is configured differently from then on.
   */
  restart(options: Partial<EndpointOptions> = {}): void {
    this.endpoint = this.#createEndpoint(options);
  }

  #createEndpoint(options: Partial<EndpointOptions> = {}): Endpoint {
    const { keyPair } = this;
    return new Endpoint(
      { ...this.#options, ...options, keyPair },
      this.#random,
      this.#observer,
    );
  }

  /** The types of the events of one connection, in order. */
  eventTypes(connection: Connection): string[] {
    return this.events.filter((entry) => entry.connection === connection)
      .map((entry) => entry.event.type);
  }

  /** The error that a connection was closed with, if it was. */
  closeError(connection: Connection): Error & { code: string } {
    for (const entry of this.events) {
      if (entry.connection === connection && entry.event.type === "closed") {
        return entry.event.error;
      }
    }
    assert.fail("The connection is not closed");
  }
}

/** Options of {@linkcode Pair}. */
export interface PairOptions {
  /** Everything random is drawn from it. */
  readonly seed?: number;
  /** How the links behave. */
  readonly link?: Partial<LinkOptions>;
  /**
   * How late timers fire. With it an end acts as under a driver: only when a
   * datagram arrives or its own timer fires, not whenever anything happens.
   */
  readonly timerLatenessMs?: number;
  /**
   * Whether ends do what a driver does beside the contract: send an urgent answer
   * before they poll events, and prepare when there is nothing else to do.
   *
   * @default {false}
   */
  readonly isDriven?: boolean;
  /** Configuration of the initiator. */
  readonly client?: Partial<EndpointOptions>;
  /** Configuration of the responder. */
  readonly server?: Partial<EndpointOptions>;
  /** Who watches the ends. */
  readonly observers?: {
    readonly client?: EndpointObserver;
    readonly server?: EndpointObserver;
  };
}

/** Two endpoints and what is between them. */
export class Pair {
  /** Virtual time. */
  readonly clock: VirtualClock = new VirtualClock();
  /** What is between the ends. */
  readonly network: SimulatedNetwork;
  /** The end that connects. */
  readonly client: PairEnd;
  /** The end that answers. */
  readonly server: PairEnd;
  readonly #ends: Map<string, PairEnd>;
  readonly #timerLatenessMs: number;
  readonly #isDriven: boolean;
  /** Ends that may have something to say. */
  readonly #awake = new Set<PairEnd>();
  readonly #buffer = new Uint8Array(65_535);

  /** @param options Seed, links and configurations. */
  constructor(options: PairOptions = {}) {
    const seed = options.seed ?? 1;
    this.network = new SimulatedNetwork(new SeededRandom(seed), options.link);
    this.client = new PairEnd(
      CLIENT_ADDRESS,
      options.client ?? {},
      new SeededRandom(seed + 1),
      options.observers?.client,
    );
    this.server = new PairEnd(
      SERVER_ADDRESS,
      options.server ?? {},
      new SeededRandom(seed + 2),
      options.observers?.server,
    );
    this.#timerLatenessMs = options.timerLatenessMs ?? 0;
    this.#isDriven = options.isDriven ?? false;
    this.#ends = new Map(
      [this.client, this.server].map((end) => [end.address.hostname, end]),
    );
  }

  /** The current instant. */
  get now(): Instant {
    return this.clock.now();
  }

  /**
   * Starts a connection from the client and runs until it stands on both ends.
   *
   * @param options Without a key the server's own is used; `null` asks for XX.
   * @returns Both ends of the connection.
   */
  connect(
    options: { remoteStaticPublicKey?: Uint8Array | null } = {},
  ): { client: Connection; server: Connection } {
    const client = this.dial(options);
    this.runUntil(() =>
      client.state === "established" && this.server.incoming.length > 0
    );
    return { client, server: this.server.incoming.at(-1)! };
  }

  /** Starts a connection from the client and does not wait. */
  dial(
    options: Omit<ConnectOptions, "remoteStaticPublicKey"> & {
      remoteStaticPublicKey?: Uint8Array | null;
    } = {},
  ): Connection {
    const { remoteStaticPublicKey: key, ...rest } = options;
    const known = key === null ? {} : {
      remoteStaticPublicKey: key ?? this.server.keyPair.publicKey,
    };
    return this.client.endpoint.connect(this.now, SERVER_ADDRESS, {
      ...rest,
      ...known,
    });
  }

  /**
   * Runs until a condition holds.
   *
   * @param isDone The condition.
   * @param limitMs Virtual time that it may take.
   */
  runUntil(isDone: () => boolean, limitMs = 60_000): void {
    const until = this.now + limitMs;
    this.#run(until, isDone);
    assert.ok(isDone(), `Not done after ${limitMs} ms of virtual time`);
  }

  /**
   * Runs for a while.
   *
   * @param durationMs Virtual time.
   */
  runFor(durationMs: number): void {
    this.#run(this.now + durationMs, () => false);
    this.clock.advanceTo(this.now);
  }

  /** Drains what both ends have to say now, without moving time. */
  flush(): void {
    for (const end of this.#ends.values()) this.#drain(end);
  }

  #run(until: Instant, isDone: () => boolean): void {
    let turns = 0;
    let last = this.now;
    this.flush();
    for (;;) {
      for (const end of this.#awake) this.#drain(end);
      this.#awake.clear();
      if (isDone()) return;
      const next = this.#nextInstant();
      if (next > until) {
        this.clock.advanceTo(until);
        return;
      }
      this.clock.advanceTo(next);
      turns = this.now === last ? turns + 1 : 0;
      last = this.now;
      assert.ok(
        turns < MAX_TURNS_AT_ONE_INSTANT,
        `Stuck at ${this.now}: timers without progress`,
      );
      this.#deliver();
      for (const end of this.#ends.values()) {
        if (this.#timerAt(end) <= this.now) {
          end.endpoint.handleTimeout(this.now);
          this.#awake.add(end);
        }
        if (this.#timerLatenessMs === 0) this.#awake.add(end);
      }
    }
  }

  #nextInstant(): Instant {
    let next = this.network.nextDeliveryAt() ?? Infinity;
    for (const end of this.#ends.values()) {
      next = Math.min(next, this.#timerAt(end));
    }
    return next;
  }

  #timerAt(end: PairEnd): Instant {
    return (end.endpoint.pollTimeout() ?? Infinity) + this.#timerLatenessMs;
  }

  #deliver(): void {
    for (;;) {
      const delivery = this.network.poll(this.now);
      if (delivery === undefined) return;
      const end = this.#ends.get(delivery.to.hostname);
      if (end === undefined) continue;
      end.endpoint.handleDatagram(this.now, delivery.from, delivery.datagram);
      if (this.#isDriven && end.endpoint.isAnswerUrgent) this.#transmit(end);
      this.#awake.add(end);
    }
  }

  /** @returns Whether there was something to send. */
  #transmit(end: PairEnd): boolean {
    const transmit = end.endpoint.pollTransmit(this.now, this.#buffer);
    if (transmit === undefined) return false;
    end.sentSizes.push(transmit.length);
    this.network.send(
      this.now,
      this.#buffer.subarray(0, transmit.length),
      { from: end.address, to: transmit.to },
    );
    return true;
  }

  #drain(end: PairEnd): void {
    const { endpoint } = end;
    for (;;) {
      for (;;) {
        const event = endpoint.pollEvent();
        if (event === undefined) break;
        if (event.type === "connection-incoming") {
          end.incoming.push(event.connection);
        } else {
          end.events.push({ connection: event.connection, event: event.event });
          end.onEvent?.(event.connection, event.event);
        }
      }
      let isIdle = true;
      while (this.#transmit(end)) isIdle = false;
      if (!isIdle) continue;
      if (this.#isDriven && endpoint.isPreparationDue) endpoint.prepare();
      return;
    }
  }
}

/** Reads everything that is readable on a stream. */
export function readAll(connection: Connection, streamId: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (
    let part = connection.readStream(streamId);
    part;
    part = connection.readStream(streamId)
  ) {
    parts.push(part);
  }
  return concat(...parts);
}
