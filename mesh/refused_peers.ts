/**
 * Peers that take no more connections, and how long each is left alone: a
 * handshake costs either end a thousand times what a call costs.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import type { TransportError } from "../transport/mod.ts";
import { REFUSED_MAX_MS, REFUSED_MIN_MS } from "./config.ts";

interface Refusal {
  readonly error: TransportError;
  readonly pauseMs: number;
  readonly retryAt: Instant;
}

/** Who has refused a connection a moment ago. */
export class RefusedPeers {
  readonly #maxCount: number;
  /** By the peer's key, in the order in which they refused last. */
  readonly #refusals = new Map<string, Refusal>();

  /** @param maxCount How many are remembered; those that refused first are forgotten. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /**
   * A peer has refused a connection. It is left alone for a moment, and for twice
   * as long when it refuses the next attempt as well.
   *
   * @param now The time.
   * @param key Of the peer.
   * @param error What the connection ended with.
   */
  add(now: Instant, key: string, error: TransportError): void {
    const last = this.#refusals.get(key);
    // One that has not refused for as long as it was left alone begins anew.
    const isAgain = last !== undefined && now < last.retryAt + last.pauseMs;
    const pauseMs = isAgain
      ? Math.min(2 * last.pauseMs, REFUSED_MAX_MS)
      : REFUSED_MIN_MS;
    this.#refusals.delete(key);
    this.#refusals.set(key, { error, pauseMs, retryAt: now + pauseMs });
    if (this.#refusals.size <= this.#maxCount) return;
    for (const oldest of this.#refusals.keys()) {
      this.#refusals.delete(oldest);
      break;
    }
  }

  /**
   * Whether a peer is left alone.
   *
   * @param now The time.
   * @param key Of the peer.
   * @returns What it refused with; `undefined` when it may be asked.
   */
  find(now: Instant, key: string): TransportError | undefined {
    const refusal = this.#refusals.get(key);
    return refusal !== undefined && now < refusal.retryAt
      ? refusal.error
      : undefined;
  }
}
