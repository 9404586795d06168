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
  /** The last challenges of as many attempts as come without a wait, and the first that waits. */
  #challenges: Uint8Array[] = [];
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
   * Whether an address that was left has answered after all. Then it was not in
   * vain: somebody who copies the peer's packets took it away before the answer
   * came, and must not have it wait by that.
   *
   * @param data The bytes of a path response; not secret.
   */
  isAnsweredLate(data: Uint8Array): boolean {
    return this.#challenges.some((challenge) =>
      challenge.every((byte, index) => byte === data[index])
    );
  }

  /**
   * An address was left before it was proven: it is tried again after a probe
   * timeout, and after twice as long each time that follows (RFC 9000 §8.2.1).
   *
   * @param now The time.
   * @param left The address, and the bytes that it was to return; kept.
   * @param ptoMs The probe timeout without backoff, in milliseconds.
   */
  onAbandoned(
    now: Instant,
    left: { address: Address; challenge: Uint8Array | undefined },
    ptoMs: number,
  ): void {
    this.#abandoned = left.address;
    if (left.challenge !== undefined) this.#challenges.push(left.challenge);
    if (this.#challenges.length > MAX_IMPATIENT_ATTEMPTS + 1) {
      this.#challenges.shift();
    }
    this.#retryAt = now + Math.min(ptoMs * 2 ** this.#attempts, MAX_PTO_MS);
    this.#attempts++;
  }
}
