/**
 * What an endpoint counts over all its connections.
 *
 * @module
 */
import type { LimitCounts, LimitName } from "./limits.ts";
import type { DropCounts, DropReason, EndpointStats } from "./stats.ts";

/** Counters of one endpoint; they only grow. */
export class EndpointCounters {
  #datagramsReceived = 0;
  #bytesReceived = 0;
  #datagramsSent = 0;
  #bytesSent = 0;
  #resetsSent = 0;
  readonly #limitsReached: LimitCounts = {};
  readonly #drops: DropCounts = {};

  /** The part of an endpoint's statistics that is known here: a copy. */
  get stats(): Pick<
    EndpointStats,
    | "datagramsReceived"
    | "bytesReceived"
    | "datagramsSent"
    | "bytesSent"
    | "resetsSent"
    | "limitsReached"
    | "drops"
  > {
    return {
      datagramsReceived: this.#datagramsReceived,
      bytesReceived: this.#bytesReceived,
      datagramsSent: this.#datagramsSent,
      bytesSent: this.#bytesSent,
      resetsSent: this.#resetsSent,
      limitsReached: { ...this.#limitsReached },
      drops: { ...this.#drops },
    };
  }

  /** @param byteCount Size of a datagram that arrived. */
  onReceived(byteCount: number): void {
    this.#datagramsReceived++;
    this.#bytesReceived += byteCount;
  }

  /** @param byteCount Size of a datagram that leaves. */
  onSent(byteCount: number): void {
    this.#datagramsSent++;
    this.#bytesSent += byteCount;
  }

  /** A packet of a connection that is not known is answered by a reset. */
  onResetSent(): void {
    this.#resetsSent++;
  }

  /** @param limit A limit that somebody has reached. */
  onLimit(limit: LimitName): void {
    this.#limitsReached[limit] = (this.#limitsReached[limit] ?? 0) + 1;
  }

  /** @param reason Why something was dropped. */
  onDropped(reason: DropReason): void {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1;
  }
}
