/**
 * A network address as the transport sees it.
 *
 * @module
 */
import { mappedIpv4, parseIpv6 } from "../../internal/ip_address.ts";

/** Where datagrams come from and go to. */
export interface Address {
  /**
   * Numeric IPv4 or IPv6 address, without brackets. One to send to may end in a
   * zone, as `fe80::1%eth0`; not every socket names that of a sender.
   */
  readonly hostname: string;
  /** UDP port, 1 to 65,535. */
  readonly port: number;
}

/**
 * Whether two addresses are the same place.
 *
 * @param a One address.
 * @param b The other.
 * @returns Whether host and port are equal, apart from zones: one names them, the
 * other does not, or in another way.
 */
export function isSameAddress(a: Address, b: Address): boolean {
  return a.port === b.port &&
    (a.hostname === b.hostname || isSameInAnyZone(a.hostname, b.hostname));
}

function isSameInAnyZone(a: string, b: string): boolean {
  return (a.includes("%") || b.includes("%")) &&
    withoutZone(a) === withoutZone(b);
}

/**
 * A host apart from its zone.
 *
 * @param hostname A numeric address.
 * @returns The same, up to the zone if there is one.
 */
export function withoutZone(hostname: string): string {
  const end = hostname.indexOf("%");
  return end === -1 ? hostname : hostname.slice(0, end);
}

/**
 * Writes an address for a person or a map key: `host:port`, IPv6 in brackets.
 *
 * @param address The address.
 * @returns Its text form.
 */
export function formatAddress(address: Address): string {
  return address.hostname.includes(":")
    ? `[${address.hostname}]:${address.port}`
    : `${address.hostname}:${address.port}`;
}

/**
 * What counts as one sender: an IPv4 address, or the /64 of an IPv6 address, which
 * is what a network gives to one customer at least (RFC 6177 §2).
 *
 * @param hostname A numeric address.
 * @returns A key, the same for all addresses of one sender.
 */
export function senderKey(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const bytes = parseIpv6(hostname);
  if (bytes === undefined) return hostname;
  const mapped = mappedIpv4(bytes);
  if (mapped !== undefined) return mapped.join(".");
  return `${bytes.subarray(0, 8).join(".")}/64`;
}

/**
 * Whether an address is this machine's own (`127.0.0.0/8`, `::1`).
 *
 * @param address A numeric address.
 */
export function isLoopback(address: Address): boolean {
  const { hostname } = address;
  const mapped = hostname.startsWith("::ffff:") ? hostname.slice(7) : hostname;
  return mapped === "::1" || /^127\.\d+\.\d+\.\d+$/.test(mapped);
}
