/**
 * IP addresses as text and as the bytes that payloads carry.
 *
 * @module
 */
import {
  formatIpv6,
  IPV4_LENGTH,
  mappedIpv4,
  parseIpv4,
  parseIpv6,
} from "../internal/ip_address.ts";

export { IPV4_LENGTH, parseIpv4, parseIpv6 };

/**
 * Writes an IP address.
 *
 * @param bytes 4 or 16 bytes in network order.
 * @returns Its text, IPv6 without brackets. An IPv4 address inside an IPv6 one
 * is written as IPv4.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === IPV4_LENGTH) return bytes.join(".");
  return mappedIpv4(bytes)?.join(".") ?? formatIpv6(bytes);
}

/**
 * Brings an IP address into one shape, so that equal addresses are equal text.
 *
 * @param hostname An IP address or anything else.
 * @returns The one shape of an IP address; anything else as it is.
 */
export function canonicalHostname(hostname: string): string {
  const bytes = parseIpv4(hostname) ?? parseIpv6(hostname);
  return bytes === undefined ? hostname : formatIp(bytes);
}

/**
 * Whether an address stands for "every address of this machine".
 *
 * @param hostname An IP address or anything else.
 */
export function isUnspecified(hostname: string): boolean {
  const bytes = parseIpv4(hostname) ?? parseIpv6(hostname);
  return bytes?.every((byte) => byte === 0) ?? false;
}

/** A host and a port. */
export interface HostPort {
  /** An IP address without brackets, or a host name; empty when not given. */
  readonly hostname: string;
  /** 0 to 65,535. */
  readonly port: number;
}

/**
 * Reads `host:port`, with an IPv6 address in brackets.
 *
 * @param text For example `192.0.2.1:9000`, `[::1]:9000` or `:9000`.
 * @returns Its parts; `undefined` for any other text.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, ipv6, name = "", portText = ""] = match;
  const port = Number(portText);
  if (port > 65_535) return undefined;
  if (ipv6 === undefined) return { hostname: name, port };
  const bytes = parseIpv6(ipv6);
  return bytes === undefined ? undefined : { hostname: formatIp(bytes), port };
}

/**
 * Writes `host:port`, with an IPv6 address in brackets.
 *
 * @param address Host and port.
 */
export function formatHostPort(address: HostPort): string {
  return address.hostname.includes(":")
    ? `[${address.hostname}]:${address.port}`
    : `${address.hostname}:${address.port}`;
}
