/**
 * How long a connection may be silent (RFC 9000 §10.1).
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";

/**
 * The part of its interval by which a keep-alive may come early. Connections that
 * began together would be asked together for ever, and a thousand answers at
 * once overflow a receive buffer.
 */
const KEEP_ALIVE_SPREAD = 0.25;

/** Where the timers are set. */
interface Timers {
  set(name: "idle" | "keep-alive", at: Instant): void;
}

/** Sets the timers `idle` and `keep-alive` of a connection. */
export class IdleTimers {
  readonly #timers: Timers;
  readonly #keepAliveIntervalMs: number;
  #idleTimeoutMs: number;
  #isAckElicitingSentSinceReceipt = false;

  /**
   * @param timers Where they are set.
   * @param config Silence after which the peer counts as gone, and after which
   * it is asked for a sign of life; 0 turns that off.
   * @param spread From 0 to 1, another number for each connection: how much sooner
   * than that it is asked.
   */
  constructor(
    timers: Timers,
    config: {
      readonly idleTimeoutMs: number;
      readonly keepAliveIntervalMs: number;
    },
    spread: number,
  ) {
    this.#timers = timers;
    this.#idleTimeoutMs = config.idleTimeoutMs;
    this.#keepAliveIntervalMs = config.keepAliveIntervalMs *
      (1 - KEEP_ALIVE_SPREAD * spread);
  }

  /** Silence after which the peer counts as gone, in milliseconds. */
  get idleTimeoutMs(): number {
    return this.#idleTimeoutMs;
  }

  /**
   * The shorter of both ends' timeouts holds.
   *
   * @param idleTimeoutMs The peer's.
   */
  limit(idleTimeoutMs: number): void {
    this.#idleTimeoutMs = Math.min(this.#idleTimeoutMs, idleTimeoutMs);
  }

  /**
   * Something arrived.
   *
   * @param now The time.
   * @param marginMs Three probe timeouts: the least that idle means.
   */
  onReceived(now: Instant, marginMs: number): void {
    this.#isAckElicitingSentSinceReceipt = false;
    this.#restart(now, marginMs);
  }

  /**
   * Something that the peer has to acknowledge was sent: the first one since
   * something arrived counts as activity.
   *
   * @param now The time.
   * @param marginMs Three probe timeouts: the least that idle means.
   */
  onAckElicitingSent(now: Instant, marginMs: number): void {
    if (this.#isAckElicitingSentSinceReceipt) return;
    this.#isAckElicitingSentSinceReceipt = true;
    this.#restart(now, marginMs);
  }

  #restart(now: Instant, marginMs: number): void {
    const idleMs = Math.max(this.#idleTimeoutMs, marginMs);
    this.#timers.set("idle", now + idleMs);
    if (this.#keepAliveIntervalMs === 0) return;
    // The peer's idle timeout may be the shorter one.
    this.#timers.set(
      "keep-alive",
      now + Math.min(this.#keepAliveIntervalMs, idleMs / 3),
    );
  }
}
