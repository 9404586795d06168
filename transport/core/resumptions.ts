/**
 * Both ends of session tickets for one endpoint: those that it gives and takes
 * back, and those that it was given; with their counters.
 *
 * @module
 */
import {
  isEqualConstantTime,
  type StaticKey,
  ticketPsk,
  wipe,
} from "../../crypto/mod.ts";
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import type { TicketFrame } from "../../protocol/frame/mod.ts";
import type { Address } from "./address.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import { EarlyData } from "./early_data.ts";
import type { HandshakeResult } from "./handshake.ts";
import { SessionTickets, type TicketOutcome } from "./session_ticket.ts";
import type {
  TicketRefusalCounts,
  TicketRefusalReason,
  TicketStats,
} from "./stats.ts";
import type { StreamLimits } from "./stream/stream_limits.ts";
import { suiteParts } from "./suite.ts";
import { type ReceivedTicket, TicketStore } from "./ticket_store.ts";

/** What a connection has for tickets. */
interface TicketTarget {
  readonly state: string;
  readonly remoteAddress: Address;
  sendTicket(ticket: Omit<TicketFrame, "type">): void;
}

/** The session tickets of one endpoint. */
export class Resumptions {
  readonly #config: EndpointConfig;
  readonly #tickets: SessionTickets;
  readonly #store: TicketStore;
  readonly #staticKey: StaticKey;
  readonly #refused: TicketRefusalCounts = {};
  #issuedCount = 0;
  #acceptedCount = 0;
  #earlyAcceptedCount = 0;
  #earlyRejectedCount = 0;

  /**
   * @param config Lifetime and bounds.
   * @param random Where ticket keys and ids come from.
   * @param staticKey Ours, on which both ends' pre-shared keys depend.
   */
  constructor(
    config: EndpointConfig,
    random: RandomSource,
    staticKey: StaticKey,
  ) {
    this.#config = config;
    this.#staticKey = staticKey;
    this.#tickets = new SessionTickets(random, config);
    this.#store = new TicketStore(config.maxStoredTickets);
  }

  /** Counters. */
  get stats(): TicketStats {
    return {
      issued: this.#issuedCount,
      accepted: this.#acceptedCount,
      refused: { ...this.#refused },
      stored: this.#store.size,
      earlyAccepted: this.#earlyAcceptedCount,
      earlyRejected: this.#earlyRejectedCount,
    };
  }

  /**
   * The pre-shared key of a ticket, at either end.
   *
   * @param resumptionSecret Of the connection that it comes from; borrowed.
   * @param peer The other end's static public key, proven by then.
   * @param ticket All of its bytes; borrowed.
   * @returns 32 bytes.
   */
  pskOf(
    resumptionSecret: Uint8Array,
    peer: Uint8Array,
    ticket: Uint8Array,
  ): Uint8Array {
    const staticSecret = this.#staticKey.agreeStatic(peer);
    const psk = ticketPsk(resumptionSecret, staticSecret, ticket);
    wipe(staticSecret);
    return psk;
  }

  /** A peer that has just proven its static key is likely to come back. */
  #expectReturn(peer: Uint8Array): void {
    const staticSecret = this.#staticKey.agreeStatic(peer);
    this.#staticKey.remember(peer, staticSecret);
    wipe(staticSecret);
  }

  // ── Tickets of ours ───────────────────────────────────────────────────────

