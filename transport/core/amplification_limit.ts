/**
 * How much may be sent to an address nobody has proven (RFC 9000 §8.1).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";

/** Bytes that may be sent for each byte received (RFC 9000 §8.1). */
export const AMPLIFICATION_FACTOR = 3;

/**
 * Counts bytes in both directions until the peer's address is validated, so
 * that a spoofed address gets at most three times what it was made to send.
 */
export class AmplificationLimit {
  #creditBytes = 0;

  /** How many bytes may be sent now; `Infinity` once validated. */
  get allowedBytes(): number {
    return Math.max(0, this.#creditBytes);
  }

  /** Whether the peer's address is proven. */
  get isValidated(): boolean {
    return this.#creditBytes === Infinity;
  }

  /**
   * A datagram came from the address; all of its bytes count.
   *
   * @param bytes Size of the UDP payload.
   */
  onReceived(bytes: number): void {
    assert(bytes >= 0, "a datagram has no negative size");
    this.#creditBytes += AMPLIFICATION_FACTOR * bytes;
  }

  /**
   * A datagram was sent to the address.
   *
   * @param bytes Size of the UDP payload.
   */
  onSent(bytes: number): void {
    assert(bytes >= 0, "a datagram has no negative size");
    this.#creditBytes -= bytes;
  }

  /** The peer has shown that it receives at this address: no limit any more. */
  onValidated(): void {
    this.#creditBytes = Infinity;
  }
}
