/**
 * When an address may be tried again that did not prove to be the peer's: each
 * attempt takes what is sent away from where the peer has been proven to be.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import { type Address, isSameAddress } from "./address.ts";
import { MAX_PTO_MS } from "./loss_detector.ts";

/**
 * Attempts that came to nothing, one after the other, after which other addresses
 * than the last one wait as well: a peer that moves on is elsewhere only once.
 */
export const MAX_IMPATIENT_ATTEMPTS = 3;

/** Attempts to reach one peer elsewhere that came to nothing, since an address was proven. */
export class PathBackoff {
  /** The last address that did not answer. */
  #abandoned: Address | undefined;
  #attempts = 0;
  #retryAt: Instant = -Infinity;

  /**
   * Whether an address may be tried.
   *
   * @param now The time.
   * @param address One that is not proven.
   */
  isDue(now: Instant, address: Address): boolean {
    if (this.#abandoned === undefined || now >= this.#retryAt) return true;
    return this.#attempts <= MAX_IMPATIENT_ATTEMPTS &&
      !isSameAddress(address, this.#abandoned);
  }

  /**
   * An address was left before it was proven: it is tried again after a probe
   * timeout, after twice as long each time that follows (RFC 9000 §8.2.1).
   *
   * @param now The time.
   * @param address The address; kept.
   * @param ptoMs The probe timeout without backoff, in milliseconds.
   */
  onAbandoned(now: Instant, address: Address, ptoMs: number): void {
    this.#abandoned = address;
    this.#retryAt = now + Math.min(ptoMs * 2 ** this.#attempts, MAX_PTO_MS);
    this.#attempts++;
  }
}
