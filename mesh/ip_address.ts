/**
 * IP addresses as text and as the bytes that payloads carry.
 *
 * @module
 */

/** Size of an IPv4 address, in bytes. */
export const IPV4_LENGTH = 4;

/** Size of an IPv6 address, in bytes. */
export const IPV6_LENGTH = 16;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|$)){4}$/;
const IPV6_CHARACTERS = /^[0-9A-Fa-f:.]+$/;
/** `::ffff:0:0/96`: an IPv4 address as an IPv6 socket sees it (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX: readonly number[] = [
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  255,
  255,
];

/**
 * Reads an IPv4 address.
 *
 * @param text For example `192.0.2.1`.
 * @returns 4 bytes in network order; `undefined` for any other text.
 */
export function parseIpv4(text: string): Uint8Array | undefined {
  if (!IPV4.test(text) || text.endsWith(".")) return undefined;
  return Uint8Array.from(text.split("."), Number);
}

/**
 * Reads an IPv6 address.
 *
 * @param text For example `2001:db8::1`, without brackets and zone.
 * @returns 16 bytes in network order; `undefined` for any other text.
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (!IPV6_CHARACTERS.test(text) || !URL.canParse(`http://[${text}]/`)) {
    return undefined;
  }
  // The URL standard writes every IPv6 address in one shape, without dots.
  const shape = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [left = "", right] = shape.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = new Array<string>(8 - head.length - tail.length).fill("0");
  const bytes = new Uint8Array(IPV6_LENGTH);
  [...head, ...zeros, ...tail].forEach((group, index) => {
    const value = parseInt(group, 16);
    bytes[index * 2] = value >>> 8;
    bytes[index * 2 + 1] = value & 0xff;
  });
  return bytes;
}

/**
 * Writes an IP address.
 *
 * @param bytes 4 or 16 bytes in network order.
 * @returns Its text, IPv6 without brackets. An IPv4 address inside an IPv6 one
 * is written as IPv4.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === IPV4_LENGTH) return bytes.join(".");
  if (MAPPED_PREFIX.every((byte, index) => bytes[index] === byte)) {
    return bytes.subarray(MAPPED_PREFIX.length).join(".");
  }
  const groups: string[] = [];
  for (let index = 0; index < IPV6_LENGTH; index += 2) {
    groups.push((bytes[index]! * 256 + bytes[index + 1]!).toString(16));
  }
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
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
