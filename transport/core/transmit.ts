/**
 * One datagram to send.
 *
 * @module
 */
import type { Address } from "./address.ts";

/** What `pollTransmit` wrote, and where it goes. */
export interface Transmit {
  /** Destination. */
  readonly to: Address;
  /** How many bytes of the buffer are the datagram. */
  readonly length: number;
  /** Whether it may not leave in one message with others, for the system to cut. */
  readonly isSeparate: boolean;
}