  /**
   * Gives the peer of a new connection as many tickets as it wants and gets.
   *
   * @param now The time.
   * @param connection One that the peer has opened; its handshake is complete.
   * @param result What the handshake settled; its resumption secret is wiped.
   */
  issue(now: Instant, connection: TicketTarget, result: HandshakeResult): void {
    if (connection.state === "established") {
      const count = this.#ticketCount(result);
      // Now, so that a copied ticket makes nobody agree on it.
      if (count > 0) this.#expectReturn(result.peerStaticPublicKey);
      for (let index = 0; index < count; index++) {
        const { hostname } = connection.remoteAddress;
        connection.sendTicket({
          lifetimeSeconds: Math.floor(this.#config.ticketLifetimeMs / 1_000),
          ticket: this.#tickets.create(now, {
            suiteCode: suiteParts(result.suite).code,
            resumptionSecret: result.resumptionSecret,
            initiatorPublicKey: result.peerStaticPublicKey,
            hostname,
          }),
        });
      }
      this.#issuedCount += count;
    }
    wipe(result.resumptionSecret);
  }

  #ticketCount({ suite, peerParameters }: HandshakeResult): number {
    // A ticket's hello has one datagram: no room for the keys of a KEM.
    if (suiteParts(suite).isHybrid) return 0;
    const { ticketsPerConnection } = this.#config;
    return Math.min(ticketsPerConnection, peerParameters.maxTickets);
  }

  /**
   * Opens the ticket of a hello; it is not used yet.
   *
   * @param now The time.
   * @param ticket Any bytes; borrowed.
   * @param suiteCode Number of the suite of the hello.
   * @returns What it says, or why it is refused.
   */
  open(now: Instant, ticket: Uint8Array, suiteCode: number): TicketOutcome {
    if (this.#config.ticketsPerConnection === 0) {
      return { ok: false, reason: "disabled" };
    }
    const outcome = this.#tickets.open(now, ticket);
    if (!outcome.ok || outcome.ticket.suiteCode === suiteCode) return outcome;
    wipe(outcome.ticket.resumptionSecret);
    return { ok: false, reason: "other-suite" };
  }

  /**
   * Takes the word of an initiator that it has sent a ticket in vain: what left
   * with it comes again, so the ticket must not be taken any more.
   *
   * @param now The time.
   * @param ticket Any bytes; borrowed.
   * @param owner Static public key of the initiator.
   * @returns Whether what comes may be processed: not if its owner's was already,
   * when somebody has forged our refusal.
   */
  giveUp(now: Instant, ticket: Uint8Array, owner: Uint8Array): boolean {
    const outcome = this.#tickets.open(now, ticket);
    if (!outcome.ok) {
      // Nobody else learns whether it was used.
      return outcome.reason !== "used" ||
        !isEqualConstantTime(outcome.initiatorPublicKey, owner);
    }
    const { initiatorPublicKey, resumptionSecret } = outcome.ticket;
    wipe(resumptionSecret);
    if (isEqualConstantTime(initiatorPublicKey, owner)) outcome.ticket.giveUp();
    return true;
  }

  /** A ticket was used. */
  onAccepted(): void {
    this.#acceptedCount++;
  }

  /**
   * A ticket was refused.
   *
   * @param reason Why.
   */
  onRefused(reason: TicketRefusalReason): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
  }

  // ── Tickets of peers ──────────────────────────────────────────────────────

  /**
   * Takes a ticket of a peer, for a connection to it.
   *
   * @param now The time.
   * @param peer The peer's static public key.
   * @param local What we grant the peer.
   * @returns Streams that need not wait for the handshake, or `undefined` when
   * there is no ticket.
   */
  take(
    now: Instant,
    peer: Uint8Array,
    local: StreamLimits,
  ): EarlyData | undefined {
    const ticket = this.#store.take(now, peer);
    if (ticket === undefined) return undefined;
    return new EarlyData({
      ticket,
      local,
      sendBufferBytes: this.#config.sendBufferBytes,
      maxBufferedBytes: this.#config.maxBufferedBytes,
      maxStretches: this.#config.maxStreamStretches,
      onUnused: () => this.#store.add(peer, ticket),
      onSettled: (isAccepted) => {
        if (isAccepted) this.#earlyAcceptedCount++;
        else {
          this.#earlyRejectedCount++;
          this.#store.forget(peer);
        }
      },
    });
  }

  /**
   * Keeps a ticket.
   *
   * @param received As it has arrived.
   */
  keep({ ticket, expiresAt, result }: ReceivedTicket): void {
    const { suite, peerStaticPublicKey: peer, peerParameters } = result;
    this.#expectReturn(peer);
    this.#store.add(peer, {
      ticket,
      psk: this.pskOf(result.resumptionSecret, peer, ticket),
      suite,
      limits: peerParameters,
      expiresAt,
    });
  }
}
