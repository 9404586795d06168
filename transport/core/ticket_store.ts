/**
 * The tickets that peers have given us, until they are used or expire.
 *
 * Bounded in total and for each peer; past a bound the oldest goes. They are
 * kept in memory only.
 *
 * @module
 */
import { wipe } from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import { MAX_TICKETS_OF_PEER } from "./config.ts";
import type { StreamLimits } from "./stream/stream_limits.ts";
import type { Suite } from "./suite.ts";

/** A ticket of a peer, and what goes with it. */
export interface StoredTicket {
  /** What the peer wants to see again; opaque. */
  readonly ticket: Uint8Array;
  /** The pre-shared key, 32 bytes; secret. */
  readonly psk: Uint8Array;
  /** Suite of the connection on which it came. */
  readonly suite: Suite;
  /** What the peer granted on that connection. */
  readonly limits: StreamLimits;
  /** When the peer refuses it. */
  readonly expiresAt: Instant;
}

/** A ticket as it arrives. */
export interface ReceivedTicket {
  /** What the peer wants to see again; opaque. */
  readonly ticket: Uint8Array;
  /** When the peer refuses it. */
  readonly expiresAt: Instant;
  /** What the handshake of the connection settled on which it came. */
  readonly result: {
    readonly suite: Suite;
    readonly peerStaticPublicKey: Uint8Array;
    readonly peerParameters: StreamLimits;
    readonly resumptionSecret: Uint8Array;
  };
}

/** Tickets by the static public key of the peer that made them. */
export class TicketStore {
  readonly #maxTickets: number;
  /** The peer whose newest ticket is oldest comes first. */
  readonly #byPeer = new Map<string, StoredTicket[]>();
  #size = 0;

  /** @param maxTickets How many are kept in total; 0 keeps none. */
  constructor(maxTickets: number) {
    this.#maxTickets = maxTickets;
  }

  /** How many tickets are kept, expired ones included. */
  get size(): number {
    return this.#size;
  }

  /**
   * Keeps a ticket.
   *
   * @param peer Static public key of the peer that made it.
   * @param ticket The ticket; its arrays are kept.
   */
  add(peer: Uint8Array, ticket: StoredTicket): void {
    if (this.#maxTickets === 0) return;
    const key = keyOf(peer);
    const tickets = this.#byPeer.get(key) ?? [];
    this.#byPeer.delete(key);
    this.#byPeer.set(key, tickets);
    tickets.push(ticket);
    this.#size++;
    if (tickets.length > MAX_TICKETS_OF_PEER) this.#drop(tickets);
    if (this.#size <= this.#maxTickets) return;
    const [oldestKey, oldest] = this.#byPeer.entries().next().value!;
    this.#drop(oldest);
    if (oldest.length === 0) this.#byPeer.delete(oldestKey);
  }

  /**
   * Takes a ticket out: it is for one connection.
   *
   * @param now The time.
   * @param peer Static public key of the peer to connect to.
   * @returns The ticket that lives longest, or `undefined`.
   */
  take(now: Instant, peer: Uint8Array): StoredTicket | undefined {
    const key = keyOf(peer);
    const tickets = this.#byPeer.get(key) ?? [];
    let found: StoredTicket | undefined;
    while (found === undefined && tickets.length > 0) {
      const ticket = tickets.pop()!;
      this.#size--;
      if (ticket.expiresAt > now) found = ticket;
      else wipe(ticket.psk);
    }
    if (tickets.length === 0) this.#byPeer.delete(key);
    return found;
  }

  /**
   * Forgets the tickets of a peer that has refused one: most likely it was
   * started again and takes none of them.
   *
   * @param peer Its static public key.
   */
  forget(peer: Uint8Array): void {
    const key = keyOf(peer);
    const tickets = this.#byPeer.get(key) ?? [];
    while (tickets.length > 0) this.#drop(tickets);
    this.#byPeer.delete(key);
  }

  #drop(tickets: StoredTicket[]): void {
    wipe(tickets.shift()!.psk);
    this.#size--;
  }
}

function keyOf(peer: Uint8Array): string {
  return String.fromCharCode(...peer);
}
