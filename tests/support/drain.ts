/**
 * What an endpoint sends, for tests that carry its packets themselves.
 *
 * @module
 */
import type { Address } from "../../transport/core/address.ts";
import type { Endpoint } from "../../transport/core/endpoint.ts";

/**
 * Takes all that an endpoint wants to send.
 *
 * @param endpoint The endpoint.
 * @param now The time.
 * @returns The datagrams, and where they go.
 */
export function drain(
  endpoint: Endpoint,
  now: number,
): { to: Address; packet: Uint8Array }[] {
  const buffer = new Uint8Array(65_535);
  const sent: { to: Address; packet: Uint8Array }[] = [];
  for (;;) {
    const transmit = endpoint.pollTransmit(now, buffer);
    if (transmit === undefined) return sent;
    sent.push({ to: transmit.to, packet: buffer.slice(0, transmit.length) });
  }
}
